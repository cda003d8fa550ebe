/* witness.c - ask every witness about the disk as it is and about the corrected one.
 *
 * The table witnesses read a sample of each disk, each witness both of them in a child process of its own; the file systems' own
 * libraries read the volumes through windows, each volume in one of its own.
 */
#include <config.h>

#include "adapt/witness.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "adapt/judge.h"
#include "adapt/reading.h"
#include "adapt/sample.h"
#include "base/bytes.h"
#include "base/reopen.h"

enum { FDISK, PARTED, BLKID, N_TABLE };

static const struct table_witness {
	const char *name;
	void (*read)(int fd, const struct im_question *q, struct im_reading *r);
	const struct im_child_needs *needs;
} table_witnesses[N_TABLE] = {
	[FDISK] = { "libfdisk", im_fdisk_read, NULL },
	[PARTED] = { "libparted", im_parted_read, &im_parted_needs },
	[BLKID] = { "libblkid", im_blkid_read, NULL },
};

void im_opinions_free(struct im_opinions *ops)
{
	im_vec_free(&ops->list);
}

static struct im_opinion *add_opinion(struct im_opinions *out, const char *witness, bool on_table, int partition,
				      struct im_error *err)
{
	struct im_opinion *op = im_vec_push(&out->list, err);

	if (op) {
		op->witness = witness;
		op->on_table = on_table;
		op->partition = partition;
	}
	return op;
}

/* The disk as it is, and the corrected one. */
enum { OLD, NEW, N_SIDES };

_Static_assert(N_SIDES == IM_CHILD_FDS, "a child is handed a sample of each");

/* What a table witness is asked, and the samples that it reads. */
struct interview {
	const struct table_witness *who;
	struct im_question q[N_SIDES];
};

/* In the child. */
static void answer_both(const struct im_child *child, const void *arg)
{
	const struct interview *v = arg;

	for (int i = 0; i < N_SIDES; i++) {
		struct im_reading r = { 0 };

		v->who->read(child->fds[i], &v->q[i], &r);
		im_reading_send(child, &r);
	}
}

/* Start one beside those that run already. */
static int start_beside(const int samples[N_SIDES], const struct interview *v, struct im_child_process *p)
{
	int own[N_SIDES] = { im_reopen(samples[OLD], O_RDONLY), im_reopen(samples[NEW], O_RDONLY) }, rc = -1;

	if (own[OLD] >= 0 && own[NEW] >= 0)
		rc = im_child_start(answer_both, v->who->needs, v, own, p, NULL);
	for (int i = 0; i < N_SIDES; i++)
		if (own[i] >= 0)
			close(own[i]);
	return rc;
}

typedef struct im_side sides[N_TABLE];

static int take_running(struct im_child_process p[N_TABLE], sides side[N_SIDES], struct im_error *err)
{
	int rc = 0;

	for (int i = 0; i < N_TABLE && !rc; i++)
		if (p[i].pid)
			rc = im_reading_take_both(&p[i], &side[OLD][i].reading, &side[NEW][i].reading, err);
	return rc;
}

/* Let every table witness read the samples: at the same time, and one that cannot be started so when those before it are done. */
static int read_samples(const int samples[N_SIDES], const struct im_question q[N_SIDES], sides side[N_SIDES], struct im_error *err)
{
	struct im_child_process p[N_TABLE] = { 0 };
	int rc = 0;

	for (int i = 0; i < N_TABLE && !rc; i++) {
		struct interview v = { &table_witnesses[i], { q[OLD], q[NEW] } };

		if (start_beside(samples, &v, &p[i]) == 0)
			continue;
		rc = take_running(p, side, err);
		if (!rc)
			rc = im_child_start(answer_both, v.who->needs, &v, samples, &p[i], err);
	}
	if (!rc)
		rc = take_running(p, side, err);
	for (int i = 0; i < N_TABLE; i++)
		im_child_end(&p[i]);
	return rc;
}

static int read_sides(struct im_dev *const dev[N_SIDES], const struct im_claim *const claim[N_SIDES], sides side[N_SIDES],
		      struct im_error *err)
{
	struct im_question q[N_SIDES];
	int samples[N_SIDES] = { -1, -1 }, rc = 0;

	for (int k = 0; k < N_SIDES && !rc; k++) {
		q[k] = (struct im_question){ .claim = claim[k], .size = dev[k]->size, .sector_size = claim[k]->sector_size };
		for (int i = 0; i < N_TABLE; i++)
			side[k][i].claim = claim[k];
		samples[k] = im_sample(dev[k], claim[k], err);
		rc = samples[k] < 0 ? -1 : 0;
	}
	if (!rc)
		rc = read_samples(samples, q, side, err);
	for (int k = 0; k < N_SIDES; k++)
		if (samples[k] >= 0)
			close(samples[k]);
	return rc;
}

