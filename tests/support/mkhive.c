/* mkhive.c - an empty registry hive of Windows, into which hivexregedit can put keys.
 *
 *	mkhive FILE		a new hive with nothing but its root
 *	mkhive -d FILE		mark the hive dirty: its sequence numbers differ
 */
#include <err.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define PAGE 4096

static void put(uint8_t *p, uint64_t v, int bytes)
{
	for (int i = 0; i < bytes; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

static uint32_t get(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void seal(uint8_t *head)
{
	uint32_t sum = 0;

	for (int i = 0; i < 0x1fc; i += 4)
		sum ^= get(head + i);
	put(head + 0x1fc, sum, 4);
}

/* Offsets in the bin; -size says that a cell is in use. */
enum { ROOT = 0x20, ROOT_SIZE = 0x60, SECURITY = ROOT + ROOT_SIZE, SECURITY_SIZE = 0x30, FREE = SECURITY + SECURITY_SIZE };

static void make_root(uint8_t *cell)
{
	put(cell, (uint32_t)-ROOT_SIZE, 4);
	memcpy(cell + 4, "nk", 2);
	put(cell + 6, 0x2c, 2);			/* root, cannot be deleted, name in one byte a character */
	put(cell + 0x14, 0xffffffff, 4);	/* parent, */
	put(cell + 0x20, 0xffffffff, 4);	/* subkeys, */
	put(cell + 0x24, 0xffffffff, 4);
	put(cell + 0x2c, 0xffffffff, 4);	/* values: none */
	put(cell + 0x30, SECURITY, 4);
	put(cell + 0x34, 0xffffffff, 4);	/* class: none */
	put(cell + 0x4c, 4, 2);
	memcpy(cell + 0x50, "root", 4);
}

static void make_security(uint8_t *cell)
{
	put(cell, (uint32_t)-SECURITY_SIZE, 4);
	memcpy(cell + 4, "sk", 2);
	put(cell + 8, SECURITY, 4);		/* the only one is its own neighbour */
	put(cell + 12, SECURITY, 4);
	put(cell + 16, 1, 4);
	put(cell + 20, 20, 4);
	put(cell + 24, 1, 1);
	put(cell + 26, 0x8004, 2);
}

static void make(uint8_t *hive)
{
	uint8_t *bin = hive + PAGE;

	memcpy(hive, "regf", 4);
	put(hive + 4, 1, 4);
	put(hive + 8, 1, 4);
	put(hive + 0x14, 1, 4);
	put(hive + 0x18, 3, 4);
	put(hive + 0x20, 1, 4);
	put(hive + 0x24, ROOT, 4);
	put(hive + 0x28, PAGE, 4);
	put(hive + 0x2c, 1, 4);
	memcpy(bin, "hbin", 4);
	put(bin + 8, PAGE, 4);
	make_root(bin + ROOT);
	make_security(bin + SECURITY);
	put(bin + FREE, PAGE - FREE, 4);
}

int main(int argc, char **argv)
{
	int dirty = argc == 3 && strcmp(argv[1], "-d") == 0;
	uint8_t hive[2 * PAGE] = { 0 };
	FILE *f;

	if (argc != 2 + dirty)
		errx(16, "usage: mkhive [-d] FILE");
	f = fopen(argv[1 + dirty], dirty ? "r+b" : "wb");
	if (!f)
		err(1, "%s", argv[1 + dirty]);
	if (!dirty)
		make(hive);
	else if (fread(hive, PAGE, 1, f) != 1)
		errx(1, "%s is no hive", argv[2]);
	if (dirty)
		put(hive + 4, get(hive + 4) + 1, 4);
	seal(hive);
	rewind(f);
	if (fwrite(hive, dirty ? PAGE : sizeof(hive), 1, f) != 1 || fclose(f))
		err(1, "%s", argv[1 + dirty]);
	return 0;
}
