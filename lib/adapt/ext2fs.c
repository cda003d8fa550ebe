/* ext2fs.c - libext2fs opens a volume, checks its group descriptors and its root directory.
 *
 * The library sees the volume through an io_manager of ours whose reads go to the parent and whose
 * writes fail.
 */
#include <config.h>

#include "adapt/reading.h"

#ifdef HAVE_LIBEXT2FS
#include <et/com_err.h>
#include <ext2fs/ext2fs.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"

/* io_manager's open gets a name and nothing else; the child has one volume to look at. */
static const struct im_child *the_child;
static uint64_t the_size;

static struct struct_io_manager manager;

static errcode_t io_open(const char *name, int flags, io_channel *channel)
{
	io_channel io;
	errcode_t rc;

	(void)flags;
	rc = ext2fs_get_memzero(sizeof(*io), &io);
	if (rc)
		return rc;
	rc = ext2fs_get_memzero(strlen(name) + 1, &io->name);
	if (rc) {
		ext2fs_free_mem(&io);
		return rc;
	}
	strcpy(io->name, name);
	io->magic = EXT2_ET_MAGIC_IO_CHANNEL;
	io->manager = &manager;
	io->block_size = 1024;
	io->refcount = 1;
	*channel = io;
	return 0;
}

static errcode_t io_close(io_channel io)
{
	if (--io->refcount > 0)
		return 0;
	ext2fs_free_mem(&io->name);
	return ext2fs_free_mem(&io);
}

static errcode_t io_set_blksize(io_channel io, int size)
{
	if (size <= 0)
		return EXT2_ET_INVALID_ARGUMENT;
	io->block_size = size;
	return 0;
}

/* A negative count is a number of bytes. */
static errcode_t io_read64(io_channel io, unsigned long long block, int count, void *data)
{
	uint64_t off, len = count < 0 ? (uint64_t)-(int64_t)count : (uint64_t)count * (uint64_t)io->block_size;

	if (!im_mul(block, (uint64_t)io->block_size, &off) || off > the_size || len > the_size - off)
		return EXT2_ET_SHORT_READ;
	return im_child_read(the_child, off, data, len) ? EXT2_ET_SHORT_READ : 0;
}

static errcode_t io_read(io_channel io, unsigned long block, int count, void *data)
{
	return io_read64(io, block, count, data);
}

static errcode_t io_write64(io_channel io, unsigned long long block, int count, const void *data)
{
	(void)io, (void)block, (void)count, (void)data;
	return EXT2_ET_RO_FILSYS;
}

static errcode_t io_write(io_channel io, unsigned long block, int count, const void *data)
{
	return io_write64(io, block, count, data);
}

static errcode_t io_flush(io_channel io)
{
	(void)io;
	return 0;
}

static struct struct_io_manager manager = {
	.magic = EXT2_ET_MAGIC_IO_MANAGER, .name = "a witness's view",
	.open = io_open, .close = io_close, .set_blksize = io_set_blksize, .read_blk = io_read,
	.write_blk = io_write, .flush = io_flush, .read_blk64 = io_read64, .write_blk64 = io_write64,
};

static void take_identity(ext2_filsys fs, struct im_reading *r)
{
	size_t n = 0;

	r->head.unit = fs->blocksize;
	r->head.units = ext2fs_blocks_count(fs->super);
	for (size_t i = 0; i < sizeof(fs->super->s_uuid); i++)
		n += (size_t)snprintf(r->head.id + n, sizeof(r->head.id) - n, "%02x", fs->super->s_uuid[i]);
}

void im_ext2fs_read(const struct im_child *child, const void *arg)
{
	const struct im_question *q = arg;
	struct im_reading r = { 0 };
	ext2_filsys fs = NULL;
	errcode_t rc;

	the_child = child;
	the_size = q->size;
	initialize_ext2_error_table();
	rc = ext2fs_open("volume", EXT2_FLAG_64BITS | EXT2_FLAG_SOFTSUPP_FEATURES, 0, 0, &manager, &fs);
	if (rc)
		im_reading_fail(&r, IM_READING_REFUSED, "it cannot open the volume: %.100s", error_message(rc));
	else if ((rc = ext2fs_check_desc(fs)))
		im_reading_fail(&r, IM_READING_REFUSED, "it finds wrong group descriptors: %.100s", error_message(rc));
	else if ((rc = ext2fs_check_directory(fs, EXT2_ROOT_INO)))
		im_reading_fail(&r, IM_READING_REFUSED, "it cannot read the root directory: %.100s", error_message(rc));
	else
		take_identity(fs, &r);
	im_reading_send(child, &r);
}

#else

void im_ext2fs_read(const struct im_child *child, const void *arg)
{
	struct im_reading r = { 0 };

	(void)arg;
	im_reading_fail(&r, IM_READING_NONE, "this build is without libext2fs");
	im_reading_send(child, &r);
}

#endif
