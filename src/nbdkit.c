/* nbdkit.c - nbdkit-imgmend-plugin: the corrected view of an image as an NBD export, for `imgmend preview`.
 *
 *	nbdkit imgmend image=FILE plan=FILE [allow=WHAT,...] [format=FMT]
 *
 * The image is only read. What clients write goes nowhere: nbdkit's filter cow keeps it, or the export is read-only.
 */
#include <config.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin.h>

#include "imgmend.h"

#define THREAD_MODEL NBDKIT_THREAD_MODEL_SERIALIZE_ALL_REQUESTS

static char *image, *plan_file, *allow, *format;
static imgmend_plan *plan;

static void fail(const struct imgmend_error *err)
{
	nbdkit_error("%s", err->message);
	nbdkit_set_error(err->sys_errno ? err->sys_errno : EIO);
}

static int set(char **to, char *value)
{
	free(*to);
	*to = value;
	return value ? 0 : -1;
}

static int plugin_config(const char *key, const char *value)
{
	if (strcmp(key, "image") == 0)
		return set(&image, strstr(value, "://") ? strdup(value) : nbdkit_realpath(value));
	if (strcmp(key, "plan") == 0)
		return set(&plan_file, nbdkit_realpath(value));
	if (strcmp(key, "allow") == 0)
		return set(&allow, strdup(value));
	if (strcmp(key, "format") == 0)
		return set(&format, strdup(value));
	nbdkit_error("there is no parameter \"%s\"; there are image, plan, allow and format", key);
	return -1;
}

static int plugin_config_complete(void)
{
	struct imgmend_error err;

	if (!image || !plan_file) {
		nbdkit_error("image=FILE and plan=FILE are wanted; `imgmend plan -o FILE` saves a plan");
		return -1;
	}
	if (imgmend_plan_load(plan_file, &plan, &err) == 0)
		return 0;
	nbdkit_error("%s", err.message);
	return -1;
}

static void plugin_unload(void)
{
	imgmend_plan_free(plan);
	free(image);
	free(plan_file);
	free(allow);
	free(format);
}

static void *plugin_open(int is_read_only)
{
	struct imgmend_options options = { .allow = allow, .format = format };
	struct imgmend_error err;
	imgmend_view *view;

	(void)is_read_only;
	if (imgmend_preview(image, plan, &options, &view, &err) == 0)
		return view;
	fail(&err);
	return NULL;
}

static void plugin_close(void *view)
{
	imgmend_view_close(view);
}

static int64_t plugin_get_size(void *view)
{
	return (int64_t)imgmend_view_size(view);
}

static int plugin_pread(void *view, void *buf, uint32_t count, uint64_t offset, uint32_t flags)
{
	struct imgmend_error err;

	(void)flags;
	if (imgmend_view_read(view, offset, buf, count, &err) == 0)
		return 0;
	fail(&err);
	return -1;
}

static int plugin_can_extents(void *view)
{
	(void)view;
	return 1;
}

static int plugin_extents(void *view, uint32_t count, uint64_t offset, uint32_t flags, struct nbdkit_extents *extents)
{
	uint64_t end = offset + count, len;
	struct imgmend_error err;
	int is_zero;

	(void)flags;
	for (; offset < end; offset += len) {
		if (imgmend_view_extent(view, offset, end - offset, &len, &is_zero, &err) < 0) {
			fail(&err);
			return -1;
		}
		if (nbdkit_add_extent(extents, offset, len, is_zero ? NBDKIT_EXTENT_HOLE | NBDKIT_EXTENT_ZERO : 0) < 0)
			return -1;
	}
	return 0;
}

static struct nbdkit_plugin plugin = {
	.name = "imgmend",
	.longname = "the corrected view of a disk image",
	.version = PACKAGE_VERSION,
	.description = "Serves an image as imgmend would repair it, without changing it.",
	.config = plugin_config,
	.config_complete = plugin_config_complete,
	.config_help = "image=FILE   the image\n"
		       "plan=FILE    the plan, as `imgmend plan -o FILE` saves it\n"
		       "allow=WHAT   as of imgmend\n"
		       "format=FMT   as of imgmend",
	.unload = plugin_unload,
	.open = plugin_open,
	.close = plugin_close,
	.get_size = plugin_get_size,
	.pread = plugin_pread,
	.can_extents = plugin_can_extents,
	.extents = plugin_extents,
};

NBDKIT_REGISTER_PLUGIN(plugin)
