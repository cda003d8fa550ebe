/* hive.c - hivex in a child, on a sealed copy of the hive. */
#include <config.h>

#include "adapt/hive.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "adapt/child.h"
#include "base/bytes.h"
#include "base/intl.h"
#include "base/reopen.h"
#include "fmt/fs_util.h"

#define VALUES_MAX 8192u
#define CELL_HEAD 4u		/* bytes of a cell before its data: its length */

/* The answer: this head, then n values. */
struct head {
	uint32_t is_done, n;
	char why[120];
};

#ifdef HAVE_HIVEX
#include <hivex.h>
#include <iconv.h>

/* hivex converts names; the converters are files, which the sandbox closes: kept open, they stay. */
static void load_converters(void)
{
	iconv_open("UTF-8", "UTF-16LE");
	iconv_open("UTF-8", "LATIN1");
}

static const struct im_child_needs needs = { .prepare = load_converters, .opens_proc = true };

struct reading {
	hive_h *h;
	struct head head;
	struct im_hive_value values[VALUES_MAX];
};

/* From now on nothing of the hive is believed. */
static void give_up(struct reading *r, const char *why)
{
	if (!r->head.why[0])
		snprintf(r->head.why, sizeof(r->head.why), "%s", why);
}

static void add(struct reading *r, hive_value_h value, uint32_t type, const char *name)
{
	hive_type form;
	size_t len = 0, cell_len = 0;
	hive_value_h cell = 0;
	struct im_hive_value *v;
	bool is_read = hivex_value_type(r->h, value, &form, &len) == 0;

	/* shorter ones lie in the key itself, and name no partition */
	if (is_read && len <= 4)
		return;
	if (is_read)
		cell = hivex_value_data_cell_offset(r->h, value, &cell_len);
	if (!cell || r->head.n == VALUES_MAX) {
		give_up(r, cell ? N_("it has more values than are looked at") : N_("a value of it cannot be read"));
		return;
	}
	v = &r->values[r->head.n++];
	*v = (struct im_hive_value){ .at = cell + CELL_HEAD, .len = (uint32_t)len, .type = type };
	snprintf(v->name, sizeof(v->name), "%s", name);
}

/* The key, or 0 where there is none; what cannot be read is no absence. */
static hive_node_h key_of(struct reading *r, hive_node_h parent, const char *name)
{
	hive_node_h key;

	errno = 0;
	key = parent ? hivex_node_get_child(r->h, parent, name) : 0;
	if (!key && errno)
		give_up(r, N_("a key of it cannot be read"));
	return key;
}

static hive_node_h *keys_in(struct reading *r, hive_node_h key)
{
	hive_node_h *keys = key ? hivex_node_children(r->h, key) : NULL;

	if (key && !keys)
		give_up(r, N_("a key of it cannot be read"));
	return keys;
}

static void read_element(struct reading *r, hive_node_h element, const char *object)
{
	char *type = hivex_node_name(r->h, element), name[96], *end = NULL;
	unsigned long number = type ? strtoul(type, &end, 16) : 0;
	hive_value_h value;

	errno = 0;
	value = hivex_node_get_value(r->h, element, "Element");
	if (!type || (!value && errno))
		give_up(r, N_("a key of it cannot be read"));
	if (value && type && *type && !*end && number <= UINT32_MAX) {
		snprintf(name, sizeof(name), "%.60s\\%.12s", object, type);
		add(r, value, (uint32_t)number, name);
	}
	free(type);
}

static void read_bcd(struct reading *r)
{
	hive_node_h objects = key_of(r, hivex_root(r->h), "Objects");
	hive_node_h *object = keys_in(r, objects);

	if (!objects)
		give_up(r, N_("it has no key \\Objects"));
	for (size_t i = 0; object && object[i]; i++) {
		hive_node_h *element = keys_in(r, key_of(r, object[i], "Elements"));
		char *name = hivex_node_name(r->h, object[i]);

		for (size_t k = 0; element && element[k]; k++)
			read_element(r, element[k], name ? name : "?");
		free(name);
		free(element);
	}
	free(object);
}

/* A system that never gave a letter has no such key. */
static void read_system(struct reading *r)
{
	hive_node_h mounted = key_of(r, hivex_root(r->h), "MountedDevices");
	hive_value_h *value = mounted ? hivex_node_values(r->h, mounted) : NULL;

	if (mounted && !value)
		give_up(r, N_("a key of it cannot be read"));
	for (size_t i = 0; value && value[i]; i++) {
		char *name = hivex_value_key(r->h, value[i]);

		add(r, value[i], 0, name ? name : "?");
		free(name);
	}
	free(value);
}

