/* windows_position.h - how Windows writes down where a partition of a disk with an MBR begins: the disk's signature and
 * the partition's byte offset.
 *
 * In the boot configuration (BCD) that is part of every element whose value is a device, in drive letters
 * (MountedDevices of the SYSTEM hive) the whole value. Sources: domain facts on BCD elements as observed, and
 * Microsoft's description of MountedDevices.
 */
#ifndef IM_FMT_WINDOWS_POSITION_H
#define IM_FMT_WINDOWS_POSITION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Does the value of an element of this type name a device? Such are 11000001 (where a loader is) and 21000001 (where the
 * system is). */
bool im_bcd_is_device(uint32_t type);

/* The next place at or behind *at where a device's value has the byte offset (le64) of a partition on the disk with this
 * signature; nested devices are found as well. False: there is none. *at is that place. */
bool im_bcd_next_position(const uint8_t *value, size_t len, uint32_t signature, size_t *at);

/* The same for the value of a mounted device, where it is of a disk with an MBR. */
bool im_mounted_position(const uint8_t *value, size_t len, uint32_t signature, size_t *at);

/* Do the signature and the offset both stand somewhere in the value? Then it may name the partition in a way that is not
 * known. */
bool im_windows_may_name(const uint8_t *value, size_t len, uint32_t signature, uint64_t offset);

#endif
