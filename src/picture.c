/* picture.c - what is drawn of a disk, as text (diskmap.c) and as SVG (drawing.c): its partitions, and whose data is where it must not be. */
#include <config.h>
#include <stdlib.h>
#include <string.h>

#include "program.h"

void picture_of_plan(const imgmend_plan *plan, struct picture *picture)
{
	struct imgmend_plan_figures f;

	imgmend_plan_figures(plan, &f);
	*picture = (struct picture){ .old_size = f.old_size, .new_size = f.new_size, .has_after = true };
	picture->partitions = imgmend_plan_partitions(plan, &picture->n);
	picture->findings = imgmend_plan_findings(plan, &picture->n_findings);
}

struct imgmend_partition *picture_of_scan(const imgmend_scan *scan, struct picture *picture)
{
	const struct imgmend_region *r;
	struct imgmend_partition *p;
	size_t n, k = 0;

	*picture = (struct picture){ .old_size = imgmend_scan_size(scan), .new_size = imgmend_scan_size(scan) };
	picture->findings = imgmend_scan_findings(scan, &picture->n_findings);
	r = imgmend_scan_regions(scan, &n);
	p = calloc(n + 1, sizeof(*p));
	for (size_t i = 0; p && i < n; i++) {
		if (strcmp(r[i].kind, "partition") != 0 && strcmp(r[i].kind, "volume") != 0)
			continue;
		p[k++] = (struct imgmend_partition){
			.number = r[i].number, .old_start = r[i].start, .new_start = r[i].start, .size = r[i].size,
			.extended = strcmp(r[i].what, "extended partition") == 0,
		};
	}
	picture->partitions = p;
	picture->n = k;
	return p;
}

bool has_foreign_data(const struct picture *picture, int number, uint64_t at)
{
	for (size_t i = 0; i < picture->n_findings; i++) {
		const struct imgmend_finding *f = &picture->findings[i];

		if (strcmp(f->id, "data-in-boot-area") == 0 && f->partition == number && at >= f->start && at - f->start < f->size)
			return true;
	}
	return false;
}

bool has_data_in_boot_area(const struct picture *picture, const struct imgmend_partition *p)
{
	for (unsigned i = 0; i < CELLS; i++)
		if (has_foreign_data(picture, p->number, p->old_start + i * 512u))
			return true;
	return false;
}

bool is_layout_touched(const struct picture *picture)
{
	for (size_t i = 0; i < picture->n; i++) {
		const struct imgmend_partition *p = &picture->partitions[i];

		if (p->new_start != p->old_start || (p->number && p->old_start < RESERVED))
			return true;
	}
	return false;
}
