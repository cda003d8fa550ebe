/* busynbd.c - stands in for libnbd: while it is loaded it has gettext busy for half a second, and then it has none of libnbd's functions. */
#include <libintl.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#define BUSY_NS 500000000

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

__attribute__((constructor)) static void be_busy(void)
{
	int64_t end = now_ns() + BUSY_NS;
	char name[24];

	for (unsigned n = 0; now_ns() < end; n = (n + 1) % 64) {
		snprintf(name, sizeof(name), "busy-%u", n);
		bindtextdomain(name, "/nowhere");
	}
}
