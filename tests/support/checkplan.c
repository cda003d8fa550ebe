/* checkplan.c - a test helper: is the new image exactly what the plan made of the old one?
 *
 *	checkplan OLD NEW PLAN.json
 *
 * An implementation of the image map that shares no line with the program's: it reads the
 * segments from the plan's JSON, takes everything outside them as kept, builds each piece of the
 * expected image and compares it byte for byte, sizes included. Segments that overlap, leave the
 * new image or take bytes from outside the old one are faults too. Exit status: 0 equal, 1 not
 * (with a sentence on standard error), 2 could not tell.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK (1u << 20)

enum kind { KEEP, FROM, BYTES, ZERO, FILL };

struct segment {
	enum kind kind;
	uint64_t start, size, from, fill;
	const char *base64;
};

struct images {
	int old, new;
	uint64_t old_size, new_size;
	uint8_t *expected, *found;	/* CHUNK each */
};

static const char *const kind_names[] = { "kept", "moved", "literal", "zeroed", "filled" };

__attribute__((noreturn)) static void die(int status, const char *what)
{
	fprintf(stderr, "checkplan: %s\n", what);
	exit(status);
}

static uint64_t number(struct json_object *o, const char *key)
{
	struct json_object *v = NULL;

	if (!json_object_object_get_ex(o, key, &v) || !json_object_is_type(v, json_type_int)) {
		fprintf(stderr, "checkplan: the plan has no integer \"%s\" where one is due\n", key);
		exit(1);
	}
	return json_object_get_uint64(v);
}

static const char *string(struct json_object *o, const char *key)
{
	struct json_object *v = NULL;

	if (!json_object_object_get_ex(o, key, &v) || !json_object_is_type(v, json_type_string)) {
		fprintf(stderr, "checkplan: the plan has no string \"%s\" where one is due\n", key);
		exit(1);
	}
	return json_object_get_string(v);
}

/* Decodes into a new buffer of *len bytes; dies on anything that RFC 4648 does not allow. */
static uint8_t *decode(const char *text, size_t *len)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t chars = strlen(text), n = 0;
	uint8_t *out = malloc(chars + 1);
	uint32_t word = 0;
	int have = 0;

	if (!out || chars % 4)
		die(1, "a literal's base64 text is not a multiple of four characters");
	while (chars && text[chars - 1] == '=')
		chars--;
	for (size_t i = 0; i < chars; i++) {
		const char *digit = strchr(digits, text[i]);

		if (!digit)
			die(1, "a literal holds a character that is not base64");
		word = word << 6 | (uint32_t)(digit - digits);
		have += 6;
		if (have >= 8) {
			have -= 8;
			out[n++] = (uint8_t)(word >> have);
		}
	}
	*len = n;
	return out;
}

static void read_all(int fd, uint8_t *buf, size_t len, uint64_t off)
{
	while (len) {
		ssize_t n = pread(fd, buf, len, (off_t)off);

		if (n <= 0)
			die(2, "a read failed");
		buf += n;
		len -= (size_t)n;
		off += (uint64_t)n;
	}
}

static void expect(struct images *im, const struct segment *s, uint64_t off, const uint8_t *literal, size_t len)
{
	uint64_t in = off - s->start;

	if (s->kind == ZERO)
		memset(im->expected, 0, len);
	else if (s->kind == FILL)
		memset(im->expected, (int)s->fill, len);
	else if (s->kind == BYTES)
		memcpy(im->expected, literal + in, len);
	else
		read_all(im->old, im->expected, len, s->kind == KEEP ? off : s->from + in);
}

/* One segment, byte for byte; the bounds were checked. */
static void compare(struct images *im, const struct segment *s)
{
	uint8_t *literal = NULL;
	size_t literal_len = 0;

	if (s->kind == BYTES) {
		literal = decode(s->base64, &literal_len);
		if (literal_len != s->size)
			die(1, "a literal's data is not as long as its segment");
	}
	for (uint64_t off = s->start; off < s->start + s->size;) {
		uint64_t left = s->start + s->size - off;
		size_t len = left < CHUNK ? (size_t)left : CHUNK;

		expect(im, s, off, literal, len);
		read_all(im->new, im->found, len, off);
		for (size_t i = 0; i < len; i++) {
			if (im->expected[i] == im->found[i])
				continue;
			fprintf(stderr, "checkplan: byte %" PRIu64 " (%s by the plan) is 0x%02x, expected 0x%02x\n",
				off + i, kind_names[s->kind], im->found[i], im->expected[i]);
			exit(1);
		}
		off += len;
	}
	free(literal);
}

