/* mkmbr.c - a test helper that writes a master boot record, and the EBR chain of its logical partitions.
 *
 *	mkmbr [-s SECTOR] [-i DISK-ID] [-c] [-g HEADS/SECTORS] IMAGE ENTRY...
 *
 * An entry is TYPE:START:COUNT[:active] or, logical, L:TYPE:EBR:START:COUNT.
 *
 * Positions are sectors of SECTOR bytes (512). The first four plain entries are primaries; an
 * entry of type 5 or f is the extended partition, in which the chain of L entries lies: each
 * names the absolute sector of its EBR and of its volume. -c fills bytes 0-439 with a pattern
 * that stands for boot code: it loads the address of the table. The CHS fields follow 255 heads and 63 sectors a track unless
 * -g says otherwise, saturated.
 * Only the written sectors are touched; the image must exist.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_LOGICAL 16

static unsigned heads = 255, track = 63;

struct entry {
	unsigned type;
	unsigned long ebr, start, count;
	bool active;
};

static void die(const char *what)
{
	fprintf(stderr, "mkmbr: %s\n", what);
	exit(2);
}

static void put32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

static void put_chs(uint8_t *p, uint64_t lba)
{
	uint64_t cylinder = lba / (heads * track);
	unsigned head = lba / track % heads, sector = lba % track + 1;

	if (cylinder > 1023) {
		cylinder = 1023;
		head = heads - 1;
		sector = track;
	}
	p[0] = (uint8_t)head;
	p[1] = (uint8_t)(sector | (cylinder >> 8) << 6);
	p[2] = (uint8_t)cylinder;
}

/* One table entry whose start is counted from the sector `base`. */
static void put_entry(uint8_t *p, const struct entry *e, unsigned long base)
{
	p[0] = e->active ? 0x80 : 0;
	put_chs(p + 1, e->start);
	p[4] = (uint8_t)e->type;
	put_chs(p + 5, e->start + e->count - 1);
	put32(p + 8, (uint32_t)(e->start - base));
	put32(p + 12, (uint32_t)e->count);
}

static void write_sector(int fd, const uint8_t *sector, unsigned long lba, unsigned size)
{
	if (pwrite(fd, sector, size, (off_t)((uint64_t)lba * size)) != (ssize_t)size)
		die("a write failed");
}

static void write_chain(int fd, const struct entry *logical, int n, unsigned long extended, unsigned size)
{
	for (int i = 0; i < n; i++) {
		uint8_t *sector = calloc(1, size);

		if (!sector)
			die("out of memory");
		put_entry(sector + 446, &logical[i], logical[i].ebr);
		if (i + 1 < n) {
			struct entry link = {
				.type = 5,
				.start = logical[i + 1].ebr,
				.count = logical[i + 1].start + logical[i + 1].count - logical[i + 1].ebr,
			};

			put_entry(sector + 462, &link, extended);
		}
		sector[510] = 0x55;
		sector[511] = 0xaa;
		write_sector(fd, sector, logical[i].ebr, size);
		free(sector);
	}
}

/* "TYPE:START:COUNT[:active]" or, behind "L:", "TYPE:EBR:START:COUNT". */
static struct entry parse(const char *arg, bool is_logical)
{
	struct entry e = { 0 };
	char word[8] = "";

	if (is_logical) {
		if (sscanf(arg, "%x:%lu:%lu:%lu", &e.type, &e.ebr, &e.start, &e.count) != 4)
			die("expected L:TYPE:EBR:START:COUNT");
		return e;
	}
	if (sscanf(arg, "%x:%lu:%lu:%7s", &e.type, &e.start, &e.count, word) < 3)
		die("expected TYPE:START:COUNT[:active]");
	e.active = !strcmp(word, "active");
	return e;
}

int main(int argc, char **argv)
{
	static const char code[] = "\xbe\xbe\x07\xeb\xfe boot code of a test ";
	struct entry logical[MAX_LOGICAL];
	unsigned long extended = 0, id = 0x1badb002;
	unsigned size = 512;
	bool with_code = false;
	int primaries = 0, logicals = 0, opt, fd;
	uint8_t *mbr;

	while ((opt = getopt(argc, argv, "s:i:cg:")) != -1) {
		if (opt == 's')
			size = (unsigned)strtoul(optarg, NULL, 0);
		else if (opt == 'i')
			id = strtoul(optarg, NULL, 16);
		else if (opt == 'c')
			with_code = true;
		else if (opt != 'g' || sscanf(optarg, "%u/%u", &heads, &track) != 2 || !heads || !track ||
			 heads > 255 || track > 63)
			die("unknown option, or one that cannot be");
	}
	if (optind >= argc || (size != 512 && size != 4096))
		die("usage: mkmbr [-s 512|4096] [-i ID] [-c] [-g HEADS/SECTORS] IMAGE ENTRY...");
	fd = open(argv[optind++], O_WRONLY | O_CLOEXEC);
	mbr = calloc(1, size);
	if (fd < 0 || !mbr)
		die("cannot open the image");
	for (int i = 0; with_code && i < 440; i++)
		mbr[i] = (uint8_t)code[i % (sizeof(code) - 1)];
	put32(mbr + 440, (uint32_t)id);
	for (; optind < argc; optind++) {
		bool is_logical = !strncmp(argv[optind], "L:", 2);
		struct entry e = parse(argv[optind] + (is_logical ? 2 : 0), is_logical);

		if (is_logical && logicals < MAX_LOGICAL) {
			logical[logicals++] = e;
		} else if (!is_logical && primaries < 4) {
			put_entry(mbr + 446 + 16 * primaries++, &e, 0);
			if (e.type == 0x5 || e.type == 0xf)
				extended = e.start;
		} else {
			die("too many entries");
		}
	}
	mbr[510] = 0x55;
	mbr[511] = 0xaa;
	write_sector(fd, mbr, 0, size);
	write_chain(fd, logical, logicals, extended, size);
	free(mbr);
	return close(fd) ? 1 : 0;
}
