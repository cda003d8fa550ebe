/* exfatpos.c - a test helper that reads, checks and sets the position that an exFAT volume records.
 *
 *	exfatpos VOLUME            checks both boot regions, prints PartitionOffset (sectors)
 *	exfatpos VOLUME SECTORS    sets it in both boot regions, boot checksums included
 *
 * mkfs.exfat on a plain file leaves the field 0, which means "ignore"; volumes made on a real
 * partition have it set. Source: Microsoft's exFAT specification, sections 3.1.3 and 3.4. The
 * volume starts at byte 0 of the file. Exit status 1 with a sentence where a region is wrong.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SECTORS 12

static void die(const char *what)
{
	fprintf(stderr, "exfatpos: %s\n", what);
	exit(1);
}

static uint32_t boot_checksum(const uint8_t *region, unsigned sector)
{
	uint32_t sum = 0;

	for (unsigned i = 0; i < 11 * sector; i++) {
		if (i == 106 || i == 107 || i == 112)	/* VolumeFlags, PercentInUse */
			continue;
		sum = (sum << 31 | sum >> 1) + region[i];
	}
	return sum;
}

static void store_checksum(uint8_t *region, unsigned sector)
{
	uint32_t sum = boot_checksum(region, sector);

	for (unsigned i = 0; i < sector; i++)
		region[11 * sector + i] = (uint8_t)(sum >> 8 * (i % 4));
}

static void check(const uint8_t *region, unsigned sector, const char *name)
{
	uint32_t sum = boot_checksum(region, sector);

	if (memcmp(region + 3, "EXFAT   ", 8)) {
		fprintf(stderr, "exfatpos: the %s boot region has no exFAT signature\n", name);
		exit(1);
	}
	for (unsigned i = 0; i < sector; i++) {
		if (region[11 * sector + i] != (uint8_t)(sum >> 8 * (i % 4))) {
			fprintf(stderr, "exfatpos: the boot checksum of the %s boot region is wrong\n", name);
			exit(1);
		}
	}
}

int main(int argc, char **argv)
{
	uint8_t first[512], *regions;
	uint64_t position = 0;
	unsigned sector;
	size_t len;
	int fd;

	if (argc != 2 && argc != 3)
		die("usage: exfatpos VOLUME [SECTORS]");
	fd = open(argv[1], (argc == 3 ? O_RDWR : O_RDONLY) | O_CLOEXEC);
	if (fd < 0 || pread(fd, first, sizeof(first), 0) != sizeof(first) || first[108] < 9 || first[108] > 12)
		die("cannot read an exFAT boot sector");
	sector = 1u << first[108];
	len = (size_t)SECTORS * sector;
	regions = malloc(2 * len);
	if (!regions || pread(fd, regions, 2 * len, 0) != (ssize_t)(2 * len))
		die("cannot read the boot regions");
	check(regions, sector, "main");
	check(regions + len, sector, "backup");
	if (argc == 3) {
		position = strtoull(argv[2], NULL, 0);
		for (int i = 0; i < 8; i++)
			regions[64 + i] = regions[len + 64 + i] = (uint8_t)(position >> 8 * i);
		store_checksum(regions, sector);
		store_checksum(regions + len, sector);
		if (pwrite(fd, regions, 2 * len, 0) != (ssize_t)(2 * len))
			die("cannot write the boot regions");
	} else {
		if (memcmp(regions + 64, regions + len + 64, 8))
			die("the two boot regions record different positions");
		for (int i = 7; i >= 0; i--)
			position = position << 8 | regions[64 + i];
		printf("%" PRIu64 "\n", position);
	}
	free(regions);
	return close(fd) ? 1 : 0;
}
