/* ntfs_repair.c - the parent's side: ask the child, believe nothing it says about places. */
#include "adapt/ntfs_repair.h"

#include <stdlib.h>
#include <string.h>

#include "adapt/child.h"
#include "base/bytes.h"

#define BLOCK_RECORD (8 + IM_OVERLAY_BLOCK)

static int malformed(struct im_error *err)
{
	return im_error_set(err, IM_EREFUSED, "the process that plans the repair of the NTFS volume sent an answer that makes"
			    " no sense; the volume may be damaged: run chkdsk");
}

static bool is_inside(const struct im_dev *vol, uint64_t off, uint64_t len)
{
	return off % IM_OVERLAY_BLOCK == 0 && off <= vol->size && len <= vol->size - off;
}

static int take_moves(struct im_dev *vol, const struct im_ntfs_wish *wish, const uint8_t *p, uint32_t n,
		      struct im_ntfs_repair *out, struct im_error *err)
{
	for (uint32_t i = 0; i < n; i++) {
		struct im_ntfs_move *m = im_vec_push(&out->moves, err);

		if (!m)
			return -1;
		memcpy(m, p + i * sizeof(*m), sizeof(*m));
		if (!is_inside(vol, m->from, m->len) || !is_inside(vol, m->to, m->len) || m->len % IM_OVERLAY_BLOCK ||
		    m->stream >= wish->n_streams)
			return malformed(err);
	}
	return 0;
}

static int take_blocks(struct im_dev *vol, const uint8_t *p, uint32_t n, struct im_ntfs_repair *out, struct im_error *err)
{
	for (uint32_t i = 0; i < n; i++, p += BLOCK_RECORD) {
		uint64_t off;

		memcpy(&off, p, sizeof(off));
		if (off % IM_OVERLAY_BLOCK || off >= vol->size)
			return malformed(err);
		if (im_dev_write(out->overlay, off, p + 8, (size_t)im_min(IM_OVERLAY_BLOCK, vol->size - off), err) < 0)
			return -1;
	}
	im_dev_overlay_settle(out->overlay);
	return 0;
}

static int take(struct im_dev *vol, const struct im_ntfs_wish *wish, const struct im_answer *answer,
		struct im_ntfs_repair *out, struct im_error *err)
{
	struct im_ntfs_answer head;
	const uint8_t *p = answer->data;

	if (!answer->data)
		return im_error_set(err, IM_EREFUSED, "libntfs-3g could not plan the repair of the NTFS volume: %s", answer->why);
	if (answer->len < sizeof(head))
		return malformed(err);
	memcpy(&head, p, sizeof(head));
	head.why[sizeof(head.why) - 1] = 0;
	im_say_again(head.why, sizeof(head.why));
	if (!head.is_done && !head.why[0])
		return malformed(err);
	if (!head.is_done)
		return im_error_set(err, IM_EREFUSED, "%s", head.why);
	if (head.n_moves > IM_NTFS_MOVES_MAX || head.n_blocks > answer->len / BLOCK_RECORD ||
	    answer->len != sizeof(head) + head.n_moves * sizeof(struct im_ntfs_move) + (uint64_t)head.n_blocks * BLOCK_RECORD)
		return malformed(err);
	p += sizeof(head);
	out->snapshots = head.snapshots;
	out->overlay = im_dev_overlay(vol, err);
	if (!out->overlay || take_moves(vol, wish, p, head.n_moves, out, err) < 0)
		return -1;
	return take_blocks(vol, p + head.n_moves * sizeof(struct im_ntfs_move), head.n_blocks, out, err);
}

int im_ntfs_repair(struct im_dev *vol, const struct im_ntfs_wish *wish, struct im_ntfs_repair *out, struct im_error *err)
{
	struct im_ntfs_job job = { .wish = wish, .size = vol->size };
	struct im_answer answer;
	int rc;

	*out = (struct im_ntfs_repair){ 0 };
	if (im_child_run(im_ntfs3g_repair, NULL, &job, -1, vol, &answer, err) < 0)
		return -1;
	rc = take(vol, wish, &answer, out, err);
	free(answer.data);
	if (rc < 0)
		im_ntfs_repair_free(out);
	return rc;
}

void im_ntfs_repair_free(struct im_ntfs_repair *repair)
{
	im_dev_close(repair->overlay);
	im_vec_free(&repair->moves);
	*repair = (struct im_ntfs_repair){ 0 };
}
