/* beside.h - files that lie beside an image. */
#ifndef IM_SCAN_BESIDE_H
#define IM_SCAN_BESIDE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Is the file at path a flat extent that a VMDK descriptor (*.vmdk) in the same folder names? Its path goes
 * into descriptor. */
bool im_beside_vmdk(const char *path, char *descriptor, size_t len);

/* The first file in dir whose name contains `part` and that `fits` says yes to; malloc'd, NULL if none. */
char *im_beside_find(const char *dir, const char *part, bool (*fits)(const char *path, const uint8_t uuid[16]),
		     const uint8_t uuid[16]);

#endif
