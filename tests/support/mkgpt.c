/* mkgpt.c - a test helper that writes a GPT with any number of entries and any first usable sector.
 *
 *	mkgpt [-s SECTOR] [-n ENTRIES] [-f FIRST-USABLE] IMAGE START:COUNT:NAME[:ATTRIBUTES]...
 *
 * Positions are sectors of SECTOR bytes (512). The common tools insist on 128 entries, and so on
 * a first usable sector of 34; the UEFI specification (section 5.3) asks for 16 KiB only, and
 * disks with 4 to 48 entries exist. A partition named "esp" is an EFI system partition, one named "bios-boot" a BIOS
 * boot partition, all others get the type "basic data"; the GUIDs are made from their number. Writes a protective MBR
 * (its boot code is kept), both headers and both arrays; nothing else is touched.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ENTRY_SIZE 128u

struct gpt {
	int fd;
	unsigned sector, entries;
	uint64_t disk;			/* sectors */
	uint64_t first, last;		/* usable sectors */
	uint64_t array_sectors;
	uint8_t *array;
};

static void die(const char *what)
{
	fprintf(stderr, "mkgpt: %s\n", what);
	exit(2);
}

static void put(uint8_t *p, uint64_t v, int bytes)
{
	for (int i = 0; i < bytes; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

static uint32_t crc32(const uint8_t *p, size_t len)
{
	uint32_t crc = ~0u;

	while (len--) {
		crc ^= *p++;
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
	}
	return ~crc;
}

static void put_guid(uint8_t *p, unsigned seed)
{
	for (int i = 0; i < 16; i++)
		p[i] = (uint8_t)(0x51 + 37 * seed + 11 * (unsigned)i);
	p[7] = (p[7] & 0x0f) | 0x40;
	p[8] = (p[8] & 0x3f) | 0x80;
}

static void write_at(const struct gpt *g, uint64_t lba, const uint8_t *p, size_t len)
{
	if (pwrite(g->fd, p, len, (off_t)(lba * g->sector)) != (ssize_t)len)
		die("a write failed");
}

static const uint8_t *type_of(const char *name)
{
	static const uint8_t basic_data[16] = {
		0xa2, 0xa0, 0xd0, 0xeb, 0xe5, 0xb9, 0x33, 0x44, 0x87, 0xc0, 0x68, 0xb6, 0xb7, 0x26, 0x99, 0xc7
	};
	static const uint8_t system[16] = {
		0x28, 0x73, 0x2a, 0xc1, 0x1f, 0xf8, 0xd2, 0x11, 0xba, 0x4b, 0x00, 0xa0, 0xc9, 0x3e, 0xc9, 0x3b
	};

	if (!strcmp(name, "esp"))
		return system;
	return strcmp(name, "bios-boot") ? basic_data : (const uint8_t *)"Hah!IdontNeedEFI";
}

static void put_partition(struct gpt *g, unsigned i, const char *arg)
{
	unsigned long start, count, attributes = 0;
	uint8_t *e = g->array + ENTRY_SIZE * i;
	char name[37] = "";

	if (i >= g->entries || sscanf(arg, "%lu:%lu:%36[^:]:%lx", &start, &count, name, &attributes) < 3)
		die("expected START:COUNT:NAME[:ATTRIBUTES], not more of them than entries");
	memcpy(e, type_of(name), 16);
	put_guid(e + 16, i + 1);
	put(e + 32, start, 8);
	put(e + 40, start + count - 1, 8);
	put(e + 48, attributes, 8);
	for (size_t k = 0; k < strlen(name); k++)
		e[56 + 2 * k] = (uint8_t)name[k];
}

static void write_header(const struct gpt *g, uint64_t self, uint64_t other, uint64_t array)
{
	uint8_t *h = calloc(1, g->sector);

	if (!h)
		die("out of memory");
	memcpy(h, "EFI PART\0\0\1\0", 12);
	put(h + 12, 92, 4);
	put(h + 24, self, 8);
	put(h + 32, other, 8);
	put(h + 40, g->first, 8);
	put(h + 48, g->last, 8);
	put_guid(h + 56, 0);
	put(h + 72, array, 8);
	put(h + 80, g->entries, 4);
	put(h + 84, ENTRY_SIZE, 4);
	put(h + 88, crc32(g->array, (size_t)g->entries * ENTRY_SIZE), 4);
	put(h + 16, crc32(h, 92), 4);
	write_at(g, array, g->array, g->array_sectors * g->sector);
	write_at(g, self, h, g->sector);
	free(h);
}

static void write_protective(const struct gpt *g)
{
	uint64_t count = g->disk - 1 < UINT32_MAX ? g->disk - 1 : UINT32_MAX;
	uint8_t mbr[512];

	if (pread(g->fd, mbr, 512, 0) != 512)
		die("a read failed");
	memset(mbr + 440, 0, 70);
	memcpy(mbr + 446, "\0\0\2\0\xee\xff\xff\xff", 8);
	put(mbr + 454, 1, 4);
	put(mbr + 458, count, 4);
	mbr[510] = 0x55;
	mbr[511] = 0xaa;
	write_at(g, 0, mbr, 512);
}

int main(int argc, char **argv)
{
	struct gpt g = { .sector = 512, .entries = 8 };
	struct stat st;
	int opt;

	while ((opt = getopt(argc, argv, "s:n:f:")) != -1) {
		if (opt == 's')
			g.sector = (unsigned)strtoul(optarg, NULL, 0);
		else if (opt == 'n')
			g.entries = (unsigned)strtoul(optarg, NULL, 0);
		else if (opt == 'f')
			g.first = strtoul(optarg, NULL, 0);
		else
			die("unknown option");
	}
	if (optind >= argc || (g.sector != 512 && g.sector != 4096) || !g.entries || g.entries > 4096)
		die("usage: mkgpt [-s 512|4096] [-n ENTRIES] [-f FIRST-USABLE] IMAGE START:COUNT:NAME...");
	g.fd = open(argv[optind++], O_RDWR | O_CLOEXEC);
	if (g.fd < 0 || fstat(g.fd, &st))
		die("cannot open the image");
	g.disk = (uint64_t)st.st_size / g.sector;
	g.array_sectors = ((uint64_t)g.entries * ENTRY_SIZE + g.sector - 1) / g.sector;
	if (!g.first)
		g.first = 2 + g.array_sectors;
	if (g.disk < 2 * g.array_sectors + 8 || g.first < 2 + g.array_sectors)
		die("no room for the table");
	g.last = g.disk - 2 - g.array_sectors;
	g.array = calloc(g.array_sectors, g.sector);
	if (!g.array)
		die("out of memory");
	for (unsigned i = 0; optind < argc; i++)
		put_partition(&g, i, argv[optind++]);
	write_protective(&g);
	write_header(&g, g.disk - 1, 1, g.disk - 1 - g.array_sectors);
	write_header(&g, 1, g.disk - 1, 2);
	free(g.array);
	return close(g.fd) ? 1 : 0;
}
