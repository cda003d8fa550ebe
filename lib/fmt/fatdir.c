/* fatdir.c - directories of FAT12, FAT16 and FAT32, read one block at a time.
 *
 * A directory has at most 65536 entries by the specification; no chain is followed further, so that one
 * which loops ends as well. Nothing is kept but one block and the long name that is being gathered.
 */
#include "fmt/fatdir.h"

#include <string.h>

#include "base/bytes.h"
#include "base/intl.h"
#include "fmt/fat.h"
#include "fmt/fs_util.h"

#define MAX_DIRECTORY (65536u * IM_FAT_ENTRY)	/* bytes */
#define BLOCK 4096u
#define LONG_UNITS 13u			/* UTF-16 units in one entry of a long name */
#define LONG_ENTRIES 20u
#define LONG_MAX (LONG_UNITS * LONG_ENTRIES)

enum { LAST_LONG = 0x40, ATTR_VOLUME = 0x08, ATTR_DIRECTORY = 0x10, ATTR_LONG = 0x0f, ATTR_MASK = 0x3f };

struct volume {
	struct im_dev *dev;
	struct im_fat_geometry g;
};

/* A place in a directory. */
struct cursor {
	uint64_t off, left;	/* byte offset of what is next, bytes of it before its end or its next cluster */
	uint32_t cluster;	/* 0: the fixed root directory */
	uint64_t seen;		/* bytes of the directory so far */
};

/* The long name whose entries stand before a short one, the last first. */
struct long_name {
	char text[LONG_MAX + 1];	/* ASCII; anything else is a byte that no name asked for has */
	unsigned next;			/* number of the entry that must follow, 0: complete */
	uint8_t checksum;		/* of the short name that it belongs to */
	bool is_valid;
};

struct found {
	bool is_directory;
	uint32_t cluster, size;	/* size: bytes, of a file */
};

static bool is_cluster(const struct volume *v, uint32_t cluster)
{
	return cluster >= 2 && cluster - 2 < v->g.clusters;
}

/* The cluster after this one: 1 with *next; 0 at the end of the chain, and where it is broken; -1. */
static int next_cluster(const struct volume *v, uint32_t cluster, uint32_t *next, struct im_error *err)
{
	uint64_t at = v->g.kind == IM_FAT12 ? cluster + cluster / 2u : (uint64_t)cluster * (v->g.kind / 8u);
	size_t len = v->g.kind == IM_FAT32 ? 4 : 2;
	uint8_t b[4] = { 0 };
	int got;

	if (at + len > v->g.fat_size)
		return 0;
	got = im_fs_peek(v->dev, v->g.fat + at, b, len, err);
	if (got <= 0)
		return got;
	if (v->g.kind == IM_FAT12)
		*next = cluster & 1 ? im_get16(b) >> 4 : im_get16(b) & 0xfff;
	else
		*next = im_get32(b) & 0x0fffffff;
	return is_cluster(v, *next);
}

static void enter_cluster(const struct volume *v, struct cursor *c, uint32_t cluster)
{
	c->cluster = cluster;
	c->off = v->g.data + (uint64_t)(cluster - 2) * v->g.cluster;
	c->left = v->g.cluster;
}

static struct cursor root_of(const struct volume *v)
{
	struct cursor c = { .off = v->g.root, .left = v->g.root_size };

	if (v->g.kind == IM_FAT32)
		enter_cluster(v, &c, v->g.root_cluster);
	return c;
}

/* The next block of the directory: its length, 0 past its end, -1. */
static int read_block(const struct volume *v, struct cursor *c, uint8_t block[BLOCK], struct im_error *err)
{
	uint32_t next, len;
	int got;

	if (!c->left && c->cluster) {
		got = next_cluster(v, c->cluster, &next, err);
		if (got <= 0)
			return got;
		enter_cluster(v, c, next);
	}
	len = (uint32_t)im_min(c->left, BLOCK);
	if (!len || c->seen >= MAX_DIRECTORY)
		return 0;
	got = im_fs_peek(v->dev, c->off, block, len, err);
	if (got <= 0)
		return got;
	c->off += len;
	c->left -= len;
	c->seen += len;
	return (int)len;
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static bool is_same(const char *a, const char *name, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!a[i] || lower(a[i]) != lower(name[i]))
			return false;
	return !a[len];
}

/* Take one entry of a long name: it begins one, continues it, or breaks it off. */
static void add_long(struct long_name *l, const uint8_t *e)
{
	static const uint8_t places[LONG_UNITS] = { 1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30 };
	unsigned number = e[0] & ~LAST_LONG;

	if (e[0] & LAST_LONG)
		*l = (struct long_name){ .checksum = e[13], .next = number, .is_valid = true };
	l->is_valid = l->is_valid && number && number <= LONG_ENTRIES && number == l->next && e[13] == l->checksum;
	if (!l->is_valid)
		return;
	l->next = number - 1;
	for (unsigned i = 0; i < LONG_UNITS; i++) {
		uint16_t unit = im_get16(e + places[i]);

		l->text[l->next * LONG_UNITS + i] = (char)(unit < 0x80 ? unit : 0x7f);
	}
}

