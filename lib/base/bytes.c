/* bytes.c - looking for zeros. */
#include "base/bytes.h"

bool im_is_zero(const void *p, size_t len)
{
	const uint8_t *b = p;
	size_t head = len < 16 ? len : 16;

	for (size_t i = 0; i < head; i++)
		if (b[i])
			return false;
	/* the first 16 bytes are zero: the rest is when every byte equals the one 16 before it */
	return len <= 16 || memcmp(b, b + 16, len - 16) == 0;
}
