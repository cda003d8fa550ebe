/* ntfs_free.c - the free clusters of an NTFS volume: the clear bits of $Bitmap, where the volume was left cleanly.
 *
 * Source: as ntfs.h; $VOLUME_INFORMATION's flags and the restart area of $LogFile as libntfs-3g's layout.h and logfile.h have
 * them.
 */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "fmt/free.h"
#include "fmt/ntfs.h"

#define CHUNK 65536u
#define VOLUME_INFORMATION 0x70u
#define VOLUME_DIRTY 0x0001u
#define RESTART_CLEAN 0x0002u

/* The flags of the volume. 1, 0 when they are not there, -1. */
static int volume_flags(struct im_ntfs *fs, uint16_t *flags, struct im_error *err)
{
	uint8_t record[IM_NTFS_MAX_RECORD];
	struct im_ntfs_attr attr;
	uint32_t pos = 0;
	int rc = im_ntfs_record(fs, IM_NTFS_VOLUME, record, err);

	if (rc != IM_FOUND)
		return rc < 0 ? -1 : 0;
	while (im_ntfs_attr_next(record, &pos, &attr) == 1)
		if (attr.type == VOLUME_INFORMATION && attr.is_resident && attr.value_len >= 12) {
			*flags = im_get16(attr.value + 10);
			return 1;
		}
	return 0;
}

/* Has the log nothing that is still to be done? An area of FFs was never used, or was reset. */
static bool log_is_clean(const uint8_t page[512])
{
	uint16_t area = im_get16(page + 24);

	for (int i = 0; page[i] == 0xff; i++)
		if (i == 511)
			return true;
	if (memcmp(page, "RSTR", 4) != 0 || area > 512 - 16)
		return false;
	return im_get16(page + area + 12) == 0xffff || im_get16(page + area + 14) & RESTART_CLEAN;
}

static int is_clean(struct im_ntfs *fs, bool *yes, struct im_error *err)
{
	struct im_ntfs_stream log;
	uint8_t page[512];
	uint16_t flags;
	int rc = volume_flags(fs, &flags, err);

	*yes = false;
	if (rc <= 0)
		return rc;
	rc = im_ntfs_stream_of(fs, IM_NTFS_LOGFILE, IM_NTFS_DATA, &log, err);
	if (rc != IM_FOUND)
		return rc < 0 ? -1 : 0;
	if (!log.is_resident)
		rc = im_ntfs_read_runs(fs, &log.runs, 0, page, sizeof(page), err);
	*yes = !log.is_resident && rc == IM_FOUND && !(flags & VOLUME_DIRTY) && log_is_clean(page);
	im_ntfs_stream_close(&log);
	return rc < 0 ? -1 : 0;
}

static int look(struct im_ntfs *fs, const struct im_ntfs_stream *map, struct im_free *f, struct im_error *err)
{
	uint8_t *buf;
	int rc = IM_FOUND;

	if (map->is_resident || map->size < (fs->g.clusters + 7) / 8)
		return im_free_unknown(f, _("its $Bitmap is shorter than its clusters need"));
	buf = malloc(CHUNK);
	if (!buf)
		return im_error_nomem(err);
	for (uint64_t n = 0, count; n < fs->g.clusters && rc == IM_FOUND; n += count) {
		count = im_min(8ull * CHUNK, fs->g.clusters - n);
		rc = im_ntfs_read_runs(fs, &map->runs, n / 8, buf, (size_t)((count + 7) / 8), err);
		if (rc == IM_FOUND && im_free_add_bits(f, buf, n, count, 0, fs->g.cluster, err) < 0)
			rc = -1;
	}
	free(buf);
	return rc == IM_DAMAGED ? im_free_unknown(f, _("its $Bitmap cannot be read")) : rc;
}

int im_free_ntfs(struct im_dev *vol, struct im_free *f, struct im_error *err)
{
	struct im_ntfs_stream map;
	struct im_ntfs fs;
	const char *why = "";
	bool clean;
	int rc = im_ntfs_open(&fs, vol, &why, err);

	if (rc != IM_FOUND) {
		im_ntfs_close(&fs);
		return rc < 0 ? -1 : im_free_unknown(f, _("its $MFT cannot be read"));
	}
	rc = is_clean(&fs, &clean, err);
	if (rc == 0 && !clean)
		rc = im_free_unknown(f, _("it was not left cleanly"));
	else if (rc == 0 && (rc = im_ntfs_stream_of(&fs, IM_NTFS_BITMAP, IM_NTFS_DATA, &map, err)) == IM_FOUND) {
		rc = look(&fs, &map, f, err);
		im_ntfs_stream_close(&map);
	} else if (rc >= 0) {
		rc = im_free_unknown(f, _("its $Bitmap cannot be read"));
	}
	im_ntfs_close(&fs);
	return rc;
}
