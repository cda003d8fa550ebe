/* ntfs_runs.h - lists of runs, for the readers of NTFS. */
#ifndef IM_FMT_NTFS_RUNS_H
#define IM_FMT_NTFS_RUNS_H

#include "fmt/ntfs.h"

/* Append the runs of one extent. FOUND, DAMAGED or, without memory, -1. */
int im_ntfs_runs_add(im_ntfs_runs *runs, const struct im_ntfs_attr *attr, const struct im_ntfs_geometry *g,
		     struct im_error *err);
/* The VCN behind the last run. */
uint64_t im_ntfs_runs_end(const im_ntfs_runs *runs);
/* The run that holds vcn; NULL behind the end. */
const struct im_ntfs_run *im_ntfs_runs_at(const im_ntfs_runs *runs, uint64_t vcn);
/* The LCN of vcn; IM_NTFS_HOLE where there is none, or behind the end. */
uint64_t im_ntfs_runs_lcn(const im_ntfs_runs *runs, uint64_t vcn);
/* Do all these bytes of the volume lie in the runs, in whatever order? cluster: bytes. */
bool im_ntfs_runs_hold(const im_ntfs_runs *runs, uint32_t cluster, uint64_t off, uint64_t len);

#endif
