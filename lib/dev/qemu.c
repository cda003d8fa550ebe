/* qemu.c - see qemu.h. */
#include "dev/qemu.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dev/nbd.h"
#include "dev/server.h"

struct qemu {
	struct im_dev dev;
	struct im_dev *inside;		/* NULL while there is no server */
	struct im_dev *file;		/* the container */
	bool by_path;			/* qemu opens it by its path, else by our descriptor */
	struct im_server server;
	char path[PATH_MAX];
	char format[16];
};

#define PATIENCE 50		/* tenths of a second */

static const char *const formats[] = { "qcow2", "vpc", "vhdx", "vmdk", "vdi" };

bool im_qemu_knows(const char *format)
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		if (strcmp(format, formats[i]) == 0)
			return true;
	return false;
}

/* ---- the server ---- */

/* Why it did not serve: its own words, where it had any. */
static int explain(struct qemu *q, struct im_error *err)
{
	char line[400];

	/* it is gone, or about to be: what it wrote last is complete */
	im_server_words(&q->server, line, sizeof(line));
	if (!line[0])
		return im_error_prefix(err, "%s: qemu-nbd, which opens %s files, does not serve (is it installed? it is in the package"
				       " qemu-utils)", q->path, q->format);
	if (strstr(line, "lock"))
		return im_error_set(err, IM_EBUSY, "%s: a running qemu, or another program that locks images as qemu does, has it open:"
				    " %s", q->path, line);
	return im_error_set(err, IM_EREFUSED, "%s: qemu-nbd does not open it: %s", q->path, line);
}

/* What qemu is to open: the file that we have looked at, by our descriptor, and no backing file whatever it names (of these
 * formats the others know none, and not the word); or, where the user allows what it names, which may be relative to it, the
 * path. The format goes beside it, by -f. */
static void name_it(const struct qemu *q, char *name, size_t len)
{
	bool may_back = strcmp(q->format, "qcow2") == 0 || strcmp(q->format, "vmdk") == 0;

	if (!q->by_path)
		snprintf(name, len, "json:{%s\"file\":{\"driver\":\"file\",\"filename\":\"/proc/self/fd/%d\"}}",
			 may_back ? "\"backing\":null," : "", IM_SERVER_FILE);
	else
		snprintf(name, len, "%s", q->path);
}

static int start(struct qemu *q, struct im_error *err)
{
	char name[PATH_MAX + 64];
	char *argv[10];
	size_t n = 0;
	int fd;

	name_it(q, name, sizeof(name));
	argv[n++] = (char *)"qemu-nbd";
	argv[n++] = (char *)"-f";
	argv[n++] = q->format;
	argv[n++] = (char *)"--discard=unmap";
	argv[n++] = (char *)"--cache=writeback";
	if (q->dev.is_read_only)
		argv[n++] = (char *)"-r";
	argv[n++] = name;
	argv[n] = NULL;
	if (im_server_start(&q->server, argv, im_dev_file_fd(q->file), &fd, err) < 0)
		return im_error_prefix(err, "%s", q->path);
	q->inside = im_dev_nbd_socket(fd, q->path, !q->dev.is_read_only, q->dev.sector_size, err);
	if (!q->inside) {
		explain(q, err);
		im_server_stop(&q->server);
		return -1;
	}
	/* its driver has no zeros of its own, and calls everything data */
	if (strcmp(q->format, "vhdx") == 0)
		im_nbd_look_before_zeros(q->inside);
	q->dev.size = q->inside->size;
	return 0;
}

static void stop(struct qemu *q)
{
	im_dev_close(q->inside);
	q->inside = NULL;
	im_server_stop(&q->server);
}

static int check_served(const struct qemu *q, struct im_error *err)
{
	return q->inside ? 0 : im_error_set(err, IM_EIO, "%s: there is no server for it any more", q->path);
}

/* ---- the device ---- */

static int qemu_read(struct im_dev *dev, uint64_t off, void *buf, size_t len, struct im_error *err)
{
	struct qemu *q = (struct qemu *)dev;

	return check_served(q, err) < 0 ? -1 : im_dev_read(q->inside, off, buf, len, err);
}

static int qemu_write(struct im_dev *dev, uint64_t off, const void *buf, size_t len, struct im_error *err)
{
	struct qemu *q = (struct qemu *)dev;

	return check_served(q, err) < 0 ? -1 : im_dev_write(q->inside, off, buf, len, err);
}

static int qemu_zero(struct im_dev *dev, uint64_t off, uint64_t len, struct im_error *err)
{
	struct qemu *q = (struct qemu *)dev;

	return check_served(q, err) < 0 ? -1 : im_dev_zero(q->inside, off, len, err);
}

static int qemu_flush(struct im_dev *dev, struct im_error *err)
{
	struct qemu *q = (struct qemu *)dev;

	return check_served(q, err) < 0 ? -1 : im_dev_flush(q->inside, err);
}

