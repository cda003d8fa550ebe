/* extract.c - imgmend_extract: the damaged file in every version that exists, and a manifest. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/api.h"
#include "base/bytes.h"
#include "base/json.h"
#include "base/sha256.h"
#include "fmt/fs_util.h"
#include "scan/versions.h"

#define PIECE (1u << 20)

struct extracting {
	const char *folder;
	int dir;
	struct im_dev *vol;
	const struct im_volume *v;
	struct im_json *json;
	uint8_t *buf;			/* PIECE bytes */
};

/* "partition-1.snapshot-2.name", or "volume.live.name": a name that is one on any file system. */
static void name_file(const struct im_volume *v, size_t i, const char *path, char name[256])
{
	const char *base = strrchr(path, '\\');
	size_t n;

	n = (size_t)(v->number ? snprintf(name, 256, "partition-%d.", v->number) : snprintf(name, 256, "volume."));
	n += (size_t)(i == SIZE_MAX ? snprintf(name + n, 256 - n, "live.") : snprintf(name + n, 256 - n, "snapshot-%zu.", i + 1));
	for (base = base ? base + 1 : path; *base && n < 200; base++)
		name[n++] = *base == '/' || *base == ':' || (unsigned char)*base < 0x20 ? '_' : *base;
	name[n] = 0;
}

static int write_all(const struct extracting *x, int fd, const char *name, uint64_t off, size_t len, struct im_error *err)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = TEMP_FAILURE_RETRY(pwrite(fd, x->buf + done, len - done, (off_t)(off + done)));

		if (n <= 0)
			return im_error_sys(err, n < 0 ? errno : ENOSPC, "%s/%s: cannot write", x->folder, name);
		done += (size_t)n;
	}
	return 0;
}

/* What cannot be read is the version's fault (IM_EFORMAT), what cannot be written that of the folder. */
static int copy(const struct extracting *x, struct im_version *version, int fd, const char *name, struct im_sha256 *hash, struct im_error *err)
{
	for (uint64_t off = 0, n; off < version->stream.size; off += n) {
		int got;

		n = im_min(PIECE, version->stream.size - off);
		got = im_version_read(version, off, x->buf, n, err);
		if (got == IM_DAMAGED)
			return im_error_set(err, IM_EFORMAT, "its clusters end before the file does");
		if (got < 0) {
			err->code = IM_EFORMAT;
			return -1;
		}
		im_sha256_add(hash, x->buf, n);
		if (!im_is_zero(x->buf, n) && write_all(x, fd, name, off, n, err) < 0)
			return -1;
	}
	return ftruncate(fd, (off_t)version->stream.size) < 0 ? im_error_sys(err, errno, "%s/%s: cannot write", x->folder, name) : 0;
}

static int write_file(const struct extracting *x, struct im_version *version, const char *name, char digest[65], struct im_error *err)
{
	int fd = openat(x->dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600), rc;
	struct im_sha256 *hash;
	uint8_t sum[32];

	if (fd < 0)
		return im_error_sys(err, errno, "%s/%s: cannot make this file", x->folder, name);
	hash = im_sha256_new(err);
	rc = hash ? copy(x, version, fd, name, hash, err) : -1;
	if (hash) {
		im_sha256_end(hash, sum);
		im_sha256_text(sum, digest);
	}
	if (rc == 0 && fsync(fd) < 0)
		rc = im_error_sys(err, errno, "%s/%s: cannot make it durable", x->folder, name);
	close(fd);
	if (rc < 0)
		unlinkat(x->dir, name, 0);
	return rc;
}

static void put_trust(struct im_json *j, const struct im_version *version)
{
	im_json_open(j, "lost", '[');
	for (size_t i = 0; i < version->lost.n; i++) {
		im_json_open(j, NULL, '{');
		im_json_uint(j, "start", version->lost.v[i].start);
		im_json_uint(j, "size", version->lost.v[i].len);
		im_json_string(j, "why", version->lost.v[i].why);
		im_json_close(j, '{');
	}
	im_json_close(j, '[');
}

/* One version: its file, and its entry in the manifest. */
static int extract_version(const struct extracting *x, const struct im_area_owner *owner, size_t i, struct im_error *err)
{
	const struct im_shadows *s = x->v->shadows;
	struct im_version version;
	char name[256], digest[65], guid[40];
	int rc = im_version_open(&version, x->vol, s, i, owner, err);

	name_file(x->v, i, owner->name, name);
	if (rc == 0 && !version.missing) {
		rc = write_file(x, &version, name, digest, err);
		/* the others may still be had */
		if (rc < 0 && err->code == IM_EFORMAT) {
			version.missing = err->message;
			rc = 0;
		}
	}
	im_json_open(x->json, NULL, '{');
	im_json_string(x->json, "source", i == SIZE_MAX ? "live" : "snapshot");
	if (i != SIZE_MAX) {
		im_fs_guid(guid, s->catalog.list.v[i].copy);
		im_json_uint(x->json, "snapshot", i + 1);
		im_json_string(x->json, "shadow_copy", guid);
		im_json_uint(x->json, "created", s->catalog.list.v[i].created);
	}
	if (rc == 0 && version.missing) {
		im_json_string(x->json, "missing", version.missing);
	} else if (rc == 0) {
		im_json_string(x->json, "file", name);
		im_json_uint(x->json, "size", version.stream.size);
		im_json_string(x->json, "sha256", digest);
		put_trust(x->json, &version);
	}
	im_json_close(x->json, '{');
	im_version_close(&version);
	return rc;
}

