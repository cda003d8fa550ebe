/* gpt_map.c - both copies of the GPT of the corrected disk, and the MBR that protects or mirrors it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "plan/plan.h"

struct gpt_job {
	struct im_plan_context *ctx;
	const struct im_gpt *gpt;
	const struct im_gpt_copy *used;
	uint32_t ss;
	uint64_t array_size;		/* bytes, whole sectors */
	uint8_t *array;			/* the new one, array_size bytes */
	bool is_relocated;		/* the backup goes to a new end */
	uint64_t backup_lba, backup_array_lba, first_usable, last_usable;
};

/* Byte where the backup copy begins now, or should begin as the primary says; 0: nowhere in this image. */
static uint64_t old_tail(const struct gpt_job *job)
{
	const struct im_gpt *g = job->gpt;
	uint64_t lba = g->primary.state == IM_FOUND ? g->primary.other_lba : g->backup.my_lba, off;

	if (g->backup.state == IM_FOUND)
		return g->backup.array_lba * job->ss;
	/* one that is said to lie past the end has no place yet */
	if (!im_mul(lba, job->ss, &off) || off >= job->ctx->layout->disk_size || off < job->array_size)
		return 0;
	return off - job->array_size;
}

static void place_backup(struct gpt_job *job)
{
	const struct im_layout *l = job->ctx->layout;
	const struct im_gpt *g = job->gpt;
	uint64_t end = 0, sectors = job->array_size / job->ss;

	for (size_t i = 0; i < l->units.n; i++) {
		const struct im_unit *u = &l->units.v[i];

		end = im_max(end, im_layout_start(l, u->start) + im_layout_size(l, u->start, u->size));
	}
	job->is_relocated = l->new_size > l->disk_size || end > old_tail(job) || !old_tail(job);
	job->backup_lba = g->primary.state == IM_FOUND ? g->primary.other_lba : g->backup.my_lba;
	job->first_usable = job->used->first_usable;
	job->last_usable = job->used->last_usable;
	/* what a partition grows into must be usable; sfdisk keeps the first MiB out */
	for (size_t i = 0; i < l->reserves.n; i++) {
		uint64_t start = im_layout_start(l, l->reserves.v[i].start);

		job->first_usable = im_min(job->first_usable, start / job->ss);
		job->last_usable = im_max(job->last_usable, end / job->ss - 1);
	}
	job->backup_array_lba = old_tail(job) / job->ss;
	if (job->is_relocated) {
		job->backup_lba = l->new_size / job->ss - 1;
		job->backup_array_lba = job->backup_lba - sectors;
		job->last_usable = job->backup_array_lba - 1;
	}
}

static int new_array(struct gpt_job *job, struct im_error *err)
{
	const struct im_gpt *g = job->gpt;

	job->array = calloc(1, job->array_size);
	if (!job->array)
		return im_error_nomem(err);
	memcpy(job->array, job->used->array, (size_t)job->used->n_entries * job->used->entry_size);
	for (size_t i = 0; i < g->parts.n; i++) {
		const struct im_gpt_part *p = &g->parts.v[i];
		uint64_t start = im_layout_start(job->ctx->layout, p->start);
		uint64_t size = im_layout_size(job->ctx->layout, p->start, p->size);

		if (start != p->start || size != p->size)
			im_gpt_put_entry(job->array, job->used, p->number, start, size, job->ss);
	}
	return 0;
}

/* Array bytes past the entries, up to the sector's end, are nobody's: keep what is there. */
static int put_array(struct gpt_job *job, uint64_t lba, const char *reason, struct im_error *err)
{
	return im_map_literal(job->ctx, lba * job->ss, job->array,
			      (uint64_t)job->used->n_entries * job->used->entry_size, reason, err);
}

static int put_header(struct gpt_job *job, const struct im_gpt_copy *own, const struct im_gpt_place *place,
		      const char *reason, struct im_error *err)
{
	uint8_t sector[512] = { 0 };

	im_gpt_put_header(sector, own->state == IM_FOUND ? own : job->used, place, job->array);
	return im_map_literal(job->ctx, place->my_lba * job->ss, sector, sizeof(sector), reason, err);
}

