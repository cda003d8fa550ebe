/* ntfs_list.h - attribute lists, for the readers of NTFS. */
#ifndef IM_FMT_NTFS_LIST_H
#define IM_FMT_NTFS_LIST_H

#include "fmt/ntfs.h"

/* An entry of an attribute list: which record holds an attribute, or an extent of one. */
struct im_ntfs_list_entry {
	uint32_t type;
	uint8_t name_len;
	uint64_t first_vcn, record;
};

typedef IM_VEC(struct im_ntfs_list_entry) im_ntfs_list;

/* The attribute list of an opened base record. FOUND; ABSENT when it has none; DAMAGED; -1. */
int im_ntfs_list_read(struct im_ntfs *fs, const uint8_t *record, im_ntfs_list *list, struct im_error *err);

#endif
