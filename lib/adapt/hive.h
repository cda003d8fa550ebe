/* hive.h - hivex reads a registry hive of Windows: where in the file do the values lie that name partitions?
 *
 * Values are changed in place: as many bytes as before, so the hive does not grow, and nothing else of it changes.
 */
#ifndef IM_ADAPT_HIVE_H
#define IM_ADAPT_HIVE_H

#include <stdint.h>

#include "base/error.h"
#include "base/vec.h"
#include "fmt/file_map.h"

#define IM_HIVE_MAX (256ull << 20)	/* bytes of the largest hive that is read */

enum im_hive_kind {
	IM_HIVE_BCD,		/* \Objects\{…}\Elements\TYPE, the value Element */
	IM_HIVE_SYSTEM,		/* the values of \MountedDevices */
};

/* A value as hivex found it. It is hearsay: what is there is for the caller to read. */
struct im_hive_value {
	uint64_t at;		/* byte of the file where its data begins */
	uint32_t len;
	uint32_t type;		/* of the BCD's element, else 0 */
	char name[96];		/* printable: "{9dea862c-…}\11000001", "\DosDevices\C:" */
};

struct im_hive {
	IM_VEC(struct im_hive_value) values;
};

/* The values of the hive that lies on vol as map says. A child reads a copy in memory. 0; 1 with a clause in why where hivex does not
 * accept it, or this build has none; -1 where it could not be read. To be freed in any case. */
int im_hive_read(struct im_hive *hive, const struct im_file_map *map, struct im_dev *vol, enum im_hive_kind kind, char why[160],
		 struct im_error *err);
void im_hive_free(struct im_hive *hive);

#endif
