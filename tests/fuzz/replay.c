/* replay.c - every stored input through its fuzz target, with any compiler.
 *
 *	replay			every target, its inputs in tests/fuzz/corpus/TARGET of $srcdir
 *	replay TARGET FILE...	these inputs through one target
 *
 * A target ends the program where a promise is broken; the line before says which input it was. A corpus that has
 * lost its files would pass unnoticed, so each has a least number.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

typedef int target_fn(const uint8_t *data, size_t size);

target_fn fuzz_fat, fuzz_filesystems, fuzz_image, fuzz_inside, fuzz_journal, fuzz_map, fuzz_ntfs, fuzz_plan,
	fuzz_scan, fuzz_tables, fuzz_vss;

static const struct {
	const char *name;
	target_fn *run;
	int least;
} targets[] = {
	{ "fat", fuzz_fat, 5 }, { "filesystems", fuzz_filesystems, 20 }, { "image", fuzz_image, 20 },
	{ "inside", fuzz_inside, 1 }, { "journal", fuzz_journal, 20 }, { "map", fuzz_map, 5 }, { "ntfs", fuzz_ntfs, 4 },
	{ "plan", fuzz_plan, 2 }, { "scan", fuzz_scan, 20 }, { "tables", fuzz_tables, 8 }, { "vss", fuzz_vss, 1 },
};

#define TARGETS (sizeof(targets) / sizeof(targets[0]))

static void die(const char *what)
{
	perror(what);
	exit(2);
}

/* Exactly as long as the file, so that a read too far is seen. */
static void run_file(target_fn *run, const char *path)
{
	FILE *f = fopen(path, "rb");
	uint8_t *data;
	long size;

	if (!f || fseek(f, 0, SEEK_END) < 0 || (size = ftell(f)) < 0 || fseek(f, 0, SEEK_SET) < 0)
		die(path);
	data = malloc(size ? (size_t)size : 1);
	if (!data || fread(data, 1, (size_t)size, f) != (size_t)size)
		die(path);
	fclose(f);
	printf("%s\n", path);
	fflush(stdout);
	run(data, (size_t)size);
	free(data);
}

static int run_folder(target_fn *run, const char *name)
{
	const char *srcdir = getenv("srcdir");
	char folder[4096], path[8192];
	struct dirent **list;
	int n, ran = 0;

	snprintf(folder, sizeof(folder), "%s/tests/fuzz/corpus/%s", srcdir ? srcdir : ".", name);
	n = scandir(folder, &list, NULL, alphasort);
	if (n < 0)
		die(folder);
	for (int i = 0; i < n; i++) {
		if (list[i]->d_name[0] != '.') {
			snprintf(path, sizeof(path), "%s/%s", folder, list[i]->d_name);
			run_file(run, path);
			ran++;
		}
		free(list[i]);
	}
	free(list);
	return ran;
}

int main(int argc, char **argv)
{
	int bad = 0;

	for (size_t t = 0; t < TARGETS; t++) {
		int ran = 0;

		if (argc > 1 && strcmp(argv[1], targets[t].name) != 0)
			continue;
		for (int i = 2; i < argc; i++)
			run_file(targets[t].run, argv[i]);
		if (argc > 2)
			return 0;
		ran = run_folder(targets[t].run, targets[t].name);
		printf("%s: %d inputs\n", targets[t].name, ran);
		if (ran < targets[t].least) {
			fprintf(stderr, "%s: only %d inputs, at least %d are expected\n", targets[t].name, ran, targets[t].least);
			bad = 1;
		}
	}
	return bad;
}
