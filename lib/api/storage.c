/* storage.c - an image that the caller of the library keeps, behind functions of its own. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "api/api.h"

struct storage {
	struct im_dev dev;
	struct im_dev_ops ops;		/* of what the caller has functions for */
	struct imgmend_storage s;
};

static int failed(int code, const char *what, uint64_t off, struct im_error *err)
{
	if (!code)
		return 0;
	/* TRANSLATORS: %s is a verb, such as "read" or "write zeros". */
	im_error_sys(err, code, "byte %" PRIu64 ": the storage cannot %s", off, what);
	return -1;
}

static int storage_read(struct im_dev *dev, uint64_t off, void *buf, size_t len, struct im_error *err)
{
	const struct imgmend_storage *s = &((struct storage *)dev)->s;

	return failed(s->read(s->arg, off, buf, len), _("read"), off, err);
}

static int storage_write(struct im_dev *dev, uint64_t off, const void *buf, size_t len, struct im_error *err)
{
	const struct imgmend_storage *s = &((struct storage *)dev)->s;

	return failed(s->write(s->arg, off, buf, len), _("write"), off, err);
}

static int storage_zero(struct im_dev *dev, uint64_t off, uint64_t len, struct im_error *err)
{
	const struct imgmend_storage *s = &((struct storage *)dev)->s;

	return failed(s->zero(s->arg, off, len), _("write zeros"), off, err);
}

static int storage_flush(struct im_dev *dev, struct im_error *err)
{
	const struct imgmend_storage *s = &((struct storage *)dev)->s;

	return failed(s->flush(s->arg), _("flush"), 0, err);
}

static int storage_resize(struct im_dev *dev, uint64_t size, struct im_error *err)
{
	struct imgmend_storage *s = &((struct storage *)dev)->s;

	if (failed(s->resize(s->arg, size), _("change its size"), size, err) < 0)
		return -1;
	s->size = dev->size = size;
	return 0;
}

static void storage_close(struct im_dev *dev)
{
	free(dev);
}

struct im_dev *im_api_storage(const struct imgmend_options *options, bool write, struct im_error *err)
{
	const struct imgmend_storage *s = options->storage;
	struct storage *n;

	if (!s->read || (s->write && !s->flush) || (s->sector_size && s->sector_size != 512 && s->sector_size != 4096)) {
		im_error_set(err, IM_EUSAGE, "the storage lacks read or flush, or has sectors of %u bytes", s->sector_size);
		return NULL;
	}
	if (write && !s->write) {
		im_error_set(err, IM_EREFUSED, "the storage cannot be written to");
		return NULL;
	}
	n = calloc(1, sizeof(*n));
	if (!n) {
		im_error_nomem(err);
		return NULL;
	}
	n->s = *s;
	n->ops = (struct im_dev_ops){
		.read = storage_read, .write = storage_write, .zero = s->zero ? storage_zero : NULL, .flush = s->flush ? storage_flush : NULL,
		.resize = s->resize ? storage_resize : NULL, .close = storage_close,
	};
	n->dev = (struct im_dev){
		.ops = &n->ops, .size = s->size, .is_read_only = !write,
		.sector_size = options->sector_size ? options->sector_size : s->sector_size ? s->sector_size : 512,
	};
	return &n->dev;
}
