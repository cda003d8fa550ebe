/* seeds.c - makes the first inputs of the fuzz targets: small volumes of every format, disks with them in all sorts
 * of places, saved plans, maps, and journals of repairs that were stopped on the way.
 *
 *	seeds FOLDER		writes FOLDER/TARGET/NAME; what is there already stays (journals
 *				have random identifiers)
 *
 * Run it after adding a volume or a scene, and commit what is new.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adapt/ntfs_repair.h"
#include "fmt/gpt.h"
#include "imgmend.h"
#include "scene.h"
#include "seed_volumes.h"

#define INPUT_MAX 65536u

static const char *folder;

/* ---- inputs ---- */

struct input {
	uint8_t bytes[INPUT_MAX];
	size_t len;
	bool is_full;
};

static void write_input(const char *target, const char *name, const uint8_t *p, size_t len)
{
	char path[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, target);
	mkdir(path, 0777);
	snprintf(path, sizeof(path), "%s/%s/%s", folder, target, name);
	f = fopen(path, "wbx");
	if (!f && errno == EEXIST)
		return;
	FUZZ_CHECK(f && fwrite(p, 1, len, f) == len && fclose(f) == 0, "%s", path);
}

static void add_chunk(struct input *in, int number, uint64_t off, const uint8_t *p, size_t len)
{
	if (in->is_full || in->len + FUZZ_CHUNK + len > INPUT_MAX) {
		in->is_full = true;
		return;
	}
	im_put32(in->bytes + in->len, (uint32_t)(off / FUZZ_UNIT) | (uint32_t)number << 31);
	im_put16(in->bytes + in->len + 4, (uint16_t)len);
	memcpy(in->bytes + in->len + FUZZ_CHUNK, p, len);
	in->len += FUZZ_CHUNK + len;
}

/* Everything that is not zero, in units; three units of zeros end a chunk. */
static void add_device(struct input *in, int number, const uint8_t *p, uint64_t size)
{
	uint64_t start = 0, end = 0;

	im_put32(in->bytes + 4 + 4 * number, (uint32_t)(size / 512) | (uint32_t)(size % 512 / 2) << 24);
	for (uint64_t off = 0; off < size; off += FUZZ_UNIT) {
		size_t n = (size_t)im_min(FUZZ_UNIT, size - off);

		if (im_is_zero(p + off, n))
			continue;
		if (end && (off - end > 3 * FUZZ_UNIT || off - start > 4096)) {
			add_chunk(in, number, start, p + start, (size_t)(end - start));
			start = off;
		} else if (!end) {
			start = off;
		}
		end = off + n;
	}
	if (end)
		add_chunk(in, number, start, p + start, (size_t)(end - start));
}

static void emit(const char *target, const char *name, uint8_t flags, uint32_t options, struct im_dev *dev)
{
	static struct input in;

	in = (struct input){ .len = FUZZ_HEAD };
	im_put32(in.bytes, flags | options << 8);
	in.bytes[12] = 63;
	add_device(&in, 0, im_dev_mem_bytes(dev), dev->size);
	if (!in.is_full)
		write_input(target, name, in.bytes, in.len);
	else
		fprintf(stderr, "%s/%s is too large\n", target, name);
}

/* ---- disks ---- */

/* A volume with a file in its boot area, and what libntfs-3g would make of it. */
static void inside(void)
{
	static struct input in;
	struct maker old = make_volume(512, 512, 8, 0, 8), new = make_volume(512, 512, 16, 0, 95);
	struct im_ntfs_move move = { .from = 8 * 512, .to = 95 * 512, .len = 2 * 512 };
	uint8_t *tail;
	uint64_t size = old.dev->size;

	memset(old.b + 8 * 512, 'd', 2 * 512);
	memset(new.b + 95 * 512, 'd', 2 * 512);
	if (im_dev_resize(new.dev, size + 4096, NULL) < 0)
		exit(2);
	tail = im_dev_mem_bytes(new.dev) + size;
	im_put32(tail, 1);
	memcpy(tail + 8, &move, sizeof(move));
	in = (struct input){ .len = FUZZ_HEAD };
	add_device(&in, 0, old.b, size);
	add_device(&in, 1, im_dev_mem_bytes(new.dev), size + 4096);
	write_input("inside", "one-file", in.bytes, in.len);
	im_dev_close(old.dev);
	im_dev_close(new.dev);
}