static struct gpt_job job_of(struct im_plan_context *ctx)
{
	const struct im_gpt *g = &ctx->scan->gpt;
	struct gpt_job job = { .ctx = ctx, .gpt = g, .used = im_gpt_in_use(g), .ss = ctx->scan->sector_size };

	job.array_size = im_gpt_array_size(job.used, job.ss);
	place_backup(&job);
	return job;
}

int im_gpt_places(struct im_plan_context *ctx, struct im_gpt_places *p, struct im_error *err)
{
	const struct im_gpt *g = &ctx->scan->gpt;
	struct gpt_job job = job_of(ctx);

	if (job.backup_lba >= ctx->layout->new_size / job.ss || job.backup_array_lba + job.array_size / job.ss > job.backup_lba)
		return im_error_set(err, IM_EREFUSED, "the GPT has no room for its backup at the end of the disk; restore it first"
				    " (`gdisk`)");
	*p = (struct im_gpt_places){
		.primary_array = (g->primary.state == IM_FOUND ? g->primary.array_lba : 2) * job.ss,
		.backup = job.backup_lba * job.ss, .backup_array = job.backup_array_lba * job.ss, .array_size = job.array_size,
	};
	return 0;
}

int im_map_vacate_gpt(struct im_plan_context *ctx, struct im_error *err)
{
	const char *reason = _("the backup GPT has left this place");
	struct gpt_job job = job_of(ctx);
	const struct im_gpt_copy *b = &job.gpt->backup;

	if (!job.is_relocated || b->state != IM_FOUND)
		return 0;
	if (im_map_zero(ctx->map, b->array_lba * job.ss, job.array_size, reason, err) < 0)
		return -1;
	return im_map_zero(ctx->map, b->off, job.ss, reason, err);
}

/* The protective entry covers the disk; hybrid entries mirror GPT partitions. */
static int put_mbr(struct gpt_job *job, struct im_error *err)
{
	const struct im_mbr *mbr = &job->ctx->scan->mbr;
	const struct im_layout *l = job->ctx->layout;
	struct im_geometry geo = im_mbr_geometry(mbr);
	uint64_t sectors = l->new_size / job->ss;
	uint8_t sector[512];

	if (im_dev_read(job->ctx->dev, 0, sector, sizeof(sector), err) < 0)
		return -1;
	for (size_t i = 0; i < mbr->parts.n; i++) {
		const struct im_mbr_part *p = &mbr->parts.v[i];
		uint8_t *entry = sector + IM_MBR_TABLE + p->slot * IM_MBR_ENTRY;
		uint64_t start = im_layout_start(l, p->start), size = im_layout_size(l, p->start, p->size);

		if (p->type == IM_MBR_TYPE_GPT) {
			/* one that covered the whole disk goes on doing so; 0xFFFFFFFF means that already */
			if (p->start + p->size == l->disk_size && l->new_size != l->disk_size)
				im_put32(entry + 12, (uint32_t)im_min(sectors - p->start / job->ss, UINT32_MAX));
		} else if ((start != p->start || size != p->size) &&
			   im_mbr_put_entry(sector, p->slot, start, size, 0, job->ss, &geo, err) < 0) {
			return -1;
		}
	}
	return im_map_literal(job->ctx, 0, sector, sizeof(sector), _("MBR beside the GPT: new positions"), err);
}

int im_map_gpt(struct im_plan_context *ctx, struct im_error *err)
{
	const struct im_gpt *g = &ctx->scan->gpt;
	struct gpt_job job = job_of(ctx);
	struct im_gpt_place backup = {
		job.backup_lba, 1, job.backup_array_lba, job.last_usable, job.first_usable,
	}, primary = {
		1, job.backup_lba, g->primary.state == IM_FOUND ? g->primary.array_lba : 2, job.last_usable, job.first_usable,
	};
	int rc = -1;

	if (new_array(&job, err) == 0 &&
	    put_array(&job, job.backup_array_lba, _("backup GPT: entries"), err) == 0 &&
	    put_header(&job, &g->backup, &backup, _("backup GPT: header"), err) == 0 &&
	    put_array(&job, primary.array_lba, _("GPT: entries"), err) == 0 &&
	    put_header(&job, &g->primary, &primary, _("GPT: header"), err) == 0 &&
	    put_mbr(&job, err) == 0)
		rc = 0;
	free(job.array);
	return rc;
}
