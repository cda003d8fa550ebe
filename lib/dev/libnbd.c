/* libnbd.c - see libnbd.h. */
#include "dev/libnbd.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/hold.h"

#define SONAME "libnbd.so.0"

struct im_libnbd im_libnbd;

static bool was_tried;
static char complaint[200];		/* why it is not loaded */

/* The dynamic linker's own words are kept: the next call of it would overwrite them. */
static bool has_failed(const void *got)
{
	const char *why = got ? NULL : dlerror();

	if (!got)
		snprintf(complaint, sizeof(complaint), "%s", why ? why : SONAME);
	return !got;
}

static void load(void)
{
	void *lib = dlopen(SONAME, RTLD_NOW | RTLD_LOCAL);

	if (has_failed(lib))
		return;
#define LOAD(name) \
	im_libnbd.name = (__typeof__(im_libnbd.name))dlsym(lib, "nbd_" #name); \
	if (has_failed((const void *)im_libnbd.name)) \
		return;
	IM_LIBNBD_FUNCTIONS(LOAD)
#undef LOAD
}

int im_libnbd_load(const char *name, struct im_error *err)
{
	im_hold();
	if (!was_tried)
		load();
	was_tried = true;
	im_release();
	if (!*complaint)
		return 0;
	return im_error_set(err, IM_EREFUSED, "%s: NBD exports, qcow2, VHD, VHDX, VMDK and VDI are opened by libnbd, which cannot be"
			    " loaded: %s; install it (Debian: libnbd0)", name, complaint);
}
