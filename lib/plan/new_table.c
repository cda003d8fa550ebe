/* new_table.c - a table around a bare volume, for --add-table.
 *
 * The identifiers are derived from the volume's first sectors, so that the same image always gets the
 * same plan.
 */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/sha256.h"
#include "plan/plan.h"

static const struct {
	const char *fs;
	uint8_t type;
} types[] = {
	{ "ntfs", 0x07 }, { "exfat", 0x07 }, { "bitlocker", 0x07 }, { "refs", 0x07 }, { "hpfs", 0x07 },
	{ "fat12", 0x01 }, { "fat16", 0x0e }, { "fat32", 0x0c }, { "swap", 0x82 }, { "lvm", 0x8e },
	{ "md", 0xfd }, { "minix", 0x81 },
};

static uint8_t type_of(const struct im_volume *v)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (v->n_formats && strcmp(types[i].fs, v->info[0].name) == 0)
			return types[i].type;
	return 0x83;
}

static bool is_microsofts(const struct im_volume *v)
{
	uint8_t t = type_of(v);

	return t == 0x07 || t == 0x01 || t == 0x0e || t == 0x0c;
}

/* 32 bytes that stand for random ones. */
static int seed_of(struct im_plan_context *ctx, uint8_t seed[32], struct im_error *err)
{
	const struct im_volume *v = &ctx->scan->volumes.v[0];
	struct im_sha256 *h = im_sha256_new(err);
	uint8_t head[4096];
	size_t n = (size_t)im_min(sizeof(head), v->there);

	if (!h)
		return -1;
	if (im_dev_read(ctx->dev, v->start, head, n, err) < 0) {
		im_sha256_end(h, seed);
		return -1;
	}
	im_sha256_add(h, head, n);
	im_sha256_end(h, seed);
	return 0;
}

static int put_mbr(struct im_plan_context *ctx, uint8_t type, uint64_t start, uint64_t size, uint32_t disk_id,
		   const char *reason, struct im_error *err)
{
	static const struct im_geometry lba_only = { 0 };
	uint8_t sector[4096] = { 0 };
	uint32_t ss = ctx->scan->sector_size;

	size = im_min(size, (uint64_t)UINT32_MAX * ss);
	if (im_mbr_put_entry(sector, 0, start, size, 0, ss, &lba_only, err) < 0)
		return -1;
	sector[IM_MBR_TABLE + 4] = type;
	if (type == IM_MBR_TYPE_GPT)
		memcpy(sector + IM_MBR_TABLE + 1, "\0\2\0", 3);	/* UEFI specification, table 5.4 */
	im_put32(sector + 440, disk_id);
	sector[510] = 0x55;
	sector[511] = 0xaa;
	return im_map_literal(ctx, 0, sector, ss, reason, err);
}

static int put_gpt(struct im_plan_context *ctx, const struct im_unit *u, const uint8_t seed[32], struct im_error *err)
{
	uint32_t ss = ctx->scan->sector_size;
	uint64_t size = ctx->layout->new_size / ss * ss, sectors = 128 * 128 / ss, last = size / ss - 1;
	struct im_gpt_copy gpt;
	uint8_t sector[4096] = { 0 }, backup[4096] = { 0 };
	int rc = -1;

	if (im_gpt_new(&gpt, size, ss, seed, err) < 0)
		return -1;
	im_gpt_name_entry(gpt.array, 1, is_microsofts(&ctx->scan->volumes.v[0]) ? im_gpt_type_basic_data :
			  im_gpt_type_linux, seed + 16);
	im_gpt_put_entry(gpt.array, &gpt, 1, im_layout_start(ctx->layout, u->start),
			 im_layout_size(ctx->layout, u->start, u->size), ss);
	im_gpt_put_header(sector, &gpt, &(struct im_gpt_place){ .my_lba = 1, .other_lba = last, .array_lba = 2,
			  .last_usable = last - sectors - 1 }, gpt.array);
	im_gpt_put_header(backup, &gpt, &(struct im_gpt_place){ .my_lba = last, .other_lba = 1, .array_lba = last - sectors,
			  .last_usable = last - sectors - 1 }, gpt.array);
	if (im_map_literal(ctx, last * ss, backup, ss, _("new backup GPT: header"), err) == 0 &&
	    im_map_literal(ctx, (last - sectors) * ss, gpt.array, 128 * 128, _("new backup GPT: entries"), err) == 0 &&
	    im_map_literal(ctx, 2 * ss, gpt.array, 128 * 128, _("new GPT: entries"), err) == 0 &&
	    im_map_literal(ctx, ss, sector, ss, _("new GPT: header"), err) == 0)
		rc = put_mbr(ctx, IM_MBR_TYPE_GPT, ss, size - ss, 0, _("new protective MBR"), err);
	free(gpt.array);
	return rc;
}

int im_map_new_table(struct im_plan_context *ctx, struct im_error *err)
{
	const struct im_unit *u = &ctx->layout->units.v[0];
	uint8_t seed[32];

	if (seed_of(ctx, seed, err) < 0)
		return -1;
	if (ctx->options->add_table == IM_ADD_GPT)
		return put_gpt(ctx, u, seed, err);
	return put_mbr(ctx, type_of(&ctx->scan->volumes.v[0]), im_layout_start(ctx->layout, u->start),
		       im_layout_size(ctx->layout, u->start, u->size), im_get32(seed), _("new partition table"), err);
}