static void entry(uint8_t *sector, int slot, uint8_t type, uint64_t start, uint64_t count)
{
	uint8_t *e = sector + 446 + 16 * slot;

	memcpy(e + 1, "\xfe\xff\xff", 3);
	e[4] = type;
	memcpy(e + 5, "\xfe\xff\xff", 3);
	im_put32(e + 8, (uint32_t)start);
	im_put32(e + 12, (uint32_t)count);
	im_put16(sector + 510, 0xaa55);
}

/* The volume at byte `start` of a disk that goes on for `behind` bytes. */
static struct im_dev *disk_with(const struct volume *v, uint64_t start, uint64_t behind, uint64_t *sectors)
{
	struct im_dev *vol = v->make(), *dev = im_dev_mem(start + (vol->size + 511) / 512 * 512 + behind, 512, NULL);

	ck_assert_ptr_nonnull(dev);
	memcpy(im_dev_mem_bytes(dev) + start, im_dev_mem_bytes(vol), vol->size);
	*sectors = (vol->size + 511) / 512;
	im_dev_close(vol);
	return dev;
}

static void emit_disk(const char *scene, const struct volume *v, uint32_t options, struct im_dev *dev)
{
	char name[64];

	snprintf(name, sizeof(name), "%s-%s", scene, v->name);
	emit("scan", name, FUZZ_SEAL | FUZZ_DEEP, 0, dev);
	emit("image", name, FUZZ_SEAL, options, dev);
	im_dev_close(dev);
}

/* One partition at sector 8, and one behind it. */
static void mbr_disk(const struct volume *v)
{
	uint64_t n;
	struct im_dev *dev = disk_with(v, 8 * 512, 64 * 512, &n);
	uint8_t *b = im_dev_mem_bytes(dev);

	im_put32(b + 440, 0x1badb002);
	entry(b, 0, v->type, 8, n);
	entry(b, 1, 0x83, 8 + n + 16, 32);
	emit_disk("mbr", v, 0, dev);
}

/* The same with sectors of 4096 bytes, at sector 1. */
static void mbr4k_disk(const struct volume *v)
{
	uint64_t n;
	struct im_dev *dev = disk_with(v, 4096, 8 * 4096, &n);
	uint8_t *b = im_dev_mem_bytes(dev);

	entry(b, 2, v->type, 1, (n + 7) / 8);
	emit_disk("mbr4k", v, 1, dev);
}

/* Logical partitions: the EBR in sector 3, the volume in sector 9; a second one behind it. */
static void logical_disk(const struct volume *v)
{
	uint64_t n, second;
	struct im_dev *dev = disk_with(v, 9 * 512, 64 * 512, &n);
	uint8_t *b = im_dev_mem_bytes(dev);

	second = 9 + n + 8;
	entry(b, 1, 0x0f, 3, second + 20);
	entry(b + 3 * 512, 0, v->type, 6, n);
	entry(b + 3 * 512, 1, 5, second - 3, 12);
	entry(b + second * 512, 0, 0x83, 2, 10);
	emit_disk("logical", v, 0, dev);
}

/* A FAT volume whose reserved area shall grow, with room before it or behind it. */
static void reserve_disks(const struct volume *v)
{
	static const uint32_t options[] = { 0x400, 0x800, 0x440 };

	for (int i = 0; i < 6; i++) {
		uint64_t n, start = i % 2 ? 9 : 64;
		struct im_dev *dev = disk_with(v, start * 512, 96 * 512, &n);
		uint8_t *b = im_dev_mem_bytes(dev);
		char scene[20];

		if (i < 3) {
			entry(b, 0, v->type, start, n);
			entry(b, 1, 0x83, start + n + (i == 1 ? 0 : 40), 16);
		} else {
			entry(b, 0, 5, 2, start + n + 60);
			entry(b + 2 * 512, 0, v->type, start - 2, n);
			entry(b + 2 * 512, 1, 5, start + n + 20, 12);
			entry(b + (start + n + 22) * 512, 0, 0x83, 2, 10);
		}
		snprintf(scene, sizeof(scene), "reserve%d", i);
		emit_disk(scene, v, options[i % 3], dev);
	}
}

