/* session.c - opening what a repair works on. */
#include "api/session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/fence.h"
#include "dev/inuse.h"
#include "dev/nbd.h"
#include "dev/qemu.h"
#include "fmt/label.h"
#include "scan/beside.h"

void im_session_close(struct im_session *s)
{
	if (s->is_open)
		im_exec_close(&s->exec);
	im_dev_close(s->clone);
	im_dev_close(s->journal);
	im_dev_close(s->image);
	im_place_unlock(&s->place, s->lock);
	im_place_free(&s->place);
	free(s->journal_path);
}

static bool on_progress(void *arg, enum im_phase phase, uint64_t done, uint64_t total)
{
	const struct imgmend_options *o = arg;

	(void)phase;
	return !o->progress || o->progress(o->progress_arg, IMGMEND_PHASE_MOVE, done, total) == 0;
}

void im_session_set_hooks(struct im_session *s)
{
	s->exec.hooks = (struct im_exec_hooks){ on_progress, (void *)s->options };
}

static int refuse_container(const char *path, struct im_dev *dev, struct im_error *err)
{
	struct im_error quiet = { 0 };
	const char *name = im_container_name(dev, &quiet);
	char descriptor[512];

	if (name)
		return im_error_set(err, IM_EREFUSED, "%s: this is a %s file, not a raw disk image; convert it first (`qemu-img"
				    " convert -O raw`), or attach it with qemu-nbd and name the device", path,
				    im_container_title(name));
	if (!dev->container && im_beside_vmdk(path, descriptor, sizeof(descriptor)))
		return im_error_set(err, IM_EREFUSED, "%s: this is the data of a VMDK disk that %s describes; convert that disk"
				    " to raw first (`qemu-img convert -O raw`)", path, descriptor);
	return 0;
}

/* Keep others away. qemu-nbd has locked a container by qemu's locks already; against other imgmends there is flock. */
static int lock(struct im_session *s, struct im_error *err)
{
	if (s->image->container) {
		s->file = im_qemu_file(s->image);
		return im_inuse_flock(s->file, s->path, err);
	}
	s->file = s->image;
	/* once more behind the lock: whoever came in between is seen now, whoever comes later sees us */
	if (im_inuse_lock(s->image, s->path, err) < 0 ||
	    (!im_api_allows(s->options, "in-use") && im_inuse_check(s->path, s->image, err) < 0))
		return -1;
	return 0;
}

/* Open the image for writing: not in use, locked, no container that cannot be written. */
int im_session_open_image(struct im_session *s, const char *path, const struct imgmend_options *options, struct im_error *err)
{
	bool is_path = im_api_is_path(path, options);

	*s = (struct im_session){ .path = path, .options = options, .lock = -1 };
	if (im_place_of(path, options, &s->place, err) < 0)
		return -1;
	if (is_path && !im_api_allows(options, "in-use") && im_inuse_check(path, NULL, err) < 0)
		return -1;
	s->image = im_api_open(path, options, true, err);
	if (!s->image) {
		if (err->sys_errno == EACCES || err->sys_errno == EROFS || err->sys_errno == EPERM)
			err->code = IM_EREFUSED;
		return -1;
	}
	if (!is_path)
		return im_place_lock(&s->place, path, &s->lock, err) < 0 ? -1 : refuse_container(path, s->image, err);
	if (lock(s, err) < 0)
		return -1;
	if (!im_dev_file_is(s->file, path))
		return im_error_set(err, IM_EBUSY, "%s: replaced by another file just now; try again", path);
	return refuse_container(path, s->image, err);
}

void im_session_adopt_sector_size(struct im_dev *image, struct im_dev *journal)
{
	uint8_t head[32];

	if (im_dev_read(journal, 0, head, sizeof(head), NULL) == 0) {
		uint32_t ss = im_get32(head + 20);

		if (ss == 512 || ss == 4096)
			image->sector_size = ss;
	}
}

/* Does the journal at path carry this UUID? -1: it cannot be read. */
static int look_at_uuid(const char *path, const uint8_t uuid[16], struct im_error *err)
{
	struct im_dev *dev = im_place_open(path, false, err);
	uint8_t head[40];
	int rc = dev ? 0 : -1;

	if (dev && dev->size >= IM_JOURNAL_BLOCK) {
		rc = im_dev_read(dev, 0, head, sizeof(head), err);
		if (rc == 0)
			rc = memcmp(head + 24, uuid, 16) == 0;
	}
	im_dev_close(dev);
	return rc;
}

bool im_session_is_unfinished(struct im_dev *image, struct im_dev *journal)
{
	uint8_t sector[512], uuid[16];

	if (im_journal_kind_of(journal) != IM_JOURNAL_UNFINISHED)
		return false;
	/* a fence, and the journal that it names: that one was whole once */
	return !image || image->size < sizeof(sector) || im_dev_read(image, 0, sector, sizeof(sector), NULL) < 0 ||
	       !im_fence_is(sector, uuid);
}

static bool has_uuid(const char *path, const uint8_t uuid[16])
{
	return look_at_uuid(path, uuid, NULL) > 0;
}