static int extract_owner(const struct extracting *x, const struct im_area_owner *owner, struct im_error *err)
{
	int rc;

	im_json_open(x->json, NULL, '{');
	if (x->v->number)
		im_json_uint(x->json, "partition", (uint64_t)x->v->number);
	im_json_string(x->json, "path", owner->name);
	im_json_uint(x->json, "mft_record", owner->owner.record);
	im_json_open(x->json, "versions", '[');
	rc = extract_version(x, owner, SIZE_MAX, err);
	for (size_t i = 0; rc == 0 && i < x->v->shadows->catalog.list.n; i++)
		rc = extract_version(x, owner, i, err);
	im_json_close(x->json, '[');
	im_json_close(x->json, '{');
	return rc;
}

static int extract_volume(struct extracting *x, struct im_dev *dev, unsigned *n, struct im_error *err)
{
	uint32_t cluster = x->v->info[0].cluster_size;
	int rc = 0;

	x->vol = im_dev_window(dev, x->v->start, x->v->there, err);
	if (!x->vol)
		return -1;
	for (size_t i = 0; rc == 0 && i < x->v->area->owners.n; i++) {
		const struct im_area_owner *o = &x->v->area->owners.v[i];

		if (!im_area_owner_has_header(o, cluster))
			continue;
		rc = extract_owner(x, o, err);
		(*n)++;
	}
	im_dev_close(x->vol);
	return rc;
}

static int extract_all(struct extracting *x, const struct im_scan *scan, struct im_dev *dev, struct im_error *err)
{
	unsigned n = 0;

	for (size_t i = 0; i < scan->volumes.n; i++) {
		x->v = &scan->volumes.v[i];
		if (x->v->area && x->v->shadows && extract_volume(x, dev, &n, err) < 0)
			return -1;
	}
	return n ? 0 : im_error_set(err, IM_EREFUSED, "no file has the place of a shadow-copy header: there is nothing to extract");
}

static int save(const struct extracting *x, const char *text, struct im_error *err)
{
	int fd = openat(x->dir, "manifest.json", O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	ssize_t len = (ssize_t)strlen(text);
	bool ok = fd >= 0 && write(fd, text, (size_t)len) == len && write(fd, "\n", 1) == 1 && fsync(fd) == 0 && fsync(x->dir) == 0;

	if (!ok)
		im_error_sys(err, errno, "%s/manifest.json: cannot write", x->folder);
	if (fd >= 0)
		close(fd);
	return ok ? 0 : -1;
}

/* Scan, and write everything. *text: the manifest. */
static int extract(struct extracting *x, const char *path, const struct imgmend_options *options, char **text, struct im_error *err)
{
	struct im_watch watch = im_api_watch(options, IMGMEND_PHASE_SEARCH);
	struct im_dev *cache, *dev = im_api_open_cached(path, options, &cache, err);
	struct im_scan_options scan_options;
	struct im_json j = { 0 };
	struct im_scan scan;
	int rc = -1;

	x->json = &j;
	if (dev)
		dev->watch = cache->watch = &watch;
	if (cache && im_api_scan_options(options, &scan_options, err) == 0 && im_scan_run(&scan, cache, &scan_options, err) == 0) {
		im_json_open(&j, NULL, '{');
		im_json_string(&j, "schema", "imgmend.extract/1");
		im_json_string(&j, "image", path);
		im_json_open(&j, "files", '[');
		rc = extract_all(x, &scan, cache, err);
		im_json_close(&j, '[');
		im_json_close(&j, '{');
		im_scan_free(&scan);
	}
	*text = im_json_end(&j);
	rc = im_api_unless_stopped(&watch, rc, err);
	if (rc == 0)
		rc = *text ? save(x, *text, err) : im_error_nomem(err);
	im_dev_close(cache);
	im_dev_close(dev);
	return rc;
}

int imgmend_extract(const char *path, const struct imgmend_options *options, const char *folder, char **json, struct imgmend_error *error)
{
	struct imgmend_options wanted = options ? *options : (struct imgmend_options){ 0 };
	struct im_error err = { 0 };
	struct extracting x = { .folder = folder, .dir = -1, .buf = malloc(PIECE) };
	bool is_new = mkdir(folder, 0700) == 0;
	int rc = -1;

	*json = NULL;
	wanted.shadows = 1;
	if (!x.buf)
		im_error_nomem(&err);
	else if (!is_new && errno != EEXIST)
		im_error_sys(&err, errno, "%s: cannot make this folder", folder);
	else if ((x.dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
		im_error_sys(&err, errno, "%s: cannot open this folder", folder);
	else
		rc = extract(&x, path, &wanted, json, &err);
	if (x.dir >= 0)
		close(x.dir);
	free(x.buf);
	if (rc == 0)
		return 0;
	if (is_new)
		rmdir(folder);		/* where nothing was written to it */
	free(*json);
	*json = NULL;
	return im_api_fail(error, &err);
}
