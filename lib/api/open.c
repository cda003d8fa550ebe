/* open.c - an image by its name: a raw file or block device, a virtual disk's container, or an NBD export. */
#include <string.h>

#include "api/api.h"
#include "dev/nbd.h"
#include "dev/qemu.h"
#include "fmt/label.h"
#include "fmt/vdisk.h"

static bool is_raw(const struct imgmend_options *options)
{
	return options->format && strcmp(options->format, "raw") == 0;
}

static int check_options(const char *path, const struct imgmend_options *options, struct im_error *err)
{
	uint32_t ss = options->sector_size;

	if (ss && ss != 512 && ss != 4096)
		return im_error_set(err, IM_EUSAGE, "a sector size of %u bytes makes no sense; 512 and 4096 are known", ss);
	if (options->format && !is_raw(options) && !im_qemu_knows(options->format))
		return im_error_set(err, IM_EUSAGE, "%s: the format \"%s\" is not supported; there are raw, qcow2, vpc (VHD), vhdx, vmdk"
				    " and vdi", path, options->format);
	if (options->storage && options->format && !is_raw(options))
		return im_error_set(err, IM_EUSAGE, "%s: storage of the caller's own must have raw content", path);
	if (options->format && !is_raw(options) && im_nbd_is_uri(path))
		return im_error_set(err, IM_EUSAGE, "%s: an NBD export has no format of its own; leave --format out", path);
	return 0;
}

/* The container's format: as its mark says, NULL where it has none that qemu knows. What the user says must agree. */
static int find_format(struct im_dev *file, const struct imgmend_options *options, const char **format, struct im_error *err)
{
	struct im_error why = { 0 };

	*format = im_container_name(file, &why);
	if (why.code) {
		*err = why;
		return -1;
	}
	if (*format && !im_qemu_knows(*format))
		*format = NULL;
	/* a guest can write any mark into its first sectors: a fixed VHD shows itself at its end */
	if (*format && strcmp(*format, "vpc") != 0 && im_container_has_vhd_tail(file, NULL)) {
		if (!options->format)
			return im_error_set(err, IM_EREFUSED, "it has the mark of a %s at its start and that of a VHD at its end; --format says which"
					    " it is", im_container_title(*format));
		if (strcmp(options->format, "vpc") == 0)
			*format = "vpc";
	}
	if (options->format && (!*format || strcmp(options->format, *format) != 0))
		return im_error_set(err, IM_EREFUSED, *format ? N_("it is no %s: its mark is that of a %s") : N_("it is no %s: no mark of one is in it"),
				    options->format, *format ? im_container_title(*format) : "");
	return 0;
}

/* Whose sentences say "it": the name goes in front. */
static int check_container(const char *path, struct im_dev *file, const char *format, const struct im_vdisk_allowed *allowed,
			   struct im_error *err)
{
	return im_vdisk_check(file, format, allowed, err) < 0 ? im_error_prefix(err, "%s", path) : 0;
}

/* The inside of the container; takes file over. */
static struct im_dev *open_container(const char *path, struct im_dev *file, const char *format, const struct imgmend_options *options,
				     struct im_error *err)
{
	struct im_vdisk_allowed allowed = {
		.backing_file = im_api_allows(options, "backing-file"), .data_file = im_api_allows(options, "data-file"),
		.write = !file->is_read_only,
	};
	struct im_dev *dev;

	if (check_container(path, file, format, &allowed, err) < 0) {
		im_dev_close(file);
		return NULL;
	}
	dev = im_dev_qemu(file, path, format, allowed.backing_file || allowed.data_file, err);
	/* once more, now that qemu has it open and locked */
	if (!dev || check_container(path, im_qemu_file(dev), format, &allowed, err) == 0)
		return dev;
	im_dev_close(dev);
	return NULL;
}

/* What the file is, or is the container of, by what is read through `look`; takes file over. */
static struct im_dev *open_file(const char *path, struct im_dev *file, struct im_dev *look, const struct imgmend_options *options,
				struct im_error *err)
{
	const char *format = NULL;

	if (find_format(look, options, &format, err) < 0) {
		im_error_prefix(err, "%s", path);
		im_dev_close(file);
		return NULL;
	}
	if (!format || (!im_nbd_is_there() && im_container_is_fixed_vhd(look, NULL)))
		return file;
	if (im_nbd_is_there())
		return open_container(path, file, format, options, err);
	im_dev_close(file);
	/* says what is lacking */
	return im_dev_nbd_uri(path, false, 0, err);
}

bool im_api_is_path(const char *path, const struct imgmend_options *options)
{
	return !options->storage && !im_nbd_is_uri(path);
}

struct im_dev *im_api_open(const char *path, const struct imgmend_options *options, bool write, struct im_error *err)
{
	struct im_dev *file;

	if (check_options(path, options, err) < 0)
		return NULL;
	if (options->storage)
		return im_api_storage(options, write, err);
	if (im_nbd_is_uri(path))
		return im_dev_nbd_uri(path, write, options->sector_size, err);
	file = im_dev_file(path, write, options->sector_size, err);
	if (file && !write)
		im_dev_file_units(file);
	return !file || is_raw(options) ? file : open_file(path, file, file, options, err);
}

struct im_dev *im_api_open_cached(const char *path, const struct imgmend_options *options, struct im_dev **cache, struct im_error *err)
{
	bool is_file = im_api_is_path(path, options) && !is_raw(options);
	struct im_dev *dev, *file;

	*cache = NULL;
	if (check_options(path, options, err) < 0)
		return NULL;
	dev = file = is_file ? im_dev_file(path, false, options->sector_size, err) : im_api_open(path, options, false, err);
	if (dev)
		*cache = im_dev_cache(dev, err);
	if (*cache && is_file)
		dev = open_file(path, file, *cache, options, err);
	if (*cache && dev != file) {
		im_dev_close(*cache);
		*cache = dev ? im_dev_cache(dev, err) : NULL;
	}
	if (*cache)
		return dev;
	im_dev_close(dev);
	return NULL;
}