/* The journal that a fence names. One that cannot be read may be it, so that is no reason to say that there is none. */
static int find_fenced(const struct im_place *place, const uint8_t uuid[16], char **path, struct im_error *err)
{
	struct im_error why = { 0 };
	int found = 0;

	for (int n = im_place_newest(place); n >= 0 && found <= 0; n--) {
		free(*path);
		*path = im_place_path(place, (unsigned)n);
		if (!*path)
			return im_error_nomem(err);
		found = look_at_uuid(*path, uuid, why.code ? NULL : &why);
	}
	if (found > 0)
		return 0;
	free(*path);
	/* a block device may have had another name when the repair began */
	*path = im_beside_find(place->dir, ".imgmend-journal", has_uuid, uuid);
	if (*path || !why.code)
		return 0;
	if (err)
		*err = why;
	return -1;
}

int im_session_find_journal(const struct im_place *place, struct im_dev *image, char **path, struct im_error *err)
{
	int newest = im_place_newest(place);
	uint8_t sector[512], uuid[16];

	*path = NULL;
	if (image && image->size >= sizeof(sector)) {
		if (im_dev_read(image, 0, sector, sizeof(sector), err) < 0)
			return -1;
		if (im_fence_is(sector, uuid))
			return find_fenced(place, uuid, path, err);
	}
	if (newest < 0)
		return 0;
	*path = im_place_path(place, (unsigned)newest);
	return *path ? 0 : im_error_nomem(err);
}

int im_session_remove_journal(struct im_session *s, struct im_error *err)
{
	struct stat st;

	/* somebody removed it before us */
	if (lstat(s->journal_path, &st) < 0 && errno == ENOENT)
		return 0;
	if (!im_dev_file_is(s->journal, s->journal_path))
		return im_error_set(err, IM_ECHANGED, "%s: this is not the journal any more that was worked with; somebody"
				    " replaced it, and it is left alone", s->journal_path);
	if (unlink(s->journal_path) < 0)
		return im_error_sys(err, errno, "%s: cannot remove the journal", s->journal_path);
	if (im_session_drop_clone(s, err) < 0)
		return -1;
	return im_place_sync_dir(&s->place, err);
}

static int no_journal(const struct im_session *s, struct im_error *err)
{
	return im_error_set(err, IM_EREFUSED, "%s: no journal of a repair was found (looked for %s/%s); name it with"
			    " --journal", s->path, s->place.dir, s->place.base);
}

/* Open image, journal and executor. *unfinished: the journal never became whole; exec is not open then. */
int im_session_open(struct im_session *s, const char *path, const struct imgmend_options *options, bool *unfinished,
			struct im_error *err)
{
	enum im_journal_kind kind;

	*unfinished = false;
	if (im_session_open_image(s, path, options, err) < 0)
		return -1;
	if (im_session_find_journal(&s->place, s->image, &s->journal_path, err) < 0)
		return -1;
	if (!s->journal_path)
		return no_journal(s, err);
	s->journal = im_place_open(s->journal_path, true, err);
	if (!s->journal)
		return -1;
	kind = im_journal_kind_of(s->journal);
	*unfinished = im_session_is_unfinished(s->image, s->journal);
	if (*unfinished)
		return 0;
	if (kind == IM_JOURNAL_NOT)
		return im_error_set(err, IM_EREFUSED, "%s: this is no journal of imgmend; it is left alone", s->journal_path);
	im_session_adopt_sector_size(s->image, s->journal);
	if (im_exec_open(&s->exec, s->image, s->journal, err) < 0)
		return im_error_prefix(err, "%s", s->journal_path);
	s->is_open = true;
	if (im_session_find_clone(s, &s->exec, s->journal_path, err) < 0)
		return -1;
	im_session_set_hooks(s);
	return 0;
}

enum imgmend_state im_session_public_state(enum im_exec_state state)
{
	static const enum imgmend_state states[] = {
		IMGMEND_STATE_NOT_STARTED, IMGMEND_STATE_REPAIRING, IMGMEND_STATE_REPAIRED, IMGMEND_STATE_UNDOING,
		IMGMEND_STATE_UNDONE,
	};

	return states[state];
}

/* Is the file at path itself a journal? */
static bool is_journal(const char *path)
{
	struct im_dev *dev = im_dev_file(path, false, 0, NULL);
	enum im_journal_kind kind = dev && dev->size ? im_journal_kind_of(dev) : IM_JOURNAL_NOT;

	im_dev_close(dev);
	return kind == IM_JOURNAL_UNFINISHED || kind == IM_JOURNAL_WHOLE;
}

int im_session_find(struct im_session *s, struct im_error *err)
{
	if (is_journal(s->path)) {
		s->journal_path = strdup(s->path);
		return s->journal_path ? 0 : im_error_nomem(err);
	}
	s->image = im_api_open(s->path, s->options, false, err);
	if (!s->image || im_place_of(s->path, s->options, &s->place, err) < 0)
		return -1;
	return im_session_find_journal(&s->place, s->image, &s->journal_path, err);
}
