/* crashdev.h - a device with a volatile cache, whose power can be cut at any write or flush.
 *
 * All devices of one `im_power` share a clock that counts writes, zeroings, resizes and flushes. When it
 * reaches `cut_at` the power goes: of what was not flushed each operation survives or not, as the mode
 * says, and a surviving write may be torn at sector borders, or inside a sector. From then on every
 * operation fails. im_crash_reboot gives the device back with what survived.
 *
 * Apart from that, one operation, reads included, may fail: the one with number `fail_at`. A flush that fails that
 * way loses what it should have made durable, though it stays to be read until the device forgets it, and the
 * next flush succeeds: as on a system whose page cache calls pages clean that it could not write.
 */
#ifndef IM_TESTS_CRASHDEV_H
#define IM_TESTS_CRASHDEV_H

#include "dev/dev.h"

enum im_cut { IM_CUT_NONE, IM_CUT_ALL, IM_CUT_PREFIX, IM_CUT_RANDOM, IM_CUT_MODES };

enum im_fault { IM_FAULT_EIO, IM_FAULT_ENOSPC, IM_FAULT_HALF, IM_FAULT_KINDS };	/* HALF: a write does its first half */

struct im_power {
	uint64_t clock, cut_at;		/* UINT64_MAX: never */
	bool is_off;
	enum im_cut mode;
	bool tear_sectors;		/* a write may be torn inside a sector too */
	uint64_t seed;
	uint64_t ops, fail_at;		/* operations of every kind so far; 0 fails none, n the n-th */
	enum im_fault fault;
};

uint64_t im_random(uint64_t *seed);	/* splitmix64 */

struct im_dev *im_crash_new(struct im_power *power, uint64_t size, uint32_t sector_size);
/* Drop what did not survive and start again; only after a cut. Works without a cut too: then nothing unflushed is lost. */
void im_crash_reboot(struct im_dev *dev);
/* The bytes as the device shows them now, dev->size of them; may be written to between runs. */
uint8_t *im_crash_bytes(struct im_dev *dev);
/* Make everything durable without touching the clock (to set a scene). */
void im_crash_settle(struct im_dev *dev);

#endif