static uint8_t checksum_of(const uint8_t *short_name)
{
	uint8_t sum = 0;

	for (int i = 0; i < 11; i++)
		sum = (uint8_t)((sum >> 1 | sum << 7) + short_name[i]);
	return sum;
}

/* "NAME    EXT" as "NAME.EXT". */
static void short_text(const uint8_t *e, char text[13])
{
	size_t n = 0;

	for (int i = 0; i < 8 && e[i] != ' '; i++)
		text[n++] = (char)e[i];
	if (e[8] != ' ')
		text[n++] = '.';
	for (int i = 8; i < 11 && e[i] != ' '; i++)
		text[n++] = (char)e[i];
	text[n] = '\0';
}

static bool has_name(const uint8_t *e, const struct long_name *l, const char *name, size_t len)
{
	char text[13];

	if (l->is_valid && !l->next && l->checksum == checksum_of(e) && is_same(l->text, name, len))
		return true;
	short_text(e, text);
	return is_same(text, name, len);
}

/* Look for a name in the directory at c. 1 with *out, 0, -1. */
static int find_in(const struct volume *v, struct cursor c, const char *name, size_t len, struct found *out,
		   struct im_error *err)
{
	struct long_name l = { 0 };
	uint8_t block[BLOCK];
	int n;

	while ((n = read_block(v, &c, block, err)) > 0) {
		for (const uint8_t *e = block; e < block + n; e += IM_FAT_ENTRY) {
			uint8_t attributes = e[11] & ATTR_MASK;

			if (!e[0])
				return 0;
			if (e[0] != 0xe5 && attributes == ATTR_LONG) {
				add_long(&l, e);
				continue;
			}
			if (e[0] != 0xe5 && !(attributes & ATTR_VOLUME) && has_name(e, &l, name, len)) {
				out->is_directory = attributes & ATTR_DIRECTORY;
				out->cluster = im_get16(e + 26);
				out->size = im_get32(e + 28);
				if (v->g.kind == IM_FAT32)
					out->cluster |= (uint32_t)im_get16(e + 20) << 16;
				return 1;
			}
			l.is_valid = false;
		}
	}
	return n;
}

static int open_volume(struct volume *v, struct im_dev *vol, struct im_error *err)
{
	struct im_bpb bpb;
	int got = im_bpb_read(vol, &bpb, err);

	*v = (struct volume){ .dev = vol };
	if (got <= 0)
		return got;
	return im_bpb_owner(&bpb) == IM_BPB_OTHER && im_fat_decode(&bpb, &v->g);
}

static int find(const struct volume *v, const char *path, struct found *f, struct im_error *err)
{
	struct cursor c = root_of(v);

	for (;;) {
		size_t len = strcspn(path, "/");
		int got = find_in(v, c, path, len, f, err);

		if (got <= 0)
			return got;
		if (!path[len])
			return f->is_directory ? IM_FAT_DIRECTORY : IM_FAT_FILE;
		if (!f->is_directory || !is_cluster(v, f->cluster))
			return IM_FAT_NOTHING;
		c = (struct cursor){ 0 };
		enter_cluster(v, &c, f->cluster);
		path += len + 1;
	}
}

int im_fat_find(struct im_dev *vol, const char *path, struct im_error *err)
{
	struct found f = { .is_directory = true };
	struct volume v;
	int got = open_volume(&v, vol, err);

	return got <= 0 ? got : find(&v, path, &f, err);
}

int im_fat_file(struct im_dev *vol, const char *path, uint64_t most, struct im_file_map *map, const char **why, struct im_error *err)
{
	struct found f = { .is_directory = true };
	struct volume v;
	uint64_t held = 0, want;
	int got = open_volume(&v, vol, err);

	*why = N_("its chain of clusters ends before its size, or does not end");
	if (got > 0)
		got = find(&v, path, &f, err);
	if (got != IM_FAT_FILE)
		return got < 0 ? -1 : IM_ABSENT;
	map->size = map->valid = f.size;
	want = im_min(f.size, most);
	for (uint32_t cluster = f.cluster; held < want; held += v.g.cluster) {
		/* a chain with more clusters than there are loops */
		if (!is_cluster(&v, cluster) || held / v.g.cluster >= v.g.clusters)
			return IM_DAMAGED;
		if (im_file_map_add(map, v.g.data + (uint64_t)(cluster - 2) * v.g.cluster, v.g.cluster, err) < 0)
			return -1;
		got = next_cluster(&v, cluster, &cluster, err);
		if (got < 0)
			return -1;
		if (!got)
			cluster = 0;
	}
	return IM_FOUND;
}
