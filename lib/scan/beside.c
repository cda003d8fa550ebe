/* beside.c - looking at the folder of an image. */
#include "scan/beside.h"

#include <dirent.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define DESCRIPTOR_MAX 65536	/* bytes of a descriptor that are read */

/* Does the text file at `file` begin as a VMDK descriptor and name `base` in quotes? */
static bool names(const char *file, const char *base)
{
	char *text = malloc(DESCRIPTOR_MAX + 1), quoted[NAME_MAX + 3];
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "r");
	bool yes = false;

	if (text && f) {
		text[fread(text, 1, DESCRIPTOR_MAX, f)] = 0;
		snprintf(quoted, sizeof(quoted), "\"%s\"", base);
		yes = strncmp(text, "# Disk DescriptorFile", 21) == 0 && strstr(text, quoted);
	}
	if (f)
		fclose(f);
	free(text);
	return yes;
}

static bool ends_in(const char *name, const char *suffix)
{
	size_t n = strlen(name), k = strlen(suffix);

	return n >= k && strcasecmp(name + n - k, suffix) == 0;
}

bool im_beside_vmdk(const char *path, char *descriptor, size_t len)
{
	char a[PATH_MAX], b[PATH_MAX];
	const char *base;
	struct dirent *e;
	bool found = false;
	DIR *d;

	if (!realpath(path, a))
		return false;
	memcpy(b, a, sizeof(b));
	base = basename(b);
	d = opendir(dirname(a));
	while (d && !found && (e = readdir(d))) {
		char file[PATH_MAX + NAME_MAX + 2];

		if (!ends_in(e->d_name, ".vmdk") || strcmp(e->d_name, base) == 0)
			continue;
		snprintf(file, sizeof(file), "%s/%s", a, e->d_name);
		found = names(file, base);
		if (found)
			snprintf(descriptor, len, "%s", file);
	}
	if (d)
		closedir(d);
	return found;
}

char *im_beside_find(const char *dir, const char *part, bool (*fits)(const char *path, const uint8_t uuid[16]),
		     const uint8_t uuid[16])
{
	DIR *d = opendir(dir);
	struct dirent *e;
	char *found = NULL;

	while (d && !found && (e = readdir(d))) {
		if (!strstr(e->d_name, part) || asprintf(&found, "%s/%s", dir, e->d_name) < 0) {
			found = NULL;
			continue;
		}
		if (!fits(found, uuid)) {
			free(found);
			found = NULL;
		}
	}
	if (d)
		closedir(d);
	return found;
}
