/* dev.h - a block device: the only way in which the library touches an image.
 *
 * A device has a size and a logical sector size (both in bytes) and a small table of functions.
 * Transfers are complete or an error. A write is durable only after flush returned 0. Filters
 * (window, recorder, the map's view) wrap a device and delegate; the tests add a crash device
 * and a fault device. Call the im_dev_* functions below, never the table: they check the bounds.
 */
#ifndef IM_DEV_DEV_H
#define IM_DEV_DEV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/vec.h"
#include "dev/watch.h"

struct im_dev;

/* A piece of a device: len bytes of which is_zero says that they certainly read as zeros. */
struct im_extent {
	uint64_t len;
	bool is_zero;
};

/* [off, off+len) of a file, and where the host keeps it; what no such piece covers is a hole. */
struct im_physical {
	uint64_t off, len;	/* bytes */
	uint64_t at;		/* byte of the host's device; + 1: allocated, but not written yet */
};

/* Sorted by off; neighbours that continue each other are one. */
struct im_physicals {
	IM_VEC(struct im_physical) list;
};

struct im_dev_ops {
	int (*read)(struct im_dev *dev, uint64_t off, void *buf, size_t len, struct im_error *err);
	int (*write)(struct im_dev *dev, uint64_t off, const void *buf, size_t len, struct im_error *err);
	/* Make a range read as zeros, giving its storage back where the host can. NULL: zeros are written. */
	int (*zero)(struct im_dev *dev, uint64_t off, uint64_t len, struct im_error *err);
	/* Make every write and resize that returned before this call durable. */
	int (*flush)(struct im_dev *dev, struct im_error *err);
	/* NULL where the size cannot change. Sets dev->size. New bytes read as zeros. */
	int (*resize)(struct im_dev *dev, uint64_t size, struct im_error *err);
	/* Grow to size with storage behind every new byte, so that later writes there cannot run out of room.
	 * NULL: resize is all there is. */
	int (*reserve)(struct im_dev *dev, uint64_t size, struct im_error *err);
	/* Drop what is kept of the content beside the storage, so that the next read comes from there; what is not
	 * durable may stay. NULL: nothing is kept. */
	void (*forget)(struct im_dev *dev);
	/* Have large transfers leave no trace in the system's page cache from now on, where that can be. NULL: cannot. */
	void (*bypass)(struct im_dev *dev);
	/* Make [off, off+len) of dev be [from_off, …) of another device without moving the bytes, as by a copy. 1: that is
	 * not possible here. NULL: never. */
	int (*share)(struct im_dev *dev, uint64_t off, struct im_dev *from, uint64_t from_off, uint64_t len,
		     struct im_error *err);
	/* Move what stands at off and behind it by len bytes to the end, or, for collapse, drop [off, off+len) and move what
	 * stands behind it to off, as by renaming blocks; the size changes with it. A power cut in the middle leaves a hole of
	 * len bytes at some byte behind off: what is behind the hole is (or, for collapse, is not yet) moved. 1: that is not
	 * possible here, and nothing was done. NULL: never. */
	int (*insert)(struct im_dev *dev, uint64_t off, uint64_t len, struct im_error *err);
	int (*collapse)(struct im_dev *dev, uint64_t off, uint64_t len, struct im_error *err);
	/* Where the host keeps all that was written so far. 1: it cannot tell. NULL: never. With out NULL only a sample is
	 * looked at, to see whether it can. */
	int (*physical)(struct im_dev *dev, struct im_physicals *out, struct im_error *err);
	/* The extent at off, at most len long. NULL: everything may hold data. */
	int (*extent)(struct im_dev *dev, uint64_t off, uint64_t len, struct im_extent *out, struct im_error *err);
	void (*close)(struct im_dev *dev);
};

struct im_dev {
	const struct im_dev_ops *ops;
	uint64_t size;		/* bytes */
	uint32_t sector_size;	/* logical sector, bytes: 512 or 4096 */
	bool is_block;		/* a block special file: cannot grow */
	bool is_read_only;
	uint32_t share_unit;	/* what offsets and lengths of share must be multiples of, bytes; 0: share is not possible, or nobody asked */
	uint32_t shift_unit;	/* the same for insert and collapse */
	const char *container;	/* the format of the container that this is the inside of, as qemu-img spells it; else NULL */
	bool is_parallel;	/* several threads may use it at once, as long as they do not write the same bytes */
	struct im_watch *watch;	/* who follows what is read; filters hand it on. Borrowed; NULL: nobody */
	bool is_filter;		/* what is read here is read from another device, and followed there */
};

