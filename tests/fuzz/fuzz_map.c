/* fuzz_map.c - the file form of a map; where the image is small, the map is carried out and taken back.
 *
 * Input: bits for the executor's parameters u8, seed of the image's content u8, then the map as in a journal.
 */
#include <string.h>

#include "base/bytes.h"
#include "fuzz.h"
#include "oracle.h"

#define SIZE_RUN (256u << 10)	/* larger images are not repaired */

static struct im_dev *content(uint64_t size, uint32_t seed)
{
	struct im_dev *dev = fuzz_dev(size, size);
	uint8_t block[512];

	for (uint64_t off = 0; off < size; off += sizeof(block)) {
		for (size_t i = 0; i < sizeof(block); i++) {
			seed = seed * 1103515245 + 12345;
			block[i] = (uint8_t)(seed >> 16);
		}
		if (seed >> 29 && im_dev_write(dev, off, block, (size_t)im_min(sizeof(block), size - off), NULL) < 0)
			abort();
	}
	return dev;
}

FUZZ_TARGET(map)
{
	struct im_exec_params params = { 0 };
	struct im_error err = { 0 };
	struct im_dev *old;
	struct im_map map;
	uint64_t largest;

	if (size < 2)
		return 0;
	if (im_map_decode(&map, data + 2, size - 2, &err) < 0) {
		FUZZ_CHECK(err.code == IM_EFORMAT || err.code == IM_EREFUSED, "code %d: %s", (int)err.code, err.message);
		return 0;
	}
	largest = im_max(map.old_size, map.new_size);
	params.buffer = 512u << data[0] % 8;
	params.strands = 1 + data[0] % IM_STRANDS;
	params.direct_min = data[0] & 0x80 ? 1 : 512u << (data[0] >> 3) % 16;
	old = largest <= SIZE_RUN ? content(map.old_size, data[1]) : fuzz_dev(map.old_size, map.old_size);
	if (data[0] & 0x40)
		old->sector_size = 4096;
	fuzz_check_map(&map, old);
	if (largest <= SIZE_RUN && im_min(map.old_size, map.new_size) >= old->sector_size) {
		if (data[1] & 0x40)
			params.clone = fuzz_dev_copy(old, SIZE_RUN);
		fuzz_repair_and_undo(&map, old, &params, NULL, NULL);
		im_dev_close(params.clone);
	} else {
		struct im_program prog;

		if (im_program_build(&prog, &map, old->sector_size, &params, &err) == 0)
			im_program_free(&prog);
		else
			FUZZ_CHECK(err.message[0], "no message");
	}
	im_dev_close(old);
	im_map_free(&map);
	return 0;
}
