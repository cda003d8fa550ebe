/* ntfsfill.c - a test helper that puts files of every kind into an NTFS volume.
 *
 *	ntfsfill VOLUME [KIND PATH N]...
 *
 *	plain PATH[:STREAM] N	N bytes
 *	sparse PATH N		a file of N bytes, of which every other 128 KiB is a hole, the first too
 *	compressed PATH N	N bytes: text, noise and zeros in turn
 *	encrypted PATH N	N bytes with the flags of an encrypted file, and an $EFS that no one can open
 *	fragmented PATH N	N clusters, none beside the one before it; thousands of them fill an
 *				attribute list
 *	streams PATH N		N small named streams with long names: from about 10 on the attribute
 *				list does not fit into the MFT record
 *	directory PATH N	a directory with N empty files
 *	many PATH N		the same, spread over directories of 20000
 *	full PATH N		a file that leaves N clusters of the volume free (the allocator of libntfs-3g
 *				does not find single free clusters: not behind "fragmented")
 *
 * Content is pseudo-random and follows from the path alone, so that a fixture can be made again.
 */
#include "ntfstool.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ntfs-3g/dir.h>
#include <ntfs-3g/unistr.h>

#define BLOCK 65536

struct target {
	ntfs_volume *vol;
	const char *path;
	int64_t n;
};

static uint64_t noise_state;

static void seed_noise(const char *path)
{
	noise_state = 0xcbf29ce484222325;
	for (; *path; path++)
		noise_state = (noise_state ^ (unsigned char)*path) * 0x100000001b3;
}

static void fill_noise(uint8_t *buf, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		noise_state = noise_state * 6364136223846793005 + 1442695040888963407;
		buf[i] = (uint8_t)(noise_state >> 56);
	}
}

static ntfschar *ucs(const char *name, u8 *len)
{
	ntfschar *u = NULL;
	int n = ntfs_mbstoucs(name, &u);

	if (n < 0 || n > 255)
		ntfstool_die("\"%s\" cannot be a name", name);
	*len = (u8)n;
	return u;
}

static ntfs_inode *create_in(ntfs_inode *dir, const char *name, mode_t type)
{
	u8 len;
	ntfschar *u = ucs(name, &len);
	ntfs_inode *ni = ntfs_create(dir, const_cpu_to_le32(0), u, len, type);

	if (!ni)
		ntfstool_die("cannot create \"%s\": %s", name, strerror(errno));
	free(u);
	return ni;
}

/* Create a file or directory. Its parent is closed again, or it would be open twice when the child is synced. */
static ntfs_inode *create(const struct target *t, mode_t type)
{
	char *parent = strdup(t->path), *slash = parent ? strrchr(parent, '/') : NULL;
	ntfs_inode *dir, *ni;
	bool is_borrowed;

	if (!slash)
		ntfstool_die("\"%s\" is no path from the root", t->path);
	*slash++ = '\0';
	dir = ntfstool_inode(t->vol, *parent ? parent : "/", &is_borrowed);
	ni = create_in(dir, slash, type);
	ntfstool_inode_close(dir, is_borrowed);
	free(parent);
	return ni;
}

static ntfs_attr *open_data(ntfs_inode *ni, ntfschar *name, u8 len)
{
	ntfs_attr *na = ntfs_attr_open(ni, AT_DATA, name, len);

	if (!na)
		ntfstool_die("cannot open what was just made: %s", strerror(errno));
	return na;
}

static void write_at(ntfs_attr *na, int64_t pos, int64_t len, const void *buf)
{
	if (ntfs_attr_pwrite(na, pos, len, buf) != len)
		ntfstool_die("cannot write %lld bytes: %s", (long long)len, strerror(errno));
}

static void write_noise(ntfs_attr *na, int64_t pos, int64_t end)
{
	static uint8_t buf[BLOCK];
	int64_t len;

	for (; pos < end; pos += len) {
		len = end - pos < BLOCK ? end - pos : BLOCK;
		fill_noise(buf, (size_t)len);
		write_at(na, pos, len, buf);
	}
}

static void done(ntfs_inode *ni, ntfs_attr *na)
{
	if (na)
		ntfs_attr_close(na);
	ntfstool_inode_close(ni, false);
}

/* ---- the kinds */