int im_dev_read(struct im_dev *dev, uint64_t off, void *buf, size_t len, struct im_error *err);
int im_dev_write(struct im_dev *dev, uint64_t off, const void *buf, size_t len, struct im_error *err);
int im_dev_zero(struct im_dev *dev, uint64_t off, uint64_t len, struct im_error *err);
int im_dev_flush(struct im_dev *dev, struct im_error *err);
int im_dev_resize(struct im_dev *dev, uint64_t size, struct im_error *err);
void im_dev_forget(struct im_dev *dev);
/* 0 done, 1 not possible here: copy instead. Durable, as a write, after a flush of dev. */
int im_dev_share(struct im_dev *dev, uint64_t off, struct im_dev *from, uint64_t from_off, uint64_t len, struct im_error *err);
/* 0 done, 1 not possible here. Off and len are multiples of shift_unit, off lies inside; collapse ends before the end. What
 * was not flushed before may end in either place; durable after a flush. After an error it may be half done. */
int im_dev_insert(struct im_dev *dev, uint64_t off, uint64_t len, struct im_error *err);
int im_dev_collapse(struct im_dev *dev, uint64_t off, uint64_t len, struct im_error *err);
/* 0 done, 1 not possible here. The caller frees out->list. With out NULL: would it be possible, as far as a quick look tells? */
int im_dev_physical(struct im_dev *dev, struct im_physicals *out, struct im_error *err);
/* Does next begin, in the file and on the host, where p ends? */
bool im_physical_continues(const struct im_physical *p, const struct im_physical *next);
/* Append a piece that begins at or behind the end of the last one. */
int im_physicals_add(struct im_physicals *p, struct im_physical piece, struct im_error *err);
void im_dev_bypass(struct im_dev *dev);
int im_dev_reserve(struct im_dev *dev, uint64_t size, struct im_error *err);
int im_dev_extent(struct im_dev *dev, uint64_t off, uint64_t len, struct im_extent *out, struct im_error *err);
bool im_dev_can_resize(const struct im_dev *dev);

/* Closes and frees; NULL is fine. Errors of close are not reported: flush is what makes durable. */
void im_dev_close(struct im_dev *dev);

/* Write buf, but make its long runs of zeros holes (im_dev_zero) instead of data. They are looked for in units of that many
 * bytes: the block of most host file systems. */
#define IM_SPARSE_UNIT 4096
int im_dev_write_sparse(struct im_dev *dev, uint64_t off, const void *buf, size_t len, struct im_error *err);

/* A device over the memory [0, size): a private, zeroed buffer. resize works. NULL on error. */
struct im_dev *im_dev_mem(uint64_t size, uint32_t sector_size, struct im_error *err);
uint8_t *im_dev_mem_bytes(struct im_dev *dev);

/* [start, start+len) of next as a device of its own, read-only. len is clipped to what next has.
 * next is borrowed and must outlive the window. NULL on error. */
struct im_dev *im_dev_window(struct im_dev *next, uint64_t start, uint64_t len, struct im_error *err);

/* A file or block special file. write says whether to open it for writing; opening never creates.
 * sector_size 0: ask the kernel for block devices, 512 for files. NULL on error. */
struct im_dev *im_dev_file(const char *path, bool write, uint32_t sector_size, struct im_error *err);

/* Ask the host for share_unit and shift_unit of a file; of one that is open for writing that was done. */
void im_dev_file_units(struct im_dev *dev);

/* A new sparse file of size bytes, which must not exist yet (O_EXCL|O_NOFOLLOW, mode 0600). */
struct im_dev *im_dev_file_create(const char *path, uint64_t size, uint32_t sector_size, struct im_error *err);

/* The descriptor of a file device, -1 for every other kind. It stays the device's. */
int im_dev_file_fd(const struct im_dev *dev);

/* Is the file at path the one that this device has open? */
bool im_dev_file_is(const struct im_dev *dev, const char *path);

/* A filter that remembers which ranges were read through it, merged and sorted; read-only.
 * next is borrowed. */
struct im_dev *im_dev_recorder(struct im_dev *next, struct im_error *err);
/* The i-th recorded range; false past the last one. */
bool im_dev_recorded(struct im_dev *recorder, size_t i, uint64_t *start, uint64_t *len);

#define IM_OVERLAY_BLOCK 512u

/* A filter that keeps in memory what is written to it, in blocks of IM_OVERLAY_BLOCK bytes, and reads it back from
 * there; next is borrowed, never written, and must not change meanwhile. */
struct im_dev *im_dev_overlay(struct im_dev *next, struct im_error *err);
/* Forget the blocks that were written but say what next says, and put the others in the order of their offsets. */
void im_dev_overlay_settle(struct im_dev *overlay);
/* The i-th block written (at the end of the device its rest is zero), and its offset; NULL past the last one. It
 * is good until the next write or settling. */
const uint8_t *im_dev_overlay_block(struct im_dev *overlay, size_t i, uint64_t *off);

/* A filter that keeps the first 84 KiB and the blocks read last, for many small reads of the same places; read-only.
 * next is borrowed and must not change meanwhile. */
struct im_dev *im_dev_cache(struct im_dev *next, struct im_error *err);

#endif
