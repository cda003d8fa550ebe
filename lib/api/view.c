/* view.c - imgmend_preview and imgmend_copy: the corrected image beside the old one. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "dev/inuse.h"
#include "dev/nbd.h"
#include "dev/qemu.h"
#include "api/api.h"

#define CHUNK (4u << 20)

struct imgmend_view {
	struct im_dev *image, *view;
};

static int open_view(imgmend_view *v, const char *path, const imgmend_plan *plan, const struct imgmend_options *options,
		     struct im_error *err)
{
	v->image = im_leftover_open(path, options, err);
	if (!v->image)
		return -1;
	if (im_api_check_plan(plan, v->image, options, err) < 0)
		return im_error_prefix(err, "%s", path);
	v->image->sector_size = plan->plan.sector_size;
	v->view = im_map_view(&plan->plan.map, v->image, err);
	return v->view ? 0 : -1;
}

int imgmend_preview(const char *path, const imgmend_plan *plan, const struct imgmend_options *options, imgmend_view **out,
		    struct imgmend_error *error)
{
	struct imgmend_options none = { 0 };
	imgmend_view *v = calloc(1, sizeof(*v));
	struct im_error err = { 0 };

	if (!v || open_view(v, path, plan, options ? options : &none, &err) < 0) {
		if (!v)
			im_error_nomem(&err);
		imgmend_view_close(v);
		return im_api_fail(error, &err);
	}
	*out = v;
	return 0;
}

uint64_t imgmend_view_size(const imgmend_view *v)
{
	return v->view->size;
}

int imgmend_view_read(imgmend_view *v, uint64_t off, void *buf, size_t len, struct imgmend_error *error)
{
	struct im_error err = { 0 };

	return im_dev_read(v->view, off, buf, len, &err) < 0 ? im_api_fail(error, &err) : 0;
}

int imgmend_view_extent(imgmend_view *v, uint64_t off, uint64_t most, uint64_t *len, int *is_zero, struct imgmend_error *error)
{
	struct im_error err = { 0 };
	struct im_extent ext;

	if (im_dev_extent(v->view, off, most, &ext, &err) < 0)
		return im_api_fail(error, &err);
	*len = ext.len;
	*is_zero = ext.is_zero;
	return 0;
}

void imgmend_view_close(imgmend_view *v)
{
	if (!v)
		return;
	im_dev_close(v->view);
	im_dev_close(v->image);
	free(v);
}

/* Copy the view; the new file is one hole, so zeros need not be written. */
static int copy(struct im_dev *view, struct im_dev *out, const struct imgmend_options *o, struct im_error *err)
{
	struct im_watch watch = im_api_watch(o, IMGMEND_PHASE_COPY);
	uint8_t *buf = malloc(CHUNK);
	uint64_t off = 0;
	int rc = buf ? 0 : im_error_nomem(err);

	while (rc == 0 && off < view->size) {
		struct im_extent ext;
		size_t n;

		rc = im_dev_extent(view, off, view->size - off, &ext, err);
		if (rc < 0)
			break;
		if (ext.is_zero) {
			off += ext.len;
			continue;
		}
		n = (size_t)im_min(ext.len, CHUNK);
		rc = im_dev_read(view, off, buf, n, err);
		if (rc == 0)
			rc = im_dev_write_sparse(out, off, buf, n, err);
		off += n;
		if (rc == 0)
			rc = im_watch_step(&watch, off, view->size, err);
	}
	free(buf);
	return rc < 0 ? -1 : im_dev_flush(out, err);
}

/* A new image of that size, one hole. */
static struct im_dev *create(const char *path, uint64_t size, const char *format, struct im_error *err)
{
	struct im_dev *dev;

	if (!format || strcmp(format, "raw") == 0)
		return im_dev_file_create(path, size, 0, err);
	if (!im_qemu_knows(format)) {
		im_error_set(err, IM_EUSAGE, "there is no format \"%s\" to write; there are raw, qcow2, vpc (VHD), vhdx, vmdk and vdi", format);
		return NULL;
	}
	if (size % 512) {
		im_error_set(err, IM_EREFUSED, "a %s holds whole sectors of 512 bytes, and the corrected image has %llu bytes; write it as raw",
			     format, (unsigned long long)size);
		return NULL;
	}
	if (im_qemu_create(path, format, size, err) < 0)
		return NULL;
	dev = im_dev_file(path, true, 0, err);
	if (dev)
		dev = im_dev_qemu(dev, path, format, false, err);
	if (dev && dev->size != size) {
		im_error_set(err, IM_EREFUSED, "%s: qemu-img makes a %s of %llu bytes instead of %llu; choose another format", path, format,
			     (unsigned long long)dev->size, (unsigned long long)size);
		im_dev_close(dev);
		dev = NULL;
	}
	if (!dev)
		unlink(path);
	return dev;
}

static int copy_to(imgmend_view *v, const char *output, const struct imgmend_options *options, struct im_error *err)
{
	struct imgmend_options at = { .journal = output };
	struct im_dev *out = create(output, v->view->size, options->copy_format, err);
	struct im_place place;
	int rc;

	if (!out)
		return -1;
	rc = copy(v->view, out, options, err);
	im_dev_close(out);
	if (rc < 0) {
		unlink(output);
		return -1;
	}
	rc = im_place_of(output, &at, &place, err);
	if (rc == 0)
		rc = im_place_sync_dir(&place, err);
	im_place_free(&place);
	return rc;
}

int imgmend_copy(const char *path, const imgmend_plan *plan, const char *output,
		 const struct imgmend_options *options, struct imgmend_error *error)
{
	struct imgmend_options none = { 0 };
	imgmend_view v = { 0 };
	struct im_error err = { 0 };
	int rc;

	options = options ? options : &none;
	rc = im_api_allows(options, "in-use") || !im_api_is_path(path, options) ? 0 : im_inuse_check(path, NULL, &err);
	if (rc == 0)
		rc = open_view(&v, path, plan, options, &err);
	if (rc == 0)
		rc = copy_to(&v, output, options, &err);
	im_dev_close(v.view);
	im_dev_close(v.image);
	return rc < 0 ? im_api_fail(error, &err) : 0;
}
