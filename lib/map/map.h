/* map.h - the image map: where every byte of the corrected image comes from.
 *
 * A map is a total function over [0, new_size): sorted segments without gaps or overlaps. All
 * segments hold at once; the map knows no order. From it come the preview (a device that renders
 * the map over the old image), the report, the copy, the execution and the undo.
 */
#ifndef IM_MAP_MAP_H
#define IM_MAP_MAP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/vec.h"
#include "dev/dev.h"

enum im_kind {
	IM_KEEP,	/* the byte stays where it is */
	IM_FROM,	/* the byte comes from `from` of the old image */
	IM_BYTES,	/* literal bytes */
	IM_ZERO,	/* zeros */
	IM_FILL,	/* one other byte, repeated */
};

struct im_segment {
	uint64_t start, len;	/* bytes in the corrected image */
	enum im_kind kind;
	uint64_t from;		/* IM_FROM: byte in the old image where the segment starts */
	uint8_t fill;		/* IM_FILL */
	uint8_t *data;		/* IM_BYTES: len bytes, owned by the map */
	char *reason;		/* one line for people, owned by the map; NULL for IM_KEEP */
};

struct im_range {
	uint64_t start, len;	/* bytes */
};

struct im_map {
	uint64_t old_size, new_size;
	IM_VEC(struct im_segment) segs;
};

/* The map that changes nothing but the size: KEEP, then ZERO for what grows. */
int im_map_init(struct im_map *map, uint64_t old_size, uint64_t new_size, struct im_error *err);
void im_map_free(struct im_map *map);

/* Lay [start, start+len) over whatever the map said before. reason is copied, data too.
 * The range must lie inside new_size, a FROM source inside old_size: else IM_EUSAGE.
 * FROM with from == start becomes KEEP. */
int im_map_from(struct im_map *map, uint64_t start, uint64_t len, uint64_t from, const char *reason,
		struct im_error *err);
int im_map_bytes(struct im_map *map, uint64_t start, const void *data, uint64_t len, const char *reason,
		 struct im_error *err);
int im_map_zero(struct im_map *map, uint64_t start, uint64_t len, const char *reason, struct im_error *err);
int im_map_fill(struct im_map *map, uint64_t start, uint64_t len, uint8_t byte, const char *reason,
		struct im_error *err);

/* The index of the segment that holds byte off (off < new_size). */
size_t im_map_find(const struct im_map *map, uint64_t off);

/* Are some old bytes in more than one place of the corrected image? */
int im_map_doubles(const struct im_map *map, bool *yes, struct im_error *err);

/* Does the map change nothing at all? */
bool im_map_is_identity(const struct im_map *map);

/* Most segments of a map: what orders them costs more than linear time and memory. */
#define IM_MAP_SEGMENTS_MAX 4096

/* Is the map total, sorted, in range and without overflow? For maps that come from a file. */
int im_map_check(const struct im_map *map, struct im_error *err);

/* The corrected image as a read-only device over the old one. Both arguments are borrowed. */
struct im_dev *im_map_view(const struct im_map *map, struct im_dev *old, struct im_error *err);

/* The map as bytes (malloc'd into *out, which the caller frees), and back. Decoding trusts nothing
 * and ends in im_map_check. The form is described in imgmend-journal(5), record PLAN. */
int im_map_encode(const struct im_map *map, uint8_t **out, size_t *len, struct im_error *err);
int im_map_decode(struct im_map *map, const uint8_t *p, size_t len, struct im_error *err);
/* A map of its own with the same segments. */
int im_map_copy(struct im_map *to, const struct im_map *from, struct im_error *err);

#endif
