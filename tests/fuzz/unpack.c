/* unpack.c - the disk that an input of the targets image, scan or filesystems describes, as a sparse file.
 *
 *	unpack INPUT IMAGE
 *
 * For looking at an input with other people's tools, and for the program itself (hostile.sh). It leaves with 1 where
 * an input describes none.
 */
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "fuzz.h"

#define INPUT_MAX (1u << 20)
#define DISK_MAX (12u << 20)
#define PIECE 4096u

static void die(const char *what)
{
	perror(what);
	exit(2);
}

static size_t read_input(const char *path, uint8_t *data)
{
	FILE *f = fopen(path, "rb");
	size_t n = f ? fread(data, 1, INPUT_MAX, f) : 0;

	if (!f || ferror(f))
		die(path);
	fclose(f);
	return n;
}

static void write_disk(struct im_dev *dev, const char *path)
{
	FILE *f = fopen(path, "wb");
	uint8_t piece[PIECE];

	if (!f)
		die(path);
	for (uint64_t off = 0, n; off < dev->size; off += n) {
		n = im_min(PIECE, dev->size - off);
		if (im_dev_read(dev, off, piece, n, NULL) < 0)
			die(path);
		if (!im_is_zero(piece, n) && (fseek(f, (long)off, SEEK_SET) < 0 || fwrite(piece, 1, n, f) != n))
			die(path);
	}
	if (fflush(f) != 0 || ftruncate(fileno(f), (off_t)dev->size) < 0 || fclose(f) != 0)
		die(path);
}

int main(int argc, char **argv)
{
	static uint8_t data[INPUT_MAX];
	struct fuzz_head head;
	struct im_dev *dev[2];

	if (argc != 3) {
		fprintf(stderr, "usage: unpack INPUT IMAGE\n");
		return 2;
	}
	if (!fuzz_devices(data, read_input(argv[1], data), DISK_MAX, false, &head, dev))
		return 1;
	fuzz_seal_disk(dev[0], &head);
	write_disk(dev[0], argv[2]);
	im_dev_close(dev[0]);
	return 0;
}