static int judge_names(const struct im_side *before, const struct im_side *after, struct im_opinions *out,
		       struct im_error *err)
{
	for (size_t i = 0; i < after->claim->partitions.n; i++) {
		struct im_opinion verdict = { 0 }, *op;
		struct im_volume_pair pair;

		if (!im_volume_pair(before->claim, after->claim, i, &pair) || !pair.partition)
			continue;
		im_judge_name(before, after, &pair, &verdict);
		if (verdict.verdict == IM_AGREES)
			continue;
		op = add_opinion(out, table_witnesses[BLKID].name, false, pair.partition, err);
		if (!op)
			return -1;
		op->verdict = verdict.verdict;
		memcpy(op->why, verdict.why, sizeof(op->why));
	}
	return 0;
}

static int ask_tables(struct im_dev *before, const struct im_claim *claim_before, struct im_dev *after,
		      const struct im_claim *claim_after, struct im_opinions *out, struct im_error *err)
{
	struct im_dev *const dev[N_SIDES] = { before, after };
	const struct im_claim *const claim[N_SIDES] = { claim_before, claim_after };
	sides side[N_SIDES] = { 0 };
	int rc = -1;

	if (read_sides(dev, claim, side, err))
		goto out;
	for (int i = 0; i < N_TABLE; i++) {
		struct im_opinion *op = add_opinion(out, table_witnesses[i].name, true, 0, err);

		if (!op)
			goto out;
		im_judge_table(&side[OLD][i], &side[NEW][i], op);
	}
	rc = judge_names(&side[OLD][BLKID], &side[NEW][BLKID], out, err);
out:
	for (int i = 0; i < N_TABLE; i++) {
		im_reading_free(&side[OLD][i].reading);
		im_reading_free(&side[NEW][i].reading);
	}
	return rc;
}

static int read_volume(struct im_dev *dev, uint64_t start, uint64_t size, im_child_fn read, struct im_reading *r,
		       struct im_error *err)
{
	struct im_question q = { .sector_size = dev->sector_size };
	struct im_dev *window;
	int rc;

	if (start >= dev->size) {
		im_reading_fail(r, IM_READING_REFUSED, "the volume lies past the end");
		return 0;
	}
	window = im_dev_window(dev, start, im_min(size, dev->size - start), err);
	if (!window)
		return -1;
	q.size = window->size;
	rc = im_reading_ask(read, &q, -1, window, r, err);
	im_dev_close(window);
	return rc;
}

static int ask_volume(struct im_dev *before, struct im_dev *after, const struct im_volume_pair *pair,
		      struct im_opinions *out, struct im_error *err)
{
	bool is_ntfs = im_fs_is_same("ntfs", pair->fs);
	im_child_fn read = is_ntfs ? im_ntfs3g_read : im_ext2fs_read;
	struct im_reading old = { 0 }, new = { 0 };
	struct im_opinion *op;
	int rc = -1;

	if (!is_ntfs && !im_fs_is_ext(pair->fs))
		return 0;
	op = add_opinion(out, is_ntfs ? "libntfs-3g" : "libext2fs", false, pair->partition, err);
	if (!op || read_volume(before, pair->old_start, pair->old_size, read, &old, err))
		goto out;
	if (old.head.state == IM_READING_OK && read_volume(after, pair->start, pair->size, read, &new, err))
		goto out;
	im_judge_volume(&old, &new, op);
	rc = 0;
out:
	im_reading_free(&old);
	im_reading_free(&new);
	return rc;
}

int im_witness_ask(struct im_dev *before, const struct im_claim *claim_before,
		   struct im_dev *after, const struct im_claim *claim_after,
		   struct im_opinions *out, struct im_error *err)
{
	bool bare = !strcmp(claim_after->table, "none");
	size_t n = bare ? 1 : claim_after->partitions.n;
	int rc;

	memset(out, 0, sizeof(*out));
	rc = ask_tables(before, claim_before, after, claim_after, out, err);
	for (size_t i = 0; i < n && !rc; i++) {
		struct im_volume_pair pair;

		if (im_volume_pair(claim_before, claim_after, i, &pair))
			rc = ask_volume(before, after, &pair, out, err);
	}
	if (rc)
		im_opinions_free(out);
	return rc;
}