static void keep(struct images *im, uint64_t start, uint64_t end)
{
	struct segment s = { .kind = KEEP, .start = start, .size = end - start };

	if (start >= end)
		return;
	if (end > im->old_size)
		die(1, "the plan keeps bytes past the end of the old image");
	compare(im, &s);
}

static struct segment parse(struct json_object *o)
{
	const char *kind = string(o, "kind");
	struct segment s = { .start = number(o, "start"), .size = number(o, "size") };

	if (!*string(o, "reason"))
		die(1, "a segment gives no reason");
	if (!strcmp(kind, "from")) {
		s.kind = FROM;
		s.from = number(o, "from");
	} else if (!strcmp(kind, "bytes")) {
		s.kind = BYTES;
		s.base64 = string(o, "data");
	} else if (!strcmp(kind, "fill")) {
		s.kind = FILL;
		s.fill = number(o, "byte");
	} else if (!strcmp(kind, "zero")) {
		s.kind = ZERO;
	} else if (!strcmp(kind, "keep")) {
		s.kind = KEEP;
	} else {
		die(1, "a segment is of an unknown kind");
	}
	return s;
}

static int by_start(const void *a, const void *b)
{
	const struct segment *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

static void check_bounds(const struct images *im, const struct segment *s)
{
	uint64_t end;

	if (!s->size || __builtin_add_overflow(s->start, s->size, &end) || end > im->new_size)
		die(1, "a segment is empty or leaves the new image");
	if (s->kind == FROM && (__builtin_add_overflow(s->from, s->size, &end) || end > im->old_size))
		die(1, "a segment takes bytes from outside the old image");
}

static void check_segments(struct images *im, struct json_object *list)
{
	size_t n = json_object_array_length(list);
	struct segment *v = calloc(n + 1, sizeof(*v));
	uint64_t at = 0;

	if (!v)
		die(2, "out of memory");
	for (size_t i = 0; i < n; i++)
		v[i] = parse(json_object_array_get_idx(list, i));
	qsort(v, n, sizeof(*v), by_start);
	for (size_t i = 0; i < n; i++) {
		check_bounds(im, &v[i]);
		if (v[i].start < at)
			die(1, "two segments of the plan overlap");
		keep(im, at, v[i].start);
		if (v[i].kind == KEEP)
			keep(im, v[i].start, v[i].start + v[i].size);
		else
			compare(im, &v[i]);
		at = v[i].start + v[i].size;
	}
	keep(im, at, im->new_size);
	free(v);
}

static int open_image(const char *path, uint64_t *size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	off_t end = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);	/* works on block devices too */

	if (end < 0) {
		perror(path);
		exit(2);
	}
	*size = (uint64_t)end;
	return fd;
}

int main(int argc, char **argv)
{
	struct json_object *plan, *segments = NULL;
	struct images im;

	if (argc != 4)
		die(2, "usage: checkplan OLD NEW PLAN.json");
	im.old = open_image(argv[1], &im.old_size);
	im.new = open_image(argv[2], &im.new_size);
	plan = json_object_from_file(argv[3]);
	im.expected = malloc(CHUNK);
	im.found = malloc(CHUNK);
	if (!plan || !im.expected || !im.found)
		die(2, "cannot read the plan");
	if (number(plan, "old_size") != im.old_size || number(plan, "new_size") != im.new_size) {
		fprintf(stderr, "checkplan: the plan says %" PRIu64 " -> %" PRIu64 " bytes, the images have %" PRIu64
			" -> %" PRIu64 "\n", number(plan, "old_size"), number(plan, "new_size"), im.old_size,
			im.new_size);
		return 1;
	}
	if (!json_object_object_get_ex(plan, "segments", &segments) || !json_object_is_type(segments, json_type_array))
		die(1, "the plan has no array \"segments\"");
	check_segments(&im, segments);
	free(im.expected);
	free(im.found);
	json_object_put(plan);
	return 0;
}
