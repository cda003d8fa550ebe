/* stubs.c - what the planner asks other libraries, answered without a child process.
 *
 * Only the fuzz targets are linked with it. The table witness always agrees: that the corrected disk is what was
 * planned is checked by fuzz_image.c. A repair inside a volume is to be had only where a target has set fuzz_answer.
 */
#include <string.h>

#include "adapt/child.h"
#include "adapt/ntfs_repair.h"
#include "adapt/windows.h"
#include "adapt/witness.h"
#include "fuzz.h"

unsigned fuzz_windows;
const uint8_t *fuzz_answer;
size_t fuzz_answer_len;

int im_witness_ask(struct im_dev *before, const struct im_claim *claim_before, struct im_dev *after,
		   const struct im_claim *claim_after, struct im_opinions *out, struct im_error *err)
{
	struct im_opinion *op;

	(void)before;
	(void)claim_before;
	(void)after;
	(void)claim_after;
	memset(out, 0, sizeof(*out));
	op = im_vec_push(&out->list, err);
	if (!op)
		return -1;
	*op = (struct im_opinion){ .witness = "libfdisk", .on_table = true, .verdict = IM_AGREES };
	return 0;
}

void im_opinions_free(struct im_opinions *ops)
{
	im_vec_free(&ops->list);
}

const char *const im_windows_paths[IM_WINDOWS_FILES] = { "A", "B", "C", "D", "E" };

/* The files that it finds are of low record numbers; on FAT our own reader looks for those names. */
int im_windows_look(struct im_dev *dev, uint64_t start, uint64_t len, const char *fs, struct im_windows *found,
		    struct im_error *err)
{
	(void)dev;
	(void)start;
	(void)len;
	(void)fs;
	(void)err;
	*found = (struct im_windows){ 0 };
	for (int i = 0; i < IM_WINDOWS_FILES; i++) {
		found->has[i] = fuzz_windows >> i & 1;
		found->record[i] = 24u + (fuzz_windows >> 3) + (unsigned)i;
	}
	return 0;
}

/* The children that are asked for plan a repair inside an NTFS volume (lib/adapt/ntfs_repair.c) and read hives (hive.c). */
int im_child_run(im_child_fn fn, const struct im_child_needs *needs, const void *arg, int fd, struct im_dev *dev,
		 struct im_answer *out, struct im_error *err)
{
	(void)fn;
	(void)needs;
	(void)arg;
	(void)fd;
	(void)dev;
	(void)err;
	*out = (struct im_answer){ .why = "there is no libntfs-3g in a fuzz target" };
	if (fuzz_answer) {
		out->data = malloc(fuzz_answer_len + 1);
		if (!out->data)
			abort();
		memcpy(out->data, fuzz_answer, fuzz_answer_len);
		out->len = fuzz_answer_len;
	}
	return 0;
}

void im_ntfs3g_repair(const struct im_child *child, const void *job)
{
	(void)child;
	(void)job;
}

/* No child runs, so none answers. */
void im_child_answer(const struct im_child *child, size_t total)
{
	(void)child, (void)total;
	abort();
}

void im_child_put(const struct im_child *child, const void *data, size_t len)
{
	(void)child, (void)data, (void)len;
	abort();
}