static void make_plain(const struct target *t)
{
	struct target file = { .vol = t->vol, .path = strdup(t->path) };
	char *colon = strchr(file.path, ':');
	ntfschar *name = AT_UNNAMED;
	ntfs_inode *ni;
	ntfs_attr *na;
	u8 len = 0;

	if (colon) {
		*colon = '\0';
		name = ucs(colon + 1, &len);
	}
	ni = ntfs_pathname_to_inode(t->vol, NULL, file.path);
	if (!ni)
		ni = create(&file, S_IFREG);
	if (colon && ntfs_attr_add(ni, AT_DATA, name, len, NULL, 0))
		ntfstool_die("cannot add the stream of \"%s\": %s", t->path, strerror(errno));
	na = open_data(ni, name, len);
	write_noise(na, 0, t->n);
	done(ni, na);
	if (colon)
		free(name);
	free((char *)file.path);
}

static void make_sparse(const struct target *t)
{
	ntfs_inode *ni = create(t, S_IFREG);
	ntfs_attr *na = open_data(ni, AT_UNNAMED, 0);

	/* The end first: then there are only holes to fill in. */
	write_noise(na, t->n - 1, t->n);
	for (int64_t pos = 2 * BLOCK; pos + 2 * BLOCK <= t->n; pos += 4 * BLOCK)
		write_noise(na, pos, pos + 2 * BLOCK);
	done(ni, na);
}

static void make_compressed(const struct target *t)
{
	static const char text[] = "a line that compresses well, and then once more: ";
	static uint8_t buf[BLOCK];
	ntfs_inode *ni;
	ntfs_attr *na;
	int64_t len;

	NVolSetCompression(t->vol);
	ni = create(t, S_IFREG);
	/* A stream that is opened empty becomes what its file's flag says. */
	ni->flags |= FILE_ATTR_COMPRESSED;
	NInoFileNameSetDirty(ni);
	ntfs_inode_mark_dirty(ni);
	na = open_data(ni, AT_UNNAMED, 0);
	for (int64_t pos = 0; pos < t->n; pos += len) {
		len = t->n - pos < BLOCK ? t->n - pos : BLOCK;
		if (pos / BLOCK % 3 == 0)
			for (int i = 0; i < BLOCK; i++)
				buf[i] = (uint8_t)text[i % (sizeof(text) - 1)];
		else if (pos / BLOCK % 3 == 1)
			fill_noise(buf, BLOCK);
		else
			memset(buf, 0, BLOCK);
		write_at(na, pos, len, buf);
	}
	if (ntfs_attr_pclose(na))
		ntfstool_die("cannot end a compressed file: %s", strerror(errno));
	done(ni, na);
}

static void make_encrypted(const struct target *t)
{
	static uint8_t efs[2048] = { 0, 8 };	/* EFS_ATTR_HEADER: its own length first */
	u8 len;
	ntfschar *name = ucs("$EFS", &len);
	ntfs_inode *ni = create(t, S_IFREG);
	ntfs_attr *na = open_data(ni, AT_UNNAMED, 0);
	ntfs_attr_search_ctx *ctx;

	write_noise(na, 0, t->n);
	ntfs_attr_close(na);
	fill_noise(efs + 8, sizeof(efs) - 8);
	if (ntfs_attr_add(ni, AT_LOGGED_UTILITY_STREAM, name, len, efs, sizeof(efs)))
		ntfstool_die("cannot add $EFS: %s", strerror(errno));
	ctx = ntfs_attr_get_search_ctx(ni, NULL);
	if (!ctx || ntfs_attr_lookup(AT_DATA, NULL, 0, CASE_SENSITIVE, 0, NULL, 0, ctx))
		ntfstool_die("cannot find what was just made: %s", strerror(errno));
	ctx->attr->flags |= ATTR_IS_ENCRYPTED;
	ntfs_inode_mark_dirty(ctx->ntfs_ino);
	ntfs_attr_put_search_ctx(ctx);
	ni->flags |= FILE_ATTR_ENCRYPTED;
	NInoFileNameSetDirty(ni);
	done(ni, NULL);
	free(name);
}

