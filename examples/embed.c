/* embed.c - libimgmend in another program: an image that lives in the program's own storage, here in memory.
 *
 *	embed IMAGE JOURNAL [OUT]	repair a copy of IMAGE in memory, with its journal in the file JOURNAL; show the findings and the
 *					progress, write the result to OUT, take the repair back, and compare
 *
 * Built with: cc embed.c $(pkg-config --cflags --libs libimgmend)
 */
#include <errno.h>
#include <imgmend.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct memory {
	struct imgmend_storage storage;
	unsigned char *bytes;
	unsigned flushes;
};

static int memory_read(void *arg, uint64_t offset, void *buf, size_t size)
{
	memcpy(buf, ((struct memory *)arg)->bytes + offset, size);
	return 0;
}

static int memory_write(void *arg, uint64_t offset, const void *buf, size_t size)
{
	memcpy(((struct memory *)arg)->bytes + offset, buf, size);
	return 0;
}

/* Real storage makes durable here what was written before. */
static int memory_flush(void *arg)
{
	((struct memory *)arg)->flushes++;
	return 0;
}

static int memory_resize(void *arg, uint64_t size)
{
	struct memory *m = arg;
	unsigned char *bytes = realloc(m->bytes, size);

	if (!bytes)
		return ENOMEM;
	m->bytes = bytes;
	if (size > m->storage.size)
		memset(bytes + m->storage.size, 0, size - m->storage.size);
	m->storage.size = size;
	return 0;
}

static int load(struct memory *m, const char *path)
{
	FILE *f = fopen(path, "rb");
	long size;

	if (!f || fseek(f, 0, SEEK_END) < 0 || (size = ftell(f)) < 0 || fseek(f, 0, SEEK_SET) < 0)
		return -1;
	m->bytes = malloc((size_t)size);
	m->storage = (struct imgmend_storage){ m, (uint64_t)size, 512, memory_read, memory_write, memory_flush, NULL, memory_resize };
	if (!m->bytes || fread(m->bytes, 1, (size_t)size, f) != (size_t)size)
		return -1;
	fclose(f);
	return 0;
}

static int save(const struct memory *m, const char *path)
{
	FILE *f = fopen(path, "wb");

	return f && fwrite(m->bytes, 1, m->storage.size, f) == m->storage.size && fclose(f) == 0 ? 0 : -1;
}

static int fail(const char *what, const struct imgmend_error *err)
{
	fprintf(stderr, "embed: %s: %s\n", what, err->message);
	return 1;
}

/* Zero goes on; anything else would stop the repair at the next safe point. */
static int progress(void *arg, enum imgmend_phase phase, uint64_t done, uint64_t total)
{
	*(unsigned *)arg += phase == IMGMEND_PHASE_MOVE && done == total;
	return 0;
}

static int show(const char *name, const struct imgmend_options *options, struct imgmend_error *err)
{
	const struct imgmend_finding *finding;
	imgmend_scan *scan;
	size_t n;

	if (imgmend_scan_image(name, options, &scan, err) < 0)
		return -1;
	finding = imgmend_scan_findings(scan, &n);
	for (size_t i = 0; i < n; i++)
		printf("%s: %s\n", finding[i].id, finding[i].message);
	imgmend_scan_free(scan);
	return 0;
}

int main(int argc, char **argv)
{
	struct memory m = { 0 };
	struct imgmend_error err;
	unsigned ends = 0;
	struct imgmend_options options = { .storage = &m.storage, .progress = progress, .progress_arg = &ends };
	enum imgmend_state state;
	imgmend_plan *plan;
	unsigned char *old;
	uint64_t size;

	if (argc < 3 || load(&m, argv[1]) < 0) {
		fprintf(stderr, "usage: embed IMAGE JOURNAL [OUT]\n");
		return 2;
	}
	options.journal = argv[2];
	size = m.storage.size;
	old = malloc(size);
	if (!old)
		return 1;
	memcpy(old, m.bytes, size);

	if (show("memory", &options, &err) < 0)
		return fail("scan", &err);
	if (imgmend_plan_image("memory", &options, &plan, &err) < 0)
		return fail("plan", &err);
	if (imgmend_fix("memory", plan, &options, NULL, &err) < 0)
		return fail("fix", &err);
	imgmend_plan_free(plan);
	if (argc > 3 && save(&m, argv[3]) < 0)
		return 1;
	if (imgmend_undo("memory", &options, &state, &err) < 0)
		return fail("undo", &err);
	printf("repaired and taken back: %s; %u flushes, progress came to its end %u times\n",
	       m.storage.size == size && memcmp(old, m.bytes, size) == 0 ? "equal" : "NOT EQUAL", m.flushes, ends);
	free(old);
	free(m.bytes);
	return 0;
}