static int qemu_extent(struct im_dev *dev, uint64_t off, uint64_t len, struct im_extent *out, struct im_error *err)
{
	struct qemu *q = (struct qemu *)dev;

	return check_served(q, err) < 0 ? -1 : im_dev_extent(q->inside, off, len, out, err);
}

/* While qemu-nbd is away, somebody who only looks at the container may have got in. He will not stay. */
static bool waits_for_lock(const struct im_error *err, int *tries)
{
	if (!strstr(err->message, "lock") || ++*tries > PATIENCE)
		return false;
	usleep(100000);
	return true;
}

/* qemu-nbd cannot; so it makes room for qemu-img, which makes the change durable before it ends. */
static int qemu_resize(struct im_dev *dev, uint64_t size, struct im_error *err)
{
	struct qemu *q = (struct qemu *)dev;
	char number[32], name[PATH_MAX + 64];
	char *argv[10];
	size_t n = 0;
	struct im_error why = { 0 }, other = { 0 };
	int rc, tries = 0;

	if (check_served(q, err) < 0 || im_dev_flush(q->inside, err) < 0)
		return -1;
	snprintf(number, sizeof(number), "%" PRIu64, size);
	name_it(q, name, sizeof(name));
	argv[n++] = (char *)"qemu-img";
	argv[n++] = (char *)"resize";
	argv[n++] = (char *)"-q";
	if (size < dev->size)
		argv[n++] = (char *)"--shrink";
	argv[n++] = (char *)"-f";
	argv[n++] = q->format;
	argv[n++] = name;
	argv[n++] = number;
	argv[n] = NULL;
	stop(q);
	while ((rc = im_server_run(argv, im_dev_file_fd(q->file), &why)) < 0 && waits_for_lock(&why, &tries))
		;
	while (start(q, &other) < 0 && waits_for_lock(&other, &tries))
		;
	if (err && (rc < 0 || !q->inside))
		*err = rc < 0 ? why : other;
	if (!q->inside)
		return -1;
	if (rc < 0)
		return im_error_prefix(err, "%s: cannot change the size of the %s to %" PRIu64 " bytes", q->path, q->format, size);
	if (dev->size != size)
		return im_error_set(err, IM_EIO, "%s: qemu-img made %" PRIu64 " bytes of it instead of %" PRIu64, q->path, dev->size, size);
	return 0;
}

static void qemu_close(struct im_dev *dev)
{
	stop((struct qemu *)dev);
	im_dev_close(((struct qemu *)dev)->file);
	free(dev);
}

static const struct im_dev_ops qemu_ops = {
	.read = qemu_read, .write = qemu_write, .zero = qemu_zero, .flush = qemu_flush, .extent = qemu_extent,
	.close = qemu_close,
};

static const struct im_dev_ops resizable_ops = {
	.read = qemu_read, .write = qemu_write, .zero = qemu_zero, .flush = qemu_flush, .extent = qemu_extent,
	.resize = qemu_resize, .close = qemu_close,
};

struct im_dev *im_dev_qemu(struct im_dev *file, const char *path, const char *format, bool may_follow, struct im_error *err)
{
	struct qemu *q = calloc(1, sizeof(*q));

	if (!q) {
		im_dev_close(file);
		im_error_nomem(err);
		return NULL;
	}
	q->server.words = -1;
	q->file = file;
	q->by_path = may_follow;
	snprintf(q->format, sizeof(q->format), "%s", format);
	q->dev = (struct im_dev){
		.ops = strcmp(format, "qcow2") == 0 ? &resizable_ops : &qemu_ops, .sector_size = file->sector_size,
		.is_read_only = file->is_read_only, .is_parallel = true, .container = q->format,
	};
	/* an absolute path is never taken for one of qemu's protocols */
	if (!realpath(path, q->path))
		im_error_sys(err, errno, "%s: cannot open it", path);
	else if (start(q, err) == 0)
		return &q->dev;
	im_dev_close(file);
	free(q);
	return NULL;
}

struct im_dev *im_qemu_file(const struct im_dev *dev)
{
	return ((const struct qemu *)dev)->file;
}

int im_qemu_create(const char *path, const char *format, uint64_t size, struct im_error *err)
{
	char number[32], real[PATH_MAX];
	char *argv[] = { (char *)"qemu-img", (char *)"create", (char *)"-q", (char *)"-f", (char *)format, real, number,
			 /* else it rounds up to what cylinders, heads and sectors can say */
			 strcmp(format, "vpc") == 0 ? (char *)"-oforce_size=on" : NULL, NULL };
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return im_error_sys(err, errno, "%s: cannot create it", path);
	close(fd);
	snprintf(number, sizeof(number), "%" PRIu64, size);
	/* absolute, so that no name is taken for an option or a protocol */
	if (!realpath(path, real))
		im_error_sys(err, errno, "%s: cannot look at it", path);
	else if (im_server_run(argv, -1, err) == 0)
		return 0;
	unlink(path);
	return -1;
}