static void make_fragmented(const struct target *t)
{
	ntfs_inode *ni = create(t, S_IFREG);
	ntfs_attr *na = open_data(ni, AT_UNNAMED, 0);
	LCN *blocked = ntfstool_alloc((size_t)t->n * sizeof(*blocked));
	s64 size = t->vol->cluster_size;

	if (ntfs_attr_force_non_resident(na))
		ntfstool_die("cannot give the file clusters: %s", strerror(errno));
	/* Whatever lies behind the last cluster is taken while the next one is looked for. */
	for (int64_t i = 0; i < t->n; i++) {
		write_noise(na, i * size, (i + 1) * size);
		if (ntfs_attr_map_whole_runlist(na))
			ntfstool_die("the file is not where it should be: %s", strerror(errno));
		blocked[i] = ntfs_attr_vcn_to_lcn(na, i) + 1;
		if (blocked[i] >= t->vol->nr_clusters || ntfstool_is_used(t->vol, blocked[i]))
			blocked[i] = -1;
		else
			ntfstool_mark(t->vol, blocked[i], 1, true);
	}
	for (int64_t i = 0; i < t->n; i++)
		if (blocked[i] >= 0)
			ntfstool_mark(t->vol, blocked[i], 1, false);
	free(blocked);
	done(ni, na);
}

static void make_streams(const struct target *t)
{
	ntfs_inode *ni = create(t, S_IFREG);

	for (int64_t i = 0; i < t->n; i++) {
		uint8_t value[100];
		char word[64];
		ntfschar *name;
		u8 len;

		snprintf(word, sizeof(word), "a stream with quite a long name, number %04lld", (long long)i);
		name = ucs(word, &len);
		fill_noise(value, sizeof(value));
		if (ntfs_attr_add(ni, AT_DATA, name, len, value, sizeof(value)))
			ntfstool_die("cannot add stream %lld: %s", (long long)i, strerror(errno));
		free(name);
	}
	done(ni, NULL);
}

static void make_directory(const struct target *t)
{
	ntfs_inode *dir = create(t, S_IFDIR);
	char name[32];

	for (int64_t i = 0; i < t->n; i++) {
		snprintf(name, sizeof(name), "file %06lld", (long long)i);
		if (ntfs_inode_close_in_dir(create_in(dir, name, S_IFREG), dir))
			ntfstool_die("cannot close \"%s\": %s", name, strerror(errno));
	}
	done(dir, NULL);
}

static void make_many(const struct target *t)
{
	char path[256];

	done(create(t, S_IFDIR), NULL);
	for (int64_t i = 0; i < t->n; i += 20000) {
		struct target part = { .vol = t->vol, .path = path, .n = t->n - i < 20000 ? t->n - i : 20000 };

		snprintf(path, sizeof(path), "%s/%lld", t->path, (long long)(i / 20000));
		make_directory(&part);
	}
}

static void make_full(const struct target *t)
{
	ntfs_inode *ni = create(t, S_IFREG);
	ntfs_attr *na = open_data(ni, AT_UNNAMED, 0);
	s64 size = t->vol->cluster_size, want;

	if (ntfs_volume_get_free_space(t->vol))
		ntfstool_die("cannot count the free clusters: %s", strerror(errno));
	while ((want = t->vol->free_clusters - t->n) > 0) {
		if (want > 256)
			want = 256;
		write_noise(na, na->data_size, na->data_size + want * size);
	}
	done(ni, na);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *word;
		void (*make)(const struct target *);
	} kinds[] = {
		{ "plain", make_plain }, { "sparse", make_sparse }, { "compressed", make_compressed },
		{ "encrypted", make_encrypted }, { "fragmented", make_fragmented }, { "streams", make_streams },
		{ "directory", make_directory }, { "many", make_many }, { "full", make_full },
	};
	ntfs_volume *vol;
	size_t k;

	ntfstool_name = "ntfsfill";
	if (argc < 2 || (argc - 2) % 3)
		ntfstool_die("usage: ntfsfill VOLUME [KIND PATH N]...");
	vol = ntfstool_mount(argv[1], true);
	for (int i = 2; i < argc; i += 3) {
		struct target t = { .vol = vol, .path = argv[i + 1], .n = strtoll(argv[i + 2], NULL, 0) };

		for (k = 0; k < sizeof(kinds) / sizeof(kinds[0]) && strcmp(argv[i], kinds[k].word); k++)
			;
		if (k == sizeof(kinds) / sizeof(kinds[0]) || t.n < 0)
			ntfstool_die("there is no kind \"%s\" of %s", argv[i], argv[i + 2]);
		seed_noise(t.path);
		kinds[k].make(&t);
	}
	ntfstool_umount(vol);
	return 0;
}