/* A bare volume behind a few sectors of nothing. */
static void bare_disk(const struct volume *v)
{
	uint64_t n;

	emit_disk("bare", v, 0, disk_with(v, 7 * 512, 0, &n));
}

/* A volume from byte 0 on, with a table wanted. */
static void whole_disk(const struct volume *v)
{
	uint64_t n;

	emit_disk("whole", v, v->type % 2 ? 0xa0 : 0xb0, disk_with(v, 0, 0, &n));
}

/* A GPT of four entries, so that a partition may begin in sector 8. is_inside: its backup lies in a second
 * partition, which can stay where it is. */
static void gpt_disk(const struct volume *v, uint32_t ss, bool is_inside)
{
	uint64_t n, start = ss == 512 ? 8 * 512 : 4 * 4096, last, array = ss == 512 ? 6 : 3;
	struct im_dev *dev = disk_with(v, start, is_inside ? 3 << 20 : 16 * 4096, &n);
	uint8_t *b = im_dev_mem_bytes(dev), h[4096] = { 0 };
	struct im_gpt_copy c = { .header_size = 92, .entry_size = 128, .n_entries = 4 };
	uint8_t entries[4 * 128] = { 0 };

	if (dev->size % ss)
		im_dev_resize(dev, dev->size / ss * ss, NULL);
	b = im_dev_mem_bytes(dev);
	last = dev->size / ss - (is_inside ? 30 : 1);
	memcpy(c.header, "EFI PART\0\0\1\0\x5c", 13);
	memset(c.header + 56, 0xd1, 16);
	im_put32(c.header + 80, 4);
	im_put32(c.header + 84, 128);
	im_gpt_name_entry(entries, 1, im_gpt_type_basic_data, (const uint8_t *)"0123456789abcdef");
	memcpy(entries + 56, "d\0a\0t\0a\0", 8);
	im_gpt_put_entry(entries, &c, 1, start, (n * 512 + ss - 1) / ss * ss, ss);
	if (is_inside) {
		im_gpt_name_entry(entries, 2, im_gpt_type_linux, (const uint8_t *)"fedcba9876543210");
		im_gpt_put_entry(entries, &c, 2, dev->size - 100 * 512, 90 * 512, ss);
		memset(b + dev->size - 100 * 512, 'd', 64);
	}
	memcpy(b + array * ss, entries, sizeof(entries));
	memcpy(b + (last - 1) * ss, entries, sizeof(entries));
	im_gpt_put_header(h, &c, &(struct im_gpt_place){ 1, last, array, last - 2, array + 1 }, entries);
	memcpy(b + ss, h, 512);
	im_gpt_put_header(h, &c, &(struct im_gpt_place){ last, 1, last - 1, last - 2, array + 1 }, entries);
	memcpy(b + last * ss, h, 512);
	entry(b, 0, 0xee, 1, last);
	emit("tables", is_inside ? "gpt-inside" : ss == 512 ? "gpt" : "gpt-4k", FUZZ_SEAL, 0, dev);
	emit_disk(is_inside ? "gpt-inside" : ss == 512 ? "gpt" : "gpt4k", v, 0, dev);
}

