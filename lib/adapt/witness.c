/* witness.c - ask every witness about the disk as it is and about the corrected one.
 *
 * The table witnesses read a sample of each disk, one disk after the other; the file systems' own
 * libraries read the volumes through windows. Each question gets a child process of its own.
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

enum { FDISK, PARTED, BLKID, N_TABLE };

static const struct {
	const char *name;
	im_child_fn read;
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

/* Start one beside those that run already: with a position of its own in the sample, which wants /proc. */
static int start_beside(int fd, int i, const struct im_question *q, struct im_child_process *p)
{
	char path[32];
	int own, rc;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	own = open(path, O_RDONLY | O_CLOEXEC);
	if (own < 0)
		return -1;
	rc = im_child_start(table_witnesses[i].read, table_witnesses[i].needs, q, own, p, NULL);
	close(own);
	return rc;
}

static int take_running(struct im_child_process p[N_TABLE], struct im_side side[N_TABLE], struct im_error *err)
{
	int rc = 0;

	for (int i = 0; i < N_TABLE && !rc; i++)
		if (p[i].pid)
			rc = im_reading_take(&p[i], NULL, &side[i].reading, err);
	return rc;
}

/* Let every table witness read the sample in fd: at the same time, and one that cannot be started so when those before it are done. */
static int read_sample(int fd, const struct im_question *q, struct im_side side[N_TABLE], struct im_error *err)
{
	struct im_child_process p[N_TABLE] = { 0 };
	int rc = 0;

	for (int i = 0; i < N_TABLE && !rc; i++) {
		if (start_beside(fd, i, q, &p[i]) == 0)
			continue;
		rc = take_running(p, side, err);
		if (!rc)
			rc = im_child_start(table_witnesses[i].read, table_witnesses[i].needs, q, fd, &p[i], err);
	}
	if (!rc)
		rc = take_running(p, side, err);
	for (int i = 0; i < N_TABLE; i++)
		im_child_end(&p[i]);
	return rc;
}

static int read_side(struct im_dev *dev, const struct im_claim *claim, struct im_side side[N_TABLE],
		     struct im_error *err)
{
	struct im_question q = { .claim = claim, .size = dev->size, .sector_size = claim->sector_size };
	int fd = im_sample(dev, claim, err), rc;

	if (fd < 0)
		return -1;
	for (int i = 0; i < N_TABLE; i++)
		side[i].claim = claim;
	rc = read_sample(fd, &q, side, err);
	close(fd);
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
	struct im_side old[N_TABLE] = { 0 }, new[N_TABLE] = { 0 };
	int rc = -1;

	if (read_side(before, claim_before, old, err) || read_side(after, claim_after, new, err))
		goto out;
	for (int i = 0; i < N_TABLE; i++) {
		struct im_opinion *op = add_opinion(out, table_witnesses[i].name, true, 0, err);

		if (!op)
			goto out;
		im_judge_table(&old[i], &new[i], op);
	}
	rc = judge_names(&old[BLKID], &new[BLKID], out, err);
out:
	for (int i = 0; i < N_TABLE; i++) {
		im_reading_free(&old[i].reading);
		im_reading_free(&new[i].reading);
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
