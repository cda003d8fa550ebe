/* volumes.c - the partitions of the table, and the bare volume of a disk without one. */
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "scan/scan.h"

/* Formats that are there for sure; a damaged one counts only where it is alone. */
static void judge(struct im_volume *v, int n)
{
	v->n_formats = 0;
	while (v->n_formats < n && v->info[v->n_formats].state == IM_FOUND)
		v->n_formats++;
	v->state = v->n_formats ? IM_FOUND : n ? IM_DAMAGED : IM_ABSENT;
	if (v->state == IM_DAMAGED)
		v->n_formats = 1;
}

int im_scan_probe(struct im_volume *v, struct im_dev *dev, struct im_error *err)
{
	struct im_dev *window;
	int n;

	v->there = v->start < dev->size ? im_min(v->size, dev->size - v->start) : 0;
	v->n_formats = 0;
	v->state = IM_ABSENT;
	if (!v->there)
		return 0;
	window = im_dev_window(dev, v->start, v->there, err);
	if (!window)
		return -1;
	n = im_fs_probe(window, v->info, v->fs, IM_VOLUME_FORMATS, err);
	im_dev_close(window);
	judge(v, n < 0 ? 0 : n);
	return n < 0 ? -1 : 0;
}

/* What the table was judged by need not be looked at twice. */
static bool was_tried(const struct im_scan *scan, struct im_volume *v)
{
	for (size_t i = 0; i < scan->tried.n; i++) {
		const struct im_volume *t = &scan->tried.v[i];

		if (t->start != v->start || t->size != v->size)
			continue;
		v->there = t->there;
		v->n_formats = t->n_formats;
		memcpy(v->info, t->info, sizeof(v->info));
		memcpy(v->fs, t->fs, sizeof(v->fs));
		v->state = t->state;
		return true;
	}
	return false;
}

/* A volume in which formats were found is one that was looked at. */
static int add_volume(struct im_scan *scan, struct im_dev *dev, struct im_volume v, struct im_error *err)
{
	struct im_volume *n = im_vec_push(&scan->volumes, err);

	if (!n)
		return -1;
	*n = v;
	if (v.is_extended) {
		n->there = v.start < dev->size ? im_min(v.size, dev->size - v.start) : 0;
		return 0;
	}
	return v.n_formats || was_tried(scan, n) ? 0 : im_scan_probe(n, dev, err);
}

/* Cut a bare volume to the size that it claims; not where its own reader would miss something then. */
static int cut_to_claim(struct im_volume *v, struct im_dev *dev, struct im_error *err)
{
	struct im_volume cut = { .start = v->start, .size = v->info[0].size };

	if (!cut.size || cut.size >= v->size)
		return 0;
	if (im_scan_probe(&cut, dev, err) < 0)
		return -1;
	if (cut.n_formats && cut.state == IM_FOUND)
		*v = cut;
	return 0;
}

/* A volume's boot sector or superblock at 512…7680 of a disk that has neither a table nor a volume at 0:
 * the first place where a format is found for sure. */
static int find_displaced(struct im_scan *scan, struct im_dev *dev, struct im_error *err)
{
	for (uint64_t off = 512; off < IM_RESERVED && off < dev->size; off += 512) {
		struct im_volume v = { .start = off, .size = dev->size - off };

		if (im_scan_probe(&v, dev, err) < 0)
			return -1;
		if (!v.n_formats || v.state != IM_FOUND)
			continue;
		if (cut_to_claim(&v, dev, err) < 0)
			return -1;
		return add_volume(scan, dev, v, err);
	}
	return 0;
}

int im_scan_volumes(struct im_scan *scan, struct im_dev *dev, struct im_error *err)
{
	switch (scan->table) {
	case IM_TABLE_DOS:
		for (size_t i = 0; i < scan->mbr.parts.n; i++) {
			const struct im_mbr_part *p = &scan->mbr.parts.v[i];

			if (add_volume(scan, dev, (struct im_volume){
					.number = p->number, .start = p->start, .size = p->size, .entry = i,
					.is_extended = p->is_extended, .is_logical = p->is_logical }, err) < 0)
				return -1;
		}
		return 0;
	case IM_TABLE_GPT:
		for (size_t i = 0; i < scan->gpt.parts.n; i++) {
			const struct im_gpt_part *p = &scan->gpt.parts.v[i];

			if (add_volume(scan, dev, (struct im_volume){
					.number = p->number, .start = p->start, .size = p->size, .entry = i }, err) < 0)
				return -1;
		}
		return 0;
	case IM_TABLE_NONE:
		if (scan->whole.n_formats) {
			struct im_volume v = scan->whole;

			return add_volume(scan, dev, v, err);
		}
		return find_displaced(scan, dev, err);
	case IM_TABLE_OTHER:
		return 0;
	}
	return 0;
}

void im_volume_title(const struct im_volume *v, char *out, size_t len)
{
	if (v->is_extended)
		im_say(out, len, "extended partition");
	else if (!v->n_formats)
		im_say(out, len, "unknown content");
	else if (v->n_formats > 1 && v->state == IM_FOUND)
		im_say(out, len, "both %s and %s", v->info[0].name, v->info[1].name);
	else if (v->info[0].label[0])
		im_say(out, len, "%s volume \"%.120s\"", v->info[0].name, v->info[0].label);
	else
		im_say(out, len, "%s volume", v->info[0].name);
}

uint64_t im_hidden_wanted(const struct im_volume *v, const struct im_fs_info *info, uint64_t start, uint64_t base,
			  uint64_t new_start, uint64_t new_base)
{
	uint64_t ss = info->sector_size ? info->sector_size : 512;

	/* both conventions exist for logical partitions: from the disk's start, or from the EBR */
	if (v->is_logical && info->hidden == (start - base) / ss && info->hidden != start / ss)
		return (new_start - new_base) / ss;
	return new_start / ss;
}
