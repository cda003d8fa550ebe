/* fuzz.h - what the fuzz targets share: the form of their inputs, sparse devices, and the way to fail.
 *
 * A target is one function. libFuzzer calls it as LLVMFuzzerTestOneInput; the replay program, which holds all
 * targets, as fuzz_NAME. An input that describes devices is a head of 16 bytes and then chunks:
 *
 *	head	flags u8, three bytes of options, size of device 0 (u24 in sectors of 512, u8 half of the odd bytes
 *		behind them), the same of device 1, a number u32
 *	chunk	place u32 in units of 16 bytes (bit 31: on device 1), length u16, that many bytes
 *
 * So a few hundred bytes of input reach structures that lie gigabytes apart. What follows the last whole chunk is
 * its data, cut off. Checksums over what was mutated would end most inputs at once; with FUZZ_SEAL in the flags
 * the target makes them right first (seal.c).
 */
#ifndef IM_FUZZ_FUZZ_H
#define IM_FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "dev/dev.h"

#ifdef FUZZ_REPLAY
#define FUZZ_TARGET(name) \
	int fuzz_##name(const uint8_t *data, size_t size); \
	int fuzz_##name(const uint8_t *data, size_t size)
#else
#define FUZZ_TARGET(name) \
	int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size); \
	int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
#endif

/* A broken promise: end at once, so that the input is kept. */
#define FUZZ_CHECK(condition, ...) \
	do { \
		if (!(condition)) { \
			fprintf(stderr, "%s:%d: %s: ", __FILE__, __LINE__, #condition); \
			fprintf(stderr, __VA_ARGS__); \
			fputc('\n', stderr); \
			abort(); \
		} \
	} while (0)

#define FUZZ_HEAD 16
#define FUZZ_CHUNK 6
#define FUZZ_UNIT 16u
#define FUZZ_CHUNKS_MAX 1024

enum {
	FUZZ_SEAL = 1,		/* make checksums right */
	FUZZ_DEEP = 2,		/* look at every file record */
};

struct fuzz_head {
	uint8_t flags;
	uint8_t option[3];
	uint64_t size[2];	/* bytes */
	uint32_t number;
};

/* Called before each write, zeroing or resize (len 0, off the new size) of a sparse device. */
typedef void (*fuzz_guard)(void *arg, struct im_dev *dev, uint64_t off, uint64_t len);

/* A sparse device of zeros that keeps what is written to it, page by page. It says which extents are zero, and
 * grows up to size_max bytes. */
struct im_dev *fuzz_dev(uint64_t size, uint64_t size_max);
void fuzz_dev_guard(struct im_dev *dev, fuzz_guard guard, void *arg);
/* How many writes, zeroings and resizes it has seen. */
uint64_t fuzz_dev_writes(const struct im_dev *dev);
struct im_dev *fuzz_dev_copy(struct im_dev *dev, uint64_t size_max);
/* The first byte in which two devices of one size differ; UINT64_MAX: none. */
uint64_t fuzz_dev_differ(struct im_dev *a, struct im_dev *b);

/* Take the input apart: false when it has no whole head. size_max is the largest size of a device, to which it is
 * reduced (modulo). dev[1] is only made where two is true. The caller closes the devices. */
bool fuzz_devices(const uint8_t *data, size_t size, uint64_t size_max, bool two, struct fuzz_head *head,
		  struct im_dev *dev[2]);

/* Make the checksums right of whatever is there: GUID partition tables of both sector sizes; superblocks of a
 * volume; a journal. (seal.c) */
void fuzz_seal_gpt(struct im_dev *dev);
void fuzz_seal_volume(struct im_dev *vol);
/* All of a disk that holds a table or a volume, where the head asks for it. */
void fuzz_seal_disk(struct im_dev *dev, const struct fuzz_head *head);
void fuzz_seal_journal(struct im_dev *dev);

/* A reader on memory has no reason to fail: reads past the end are a bug. */
#define FUZZ_NO_EIO(err) FUZZ_CHECK((err)->code != IM_EIO, "%s", (err)->message)

/* What im_windows_look shall find, in targets that plan. (stubs.c) */
extern unsigned fuzz_windows;
/* What the child says that plans a repair inside NTFS; NULL: it dies. Set it back after use. */
extern const uint8_t *fuzz_answer;
extern size_t fuzz_answer_len;

#endif