/* Tables without volumes, labels and containers. */
static void tables(void)
{
	static const struct {
		const char *name;
		uint64_t at;
		const char *mark;
		size_t len;
	} marks[] = {
		{ "sgi", 0, "\x0b\xe5\xa9\x41", 4 }, { "mac", 0, "ER\x02", 4 }, { "bsd", 512, "\x57\x45\x56\x82", 4 },
		{ "amiga", 0, "RDSK", 4 }, { "sun", 508, "\xda\xbe\xda\xbe", 4 }, { "qcow2", 0, "QFI\xfb\0\0\0\3", 8 },
		{ "vmdk", 0, "KDMV\1", 5 }, { "vhdx", 0, "vhdxfile", 8 }, { "vhd", 65536 - 512, "conectix", 8 },
		{ "vhd-fixed", 65536 - 512, "conectix\0\0\0\2\0\1\0\0\xff\xff\xff\xff\xff\xff\xff\xff", 24 },
		{ "dmg", 65536 - 512, "koly", 4 }, { "gzip", 0, "\x1f\x8b\x08", 3 }, { "zstd", 0, "\x28\xb5\x2f\xfd", 4 },
		{ "ldm", 6 * 512, "PRIVHEAD\0\2\0\x0c", 12 },
	};

	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
		uint8_t *b;
		struct im_dev *dev = new_volume(65536, &b);

		memcpy(b + marks[i].at, marks[i].mark, marks[i].len);
		if (i % 2) {
			entry(b, 0, i == 13 ? 0x42 : 6, 8, 100);
			entry(b, 3, 5, 110, 10);
			entry(b + 110 * 512, 0, 6, 1, 2);
			entry(b + 110 * 512, 1, 5, 5, 3);
		}
		emit("tables", marks[i].name, 0, 0, dev);
		emit("scan", marks[i].name, 0, 0, dev);
		im_dev_close(dev);
	}
}

/* Every volume in a few scenes; which ones depends on its name alone, so that another volume changes none. */
static void disks(void)
{
	for (size_t i = 0; i < VOLUMES; i++) {
		const struct volume *v = &volumes[i];
		struct im_dev *dev = v->make();
		unsigned mark = 0;

		for (const char *p = v->name; *p; p++)
			mark = mark * 31 + (unsigned char)*p;
		emit("filesystems", v->name, FUZZ_SEAL, 0, dev);
		if (v->target)
			emit(v->target, v->name, 0, 5, dev);
		im_dev_close(dev);
		mbr_disk(v);
		if (mark % 3 == 0)
			logical_disk(v);
		if (mark % 3 == 1)
			bare_disk(v);
		if (mark % 3 == 2)
			gpt_disk(v, mark / 3 % 2 ? 512 : 4096, false);
		if (v->type == 0x83)
			gpt_disk(v, 512, true);
		if (mark % 4 == 0)
			mbr4k_disk(v);
		if (mark % 4 == 3 || v->type < 0xd)
			whole_disk(v);
		if (v->target && strcmp(v->target, "fat") == 0)
			reserve_disks(v);
	}
}

/* ---- maps and journals ---- */

/* A small image that is mostly zeros, with a map of a few random segments. */
static void mini_scene(struct scene *s, uint64_t seed)
{
	uint64_t old_size = 8192 + im_random(&seed) % 8 * 1024, new_size = old_size + im_random(&seed) % 3 * 2048 - 2048;
	struct im_error err;

	*s = (struct scene){ .sector_size = seed % 4 ? 512 : 4096 };
	s->params.buffer = 512u << im_random(&seed) % 3;
	s->params.direct_min = im_random(&seed) % 2 ? 1 : 2048;
	s->params.strands = 1 + (uint32_t)(im_random(&seed) % IM_STRANDS);
	s->old = calloc(1, old_size);
	FUZZ_CHECK(s->old, "no memory");
	for (uint64_t off = 0; off < old_size; off += 512)
		im_put64(s->old + off, im_random(&seed) % 3 ? 0x1111 * (off + 1) : 0);
	if (im_map_init(&s->map, old_size, new_size, &err) < 0)
		die("map", &err);
	for (int k = 0; k < 3; k++) {
		uint64_t len = (1 + im_random(&seed) % 8) * 512, to = im_random(&seed) % 12 * 512, from = im_random(&seed) % 8 * 512;
		int rc;

		len = im_min(len, im_min(old_size - from, new_size - to));
		rc = k == 2 && seed & 1 ? im_map_bytes(&s->map, to, "a literal", 9, "literal", &err) :
		     k == 2		? im_map_zero(&s->map, to, len, "zero", &err) :
					  im_map_from(&s->map, to, len, from, "copy", &err);
		if (rc < 0)
			die("map", &err);
	}
	if (seed & 2 && im_map_fill(&s->map, new_size - 512, 512, 0xff, "fill", &err) < 0)
		die("map", &err);
}

