/* fatdir.h - looking up a path in the directories of a FAT volume, and where its file lies. */
#ifndef IM_FMT_FATDIR_H
#define IM_FMT_FATDIR_H

#include "base/error.h"
#include "dev/dev.h"
#include "fmt/file_map.h"

enum im_fat_found {
	IM_FAT_NOTHING = 0,
	IM_FAT_FILE = 1,
	IM_FAT_DIRECTORY = 2,
};

/* Look for path, names of printable ASCII with '/' between them ("EFI/Microsoft/Boot"), from the root of
 * the FAT volume vol. Case does not matter; a name is compared with the long and the short one of each
 * entry. Returns enum im_fat_found, or -1 when a read failed. What is damaged (no FAT volume after all, a
 * chain that loops or leaves the volume) ends a directory: what was not found until there is not there.
 * Source: Microsoft's FAT specification, "FAT Directory Structure" and "FAT Long Directory Entries". */
int im_fat_find(struct im_dev *vol, const char *path, struct im_error *err);

/* Where the first `most` bytes of the file at path lie. FOUND; ABSENT: there is none; DAMAGED with a clause in why where its chain of
 * clusters ends before, or does not end. -1. */
int im_fat_file(struct im_dev *vol, const char *path, uint64_t most, struct im_file_map *map, const char **why, struct im_error *err);

#endif