static void read_in_child(const struct im_child *child, const void *arg)
{
	const enum im_hive_kind *kind = arg;
	struct reading *r = calloc(1, sizeof(*r));
	char path[IM_FD_PATH];

	if (!r)
		return;
	im_fd_path(path, child->fds[0]);
	r->h = hivex_open(path, 0);
	if (!r->h)
		snprintf(r->head.why, sizeof(r->head.why), "hivex cannot open it: %.80s", strerror(errno));
	else if (*kind == IM_HIVE_BCD)
		read_bcd(r);
	else
		read_system(r);
	r->head.is_done = !r->head.why[0];
	im_child_answer(child, sizeof(r->head) + r->head.n * sizeof(*r->values));
	im_child_put(child, &r->head, sizeof(r->head));
	im_child_put(child, r->values, r->head.n * sizeof(*r->values));
}

#else

static const struct im_child_needs needs;

static void read_in_child(const struct im_child *child, const void *arg)
{
	struct head head = { .why = N_("this build is without hivex") };

	(void)arg;
	im_child_answer(child, sizeof(head));
	im_child_put(child, &head, sizeof(head));
}

#endif

/* The hive as a memfd that nobody can change; -1. */
static int copy_of(const struct im_file_map *map, struct im_dev *vol, struct im_error *err)
{
	static const size_t chunk = 256u << 10;
	int fd = memfd_create("imgmend", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	uint8_t *buf = malloc(chunk);
	int rc = fd < 0 ? im_error_sys(err, errno, "cannot make a file in memory") : buf ? 0 : im_error_nomem(err);

	for (uint64_t off = 0; rc == 0 && off < map->size; off += chunk) {
		size_t n = (size_t)im_min(chunk, map->size - off);

		/* what was never written reads as zeros */
		memset(buf, 0, n);
		if (off < map->valid)
			rc = im_file_map_read(map, vol, off, buf, (size_t)im_min(n, map->valid - off), err);
		if (rc == 0 && pwrite(fd, buf, n, (off_t)off) != (ssize_t)n)
			rc = im_error_sys(err, errno, "cannot write a copy of a registry hive in memory");
	}
	if (rc == 0 && fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
		rc = im_error_sys(err, errno, "cannot seal a file in memory");
	free(buf);
	if (rc < 0 && fd >= 0)
		close(fd);
	return rc < 0 ? -1 : fd;
}

/* Take the values that lie in the file; names are made printable. */
static int take(struct im_hive *hive, const struct im_file_map *map, const struct im_answer *answer, char why[160],
		struct im_error *err)
{
	struct head head;

	snprintf(why, 160, "%.159s", answer->why);
	if (!answer->data || answer->len < sizeof(head))
		return 1;
	memcpy(&head, answer->data, sizeof(head));
	im_fs_label(why, 160, (const uint8_t *)head.why, strnlen(head.why, sizeof(head.why)));
	im_say_again(why, 160);
	if (!head.is_done || head.n > VALUES_MAX || answer->len != sizeof(head) + head.n * sizeof(struct im_hive_value))
		return 1;
	for (uint32_t i = 0; i < head.n; i++) {
		struct im_hive_value v, *to;

		memcpy(&v, answer->data + sizeof(head) + i * sizeof(v), sizeof(v));
		if (v.at > map->valid || v.len > map->valid - v.at) {
			im_say(why, 160, "a value of it cannot be read");
			return 1;
		}
		to = im_vec_push(&hive->values, err);
		if (!to)
			return -1;
		*to = v;
		im_fs_label(to->name, sizeof(to->name), (const uint8_t *)v.name, strnlen(v.name, sizeof(v.name)));
	}
	return 0;
}

int im_hive_read(struct im_hive *hive, const struct im_file_map *map, struct im_dev *vol, enum im_hive_kind kind, char why[160],
		 struct im_error *err)
{
	struct im_answer answer = { 0 };
	int fd, rc;

	*hive = (struct im_hive){ 0 };
	if (map->size > IM_HIVE_MAX) {
		im_say(why, 160, "it is larger than any hive");
		return 1;
	}
	fd = copy_of(map, vol, err);
	if (fd < 0)
		return -1;
	rc = im_child_run(read_in_child, &needs, &kind, fd, NULL, &answer, err);
	close(fd);
	if (rc == 0)
		rc = take(hive, map, &answer, why, err);
	free(answer.data);
	return rc;
}

void im_hive_free(struct im_hive *hive)
{
	im_vec_free(&hive->values);
}
