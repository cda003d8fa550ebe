/* fence.h - the marker that stands in sector 0 of an image while it is being repaired.
 *
 * No firmware and no operating system takes it for a disk: it has no 0x55AA and no file system's
 * mark. A person who looks at it reads what to do; imgmend reads the UUID of the journal.
 */
#ifndef IM_BASE_FENCE_H
#define IM_BASE_FENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IM_UUID_TEXT 37

/* Fill a sector of len bytes (512 or more) with the fence of run `run` of the journal `uuid`. Each change of
 * direction is a run of its own, so that an older copy of a journal does not fit the fence. */
void im_fence_make(uint8_t *sector, size_t len, const uint8_t uuid[16], uint64_t run);

/* Is this sector (of at least 512 bytes) a fence? Then uuid is its journal's. */
bool im_fence_is(const uint8_t *sector, uint8_t uuid[16]);

/* "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx" of 16 bytes taken in order, and random 16 bytes (version 4). */
void im_uuid_text(const uint8_t uuid[16], char text[IM_UUID_TEXT]);
void im_uuid_random(uint8_t uuid[16]);

#endif