static void emit_map(const struct scene *s, uint64_t seed)
{
	static uint8_t input[INPUT_MAX];
	uint8_t *p = NULL;
	size_t len = 0;
	char name[40];

	if (im_map_encode(&s->map, &p, &len, NULL) < 0 || len + 2 > sizeof(input))
		exit(2);
	input[0] = (uint8_t)(seed * 37);
	input[1] = (uint8_t)seed;
	memcpy(input + 2, p, len);
	free(p);
	snprintf(name, sizeof(name), "plan-%02u", (unsigned)seed);
	write_input("map", name, input, len + 2);
}

/* Repair until the clock says cut, then perhaps undo until it says cut again; keep both devices. */
static void emit_journal(struct scene *s, uint64_t seed, uint64_t cut, uint64_t cut_undo)
{
	static struct input in;
	struct im_error err;
	bool untouched;
	char name[40];

	scene_start(s);
	s->power.mode = IM_CUT_ALL;
	s->power.cut_at = cut;
	scene_repair(s, &err);
	scene_reboot(s);
	if (cut_undo) {
		s->power.cut_at = cut_undo;
		scene_go_on(s, true, &untouched, &err);
		scene_reboot(s);
	}
	in = (struct input){ .len = FUZZ_HEAD };
	in.bytes[1] = (uint8_t)(1 + (seed + cut + cut_undo) % 3);
	in.bytes[2] = s->sector_size == 4096;
	in.bytes[3] = s->by_clone;
	add_device(&in, 0, im_crash_bytes(s->image), s->image->size);
	add_device(&in, 1, im_crash_bytes(s->journal), s->journal->size);
	scene_stop(s);
	snprintf(name, sizeof(name), "cut-%02u-%02u-%02u", (unsigned)seed, (unsigned)(cut == UINT64_MAX ? 99 : cut),
		 (unsigned)cut_undo);
	if (!in.is_full)
		write_input("journal", name, in.bytes, in.len);
}

static void journals(void)
{
	for (uint64_t seed = 1; seed <= 12; seed++) {
		struct scene s;

		mini_scene(&s, seed);
		s.by_clone = seed % 4 == 0;
		emit_map(&s, seed);
		for (uint64_t cut = 12 + seed % 3; cut < 80; cut += 7)
			emit_journal(&s, seed, cut, cut % 4 ? 0 : cut / 2);
		emit_journal(&s, seed, UINT64_MAX, 0);
		emit_journal(&s, seed, UINT64_MAX, 8 + seed);
		im_map_free(&s.map);
		free(s.old);
	}
}

/* ---- saved plans ---- */

static void write_plan(const struct volume *v, const char *path)
{
	uint64_t n;
	struct im_dev *dev = disk_with(v, 8 * 512, 64 * 512, &n);
	struct imgmend_error err;
	imgmend_plan *plan;
	char *text;
	FILE *f = fopen(path, "wb");

	entry(im_dev_mem_bytes(dev), 0, v->type, 8, n);
	FUZZ_CHECK(f && fwrite(im_dev_mem_bytes(dev), 1, dev->size, f) == dev->size && fclose(f) == 0, "%s", path);
	im_dev_close(dev);
	FUZZ_CHECK(imgmend_plan_image(path, NULL, &plan, &err) == 0, "%s", err.message);
	text = imgmend_plan_json(plan);
	FUZZ_CHECK(text, "no memory");
	write_input("plan", v->name, (const uint8_t *)text, strlen(text));
	free(text);
	imgmend_plan_free(plan);
}

/* Plans of small disks: the volume at sector 8. */
static void plans(void)
{
	static const char *const names[] = { "fat12", "fat32", "exfat", "ext4", "lvm" };
	char path[4096];

	snprintf(path, sizeof(path), "%s/disk.tmp", folder);
	for (size_t i = 0; i < VOLUMES; i++)
		for (size_t k = 0; k < sizeof(names) / sizeof(names[0]); k++)
			if (strcmp(volumes[i].name, names[k]) == 0)
				write_plan(&volumes[i], path);
	unlink(path);
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: seeds FOLDER\n");
		return 2;
	}
	folder = argv[1];
	mkdir(folder, 0777);
	disks();
	inside();
	tables();
	journals();
	plans();
	return 0;
}
