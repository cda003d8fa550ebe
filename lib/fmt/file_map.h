/* file_map.h - where on its volume every byte of a file lies. */
#ifndef IM_FMT_FILE_MAP_H
#define IM_FMT_FILE_MAP_H

#include <stdint.h>

#include "base/error.h"
#include "base/vec.h"
#include "dev/dev.h"

struct im_file_piece {
	uint64_t off;		/* byte of the file */
	uint64_t at, len;	/* bytes of the volume */
};

struct im_file_map {
	uint64_t size;		/* bytes of the file */
	uint64_t valid;		/* … of which so many have been written; the rest reads as zeros, whatever its clusters hold */
	IM_VEC(struct im_file_piece) pieces;	/* in the order of the file, from its first byte on */
};

void im_file_map_free(struct im_file_map *map);

/* Append the next piece of the file; one that goes on where the last one ends joins it. */
int im_file_map_add(struct im_file_map *map, uint64_t at, uint64_t len, struct im_error *err);

/* The byte of the volume that holds byte off of the file; *len: how many follow it there, 0: none does. */
uint64_t im_file_map_at(const struct im_file_map *map, uint64_t off, uint64_t *len);

/* [off, off+len) of the file, which lies within what is valid; IM_EFORMAT where the pieces end before. */
int im_file_map_read(const struct im_file_map *map, struct im_dev *vol, uint64_t off, void *buf, size_t len, struct im_error *err);

/* The unnamed data of the file with this record number on an NTFS volume. FOUND; ABSENT: there is none; DAMAGED with a clause in
 * why where it is not plainly in clusters of its own (compressed, encrypted, in its record), from its first byte up to what is
 * valid. -1. */
int im_file_map_ntfs(struct im_file_map *map, struct im_dev *vol, uint64_t record, const char **why, struct im_error *err);

#endif
