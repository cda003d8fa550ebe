/* ntfstool.h - what the programs share that make NTFS fixtures through libntfs-3g.
 *
 * They share nothing with the library under test. A fault ends the program with a sentence and
 * status 2; a fixture that is only half made is never used.
 */
#ifndef IM_TESTS_NTFSTOOL_H
#define IM_TESTS_NTFSTOOL_H

/* The headers of libntfs-3g need these before them: they include them only where their own config.h says so. */
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>
#include <sys/types.h>
#include <sys/stat.h>

#include <ntfs-3g/types.h>
#include <ntfs-3g/attrib.h>
#include <ntfs-3g/inode.h>
#include <ntfs-3g/layout.h>
#include <ntfs-3g/volume.h>

extern const char *ntfstool_name;	/* the program's, for messages */

/* One attribute of one file, open. */
struct stream {
	ntfs_inode *ni;
	ntfs_attr *na;
	bool is_borrowed;		/* both belong to the volume: they stay open until it is unmounted */
	bool is_inode_borrowed;
};

_Noreturn void ntfstool_die(const char *format, ...) __attribute__((format(printf, 1, 2)));
void *ntfstool_alloc(size_t size);

ntfs_volume *ntfstool_mount(const char *path, bool is_write);
void ntfstool_umount(ntfs_volume *vol);

/* "data", "index", "bitmap", "list", "ea", "efs", "reparse" or a number. */
ATTR_TYPES ntfstool_type(const char *word);

/* The file that OWNER names: an MFT record's number or a path from the root. The system files
 * that the volume keeps open are lent, never opened a second time. */
ntfs_inode *ntfstool_inode(ntfs_volume *vol, const char *owner, bool *is_borrowed);
void ntfstool_inode_close(ntfs_inode *ni, bool is_borrowed);

/* OWNER is an MFT record's number or a path from the root, and may end in ":STREAM". */
void ntfstool_open(ntfs_volume *vol, const char *owner, ATTR_TYPES type, struct stream *s);
void ntfstool_close(struct stream *s);

/* The first VCN from `vcn` on that has a cluster, or -1; its LCN in *lcn. The runlist must be mapped. */
VCN ntfstool_next(const ntfs_attr *na, VCN vcn, LCN *lcn);
/* Let one VCN lie in another cluster; nothing is written. */
void ntfstool_set_lcn(ntfs_attr *na, VCN vcn, LCN lcn);
/* Write the runlist into the file's records. */
void ntfstool_store_runs(struct stream *s);

bool ntfstool_is_used(ntfs_volume *vol, LCN lcn);
void ntfstool_mark(ntfs_volume *vol, LCN lcn, s64 count, bool is_used);
/* A free cluster at or behind `from`, marked used. */
LCN ntfstool_take(ntfs_volume *vol, LCN from);

void ntfstool_read_cluster(ntfs_volume *vol, LCN lcn, void *buf);
void ntfstool_write_cluster(ntfs_volume *vol, LCN lcn, const void *buf);

#endif
