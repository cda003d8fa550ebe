/* dev.c - the checked entrance to every device. */
#include "dev/dev.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/bytes.h"

static int check_range(struct im_dev *dev, uint64_t off, uint64_t len, const char *what, struct im_error *err)
{
	uint64_t end;

	if (im_add(off, len, &end) && end <= dev->size)
		return 0;
	/* TRANSLATORS: %s is "read", "write" or "zeroing". */
	return im_error_at(err, IM_EIO, off, "%s of %" PRIu64 " bytes at byte %" PRIu64 " passes the end of the image"
			   " (%" PRIu64 " bytes)", _(what), len, off, dev->size);
}

static int check_writable(struct im_dev *dev, struct im_error *err)
{
	if (!dev->is_read_only)
		return 0;
	return im_error_set(err, IM_EIO, "a write was asked of a device that is open read-only");
}

int im_dev_read(struct im_dev *dev, uint64_t off, void *buf, size_t len, struct im_error *err)
{
	if (check_range(dev, off, len, N_("read"), err) < 0 || (!dev->is_filter && im_watch_beat(dev->watch, err) < 0))
		return -1;
	return len ? dev->ops->read(dev, off, buf, len, err) : 0;
}

int im_dev_write(struct im_dev *dev, uint64_t off, const void *buf, size_t len, struct im_error *err)
{
	if (check_range(dev, off, len, N_("write"), err) < 0 || check_writable(dev, err) < 0)
		return -1;
	return len ? dev->ops->write(dev, off, buf, len, err) : 0;
}

static int write_zeros(struct im_dev *dev, uint64_t off, uint64_t len, struct im_error *err)
{
	size_t step = (size_t)im_min(len, 1 << 20);
	uint8_t *zeros = calloc(1, step ? step : 1);
	int rc = 0;

	if (!zeros)
		return im_error_nomem(err);
	while (len && rc == 0) {
		size_t n = (size_t)im_min(len, step);

		rc = dev->ops->write(dev, off, zeros, n, err);
		off += n;
		len -= n;
	}
	free(zeros);
	return rc;
}

int im_dev_zero(struct im_dev *dev, uint64_t off, uint64_t len, struct im_error *err)
{
	if (check_range(dev, off, len, N_("zeroing"), err) < 0 || check_writable(dev, err) < 0)
		return -1;
	if (!len)
		return 0;
	return dev->ops->zero ? dev->ops->zero(dev, off, len, err) : write_zeros(dev, off, len, err);
}

int im_dev_flush(struct im_dev *dev, struct im_error *err)
{
	return dev->ops->flush ? dev->ops->flush(dev, err) : 0;
}

bool im_dev_can_resize(const struct im_dev *dev)
{
	return dev->ops->resize && !dev->is_block && !dev->is_read_only;
}

int im_dev_resize(struct im_dev *dev, uint64_t size, struct im_error *err)
{
	if (size == dev->size)
		return 0;
	if (!im_dev_can_resize(dev))
		return im_error_set(err, IM_EREFUSED, "the size of this device cannot be changed");
	return dev->ops->resize(dev, size, err);
}

void im_dev_forget(struct im_dev *dev)
{
	if (dev->ops->forget)
		dev->ops->forget(dev);
}

int im_dev_share(struct im_dev *dev, uint64_t off, struct im_dev *from, uint64_t from_off, uint64_t len, struct im_error *err)
{
	if (check_range(dev, off, len, N_("write"), err) < 0 || check_range(from, from_off, len, N_("read"), err) < 0 ||
	    check_writable(dev, err) < 0)
		return -1;
	if (!dev->ops->share || !dev->share_unit || off % dev->share_unit || from_off % dev->share_unit || len % dev->share_unit)
		return 1;
	return len ? dev->ops->share(dev, off, from, from_off, len, err) : 0;
}

static bool can_shift(const struct im_dev *dev, uint64_t off, uint64_t len)
{
	return dev->ops->insert && dev->ops->collapse && dev->shift_unit && off % dev->shift_unit == 0 &&
	       len % dev->shift_unit == 0;
}

int im_dev_insert(struct im_dev *dev, uint64_t off, uint64_t len, struct im_error *err)
{
	uint64_t end;

	if (check_range(dev, off, 1, N_("write"), err) < 0 || check_writable(dev, err) < 0)
		return -1;
	if (!im_add(dev->size, len, &end))
		return im_error_set(err, IM_EREFUSED, "a file cannot be that large");
	return can_shift(dev, off, len) ? dev->ops->insert(dev, off, len, err) : 1;
}

int im_dev_collapse(struct im_dev *dev, uint64_t off, uint64_t len, struct im_error *err)
{
	if (check_range(dev, off, len, N_("write"), err) < 0 || check_writable(dev, err) < 0)
		return -1;
	return can_shift(dev, off, len) ? dev->ops->collapse(dev, off, len, err) : 1;
}

int im_dev_physical(struct im_dev *dev, struct im_physicals *out, struct im_error *err)
{
	int rc = 1;

	if (out)
		*out = (struct im_physicals){ 0 };
	if (dev->ops->physical)
		rc = dev->ops->physical(dev, out, err);
	if (rc && out)
		im_vec_free(&out->list);
	return rc;
}

bool im_physical_continues(const struct im_physical *p, const struct im_physical *next)
{
	return p->len && next->len && p->off + p->len == next->off && p->at + p->len == next->at;
}

int im_physicals_add(struct im_physicals *p, struct im_physical piece, struct im_error *err)
{
	struct im_physical *last = p->list.n ? &p->list.v[p->list.n - 1] : NULL, *next;

	if (!piece.len)
		return 0;
	if (last && im_physical_continues(last, &piece)) {
		last->len += piece.len;
		return 0;
	}
	next = im_vec_push(&p->list, err);
	if (!next)
		return -1;
	*next = piece;
	return 0;
}

void im_dev_bypass(struct im_dev *dev)
{
	if (dev->ops->bypass)
		dev->ops->bypass(dev);
}

int im_dev_reserve(struct im_dev *dev, uint64_t size, struct im_error *err)
{
	if (dev->ops->reserve && im_dev_can_resize(dev))
		return dev->ops->reserve(dev, size, err);
	return im_dev_resize(dev, size, err);
}

int im_dev_extent(struct im_dev *dev, uint64_t off, uint64_t len, struct im_extent *out, struct im_error *err)
{
	if (check_range(dev, off, len, "look-up", err) < 0)
		return -1;
	*out = (struct im_extent){ .len = len, .is_zero = false };
	return dev->ops->extent && len ? dev->ops->extent(dev, off, len, out, err) : 0;
}

void im_dev_close(struct im_dev *dev)
{
	if (dev)
		dev->ops->close(dev);
}

int im_dev_write_sparse(struct im_dev *dev, uint64_t off, const void *buf, size_t len, struct im_error *err)
{
	const uint8_t *p = buf;

	while (len) {
		size_t n = 0, unit = IM_SPARSE_UNIT - off % IM_SPARSE_UNIT;
		bool zero = false;

		/* the longest run whose units are all zero, or all not */
		while (n < len) {
			size_t piece = (size_t)im_min(unit, len - n);
			bool z = im_is_zero(p + n, piece);

			if (n && z != zero)
				break;
			zero = z;
			n += piece;
			unit = IM_SPARSE_UNIT;
		}
		if ((zero ? im_dev_zero(dev, off, n, err) : im_dev_write(dev, off, p, n, err)) < 0)
			return -1;
		off += n;
		p += n;
		len -= n;
	}
	return 0;
}
