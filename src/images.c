/* images.c - the images that a command line names: files, all files in folders, and a list that another program wrote. */
#include <config.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "program.h"

#define DEPTH_MAX 64		/* folders in folders */

static int push(struct images *list, char *path)
{
	if (list->n == list->room) {
		size_t room = list->room ? 2 * list->room : 64;
		char **v = reallocarray(list->v, room, sizeof(*v));

		if (!v)
			path = NULL;
		else
			list->v = v, list->room = room;
	}
	if (!path) {
		fprintf(stderr, _("imgmend: out of memory\n"));
		return -1;
	}
	list->v[list->n++] = path;
	return 0;
}

/* Files of our own beside images. */
static bool is_ours(const char *name)
{
	return strstr(name, ".imgmend-journal") || strstr(name, ".imgmend-clone");
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int add_folder(struct images *list, const char *folder, int depth);

/* What a folder holds: regular files and folders; links, devices and sockets are left alone. */
static int add_entry(struct images *list, const char *folder, const char *name, int depth)
{
	struct stat st;
	char *path;
	int rc = 0;

	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || is_ours(name))
		return 0;
	if (asprintf(&path, "%s%s%s", folder, folder[strlen(folder) - 1] == '/' ? "" : "/", name) < 0)
		return push(list, NULL);
	if (lstat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_size)
		return push(list, path);
	if (lstat(path, &st) == 0 && S_ISDIR(st.st_mode))
		rc = add_folder(list, path, depth + 1);
	free(path);
	return rc;
}

static int add_folder(struct images *list, const char *folder, int depth)
{
	struct dirent **names;
	char name[SHOWN_MAX];
	int n = depth < DEPTH_MAX ? scandir(folder, &names, NULL, by_name) : -1, rc = 0;

	if (depth >= DEPTH_MAX)
		errno = ELOOP;
	if (n < 0) {
		fprintf(stderr, _("imgmend: %s: cannot list it: %s\n"), shown(folder, name), strerror(errno));
		list->failed++;
		return 0;
	}
	for (int i = 0; i < n; i++) {
		if (rc == 0)
			rc = add_entry(list, folder, names[i]->d_name, depth);
		free(names[i]);
	}
	free(names);
	return rc;
}

static int add(struct images *list, const char *path)
{
	size_t before = list->n, failed = list->failed;
	char name[SHOWN_MAX];
	struct stat st;

	if (stat(path, &st) < 0 || !S_ISDIR(st.st_mode))
		return push(list, strdup(path));
	if (add_folder(list, path, 0) < 0)
		return -1;
	if (list->n == before && list->failed == failed) {
		fprintf(stderr, _("imgmend: %s: there are no images in it\n"), shown(path, name));
		list->failed++;
	}
	return 0;
}

/* Names that are ended by a zero byte, as `find -print0` writes them. */
static int add_list(struct images *list, const char *file)
{
	bool is_stdin = strcmp(file, "-") == 0;
	FILE *f = is_stdin ? stdin : fopen(file, "re");
	char *line = NULL;
	size_t room = 0;
	int rc = 0;

	if (!f) {
		fprintf(stderr, _("imgmend: %s: cannot read the list of images: %s%s\n"), file, strerror(errno), next_step(errno));
		return -1;
	}
	while (rc == 0 && getdelim(&line, &room, 0, f) > 0)
		if (*line)
			rc = add(list, line);
	if (ferror(f)) {
		fprintf(stderr, _("imgmend: %s: cannot read the list of images: %s\n"), file, strerror(errno));
		rc = -1;
	}
	free(line);
	if (!is_stdin)
		fclose(f);
	return rc;
}

int images_list(const struct settings *s, struct images *list)
{
	int rc = 0;

	*list = (struct images){ 0 };
	for (int i = 0; i < s->n_images && rc == 0; i++)
		rc = add(list, s->images[i]);
	return rc == 0 && s->files0_from ? add_list(list, s->files0_from) : rc;
}

void images_free(struct images *list)
{
	for (size_t i = 0; i < list->n; i++)
		free(list->v[i]);
	free(list->v);
}
