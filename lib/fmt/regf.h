/* regf.h - the first block of a Windows registry hive: may the file be believed as it is?
 *
 * Source: "Windows registry file format specification" (M. Suhanov), section "Base block".
 */
#ifndef IM_FMT_REGF_H
#define IM_FMT_REGF_H

#include <stdint.h>

#define IM_REGF_BLOCK 512	/* bytes that are checked, the first of the file */

/* FOUND: a primary file, without changes that only its logs have. ABSENT: no hive. DAMAGED: else, with a clause in why. */
int im_regf_check(const uint8_t block[IM_REGF_BLOCK], uint64_t file_size, const char **why);

#endif
