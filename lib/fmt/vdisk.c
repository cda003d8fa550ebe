/* vdisk.c - see vdisk.h. Offsets in the comments are bytes. */
#include "fmt/vdisk.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

#define TEXT_MAX 65536

static int refuse(struct im_error *err, const char *why)
{
	return im_error_set(err, IM_EREFUSED, "%s", why);
}

static int senseless(struct im_error *err, const char *what)
{
	return im_error_set(err, IM_EFORMAT, "this is no sound %s: its header makes no sense", what);
}

/* len bytes at off; what lies past the end is zero. */
static int peek(struct im_dev *file, uint64_t off, uint8_t *p, size_t len, struct im_error *err)
{
	memset(p, 0, len);
	if (off >= file->size)
		return 0;
	return im_dev_read(file, off, p, (size_t)im_min(len, file->size - off), err);
}

/* ---- qcow2 ---- */

#define QCOW2_CORRUPT 2u
#define QCOW2_DATA_FILE 4u

static int check_qcow2(struct im_dev *file, const struct im_vdisk_allowed *allowed, struct im_error *err)
{
	uint8_t h[104];
	uint64_t features;

	if (peek(file, 0, h, sizeof(h), err) < 0)
		return -1;
	if (im_get32be(h + 4) < 2 || im_get32be(h + 4) > 3)
		return senseless(err, "qcow2");
	features = im_get32be(h + 4) == 3 ? im_get64be(h + 72) : 0;
	if (im_get64be(h + 8) && !allowed->backing_file)
		return refuse(err, _("this qcow2 has a backing file, which holds what it does not; merge them (`qemu-img convert`), or give"
			      " --allow=backing-file where both are yours: the backing file is only read"));
	if (features & QCOW2_DATA_FILE && !allowed->data_file)
		return refuse(err, _("this qcow2 keeps its data in another file; give --allow=data-file where both are yours"));
	if (im_get32be(h + 32))
		return refuse(err, _("this qcow2 is encrypted; decrypt it first (`qemu-img convert`)"));
	if (features & QCOW2_CORRUPT)
		return refuse(err, _("this qcow2 is marked as corrupt; mend it first (`qemu-img check -r all`)"));
	if (im_get32be(h + 60) && allowed->write)
		return refuse(err, _("this qcow2 has internal snapshots, which would keep the old layout and hinder every change of size; delete"
			      " them (`qemu-img snapshot -d`) or convert the image first"));
	return 0;
}

/* ---- VMDK ---- */

static const char a_child[] = N_("this VMDK is the child of another disk (a snapshot or linked clone); consolidate them first");

static int count_extents(const char *text)
{
	static const char *const access[] = { "RW ", "RDONLY ", "NOACCESS " };
	int n = 0;

	for (const char *p = text; p; p = strchr(p, '\n')) {
		p += *p == '\n';
		while (*p == ' ' || *p == '\t')
			p++;
		for (int i = 0; i < 3; i++)
			n += strncmp(p, access[i], strlen(access[i])) == 0;
	}
	return n;
}

static int check_descriptor(const char *text, const struct im_vdisk_allowed *allowed, struct im_error *err)
{
	const char *parent = strstr(text, "parentCID=");

	if ((parent && strncmp(parent + 10, "ffffffff", 8) != 0) || strstr(text, "parentFileNameHint"))
		return refuse(err, _(a_child));
	if (count_extents(text) > 1)
		return refuse(err, _("this VMDK consists of several extents; make one file of them (`qemu-img convert`)"));
	if (allowed->write && strstr(text, "createType=\"streamOptimized\""))
		return refuse(err, _("this VMDK is stream-optimized: it can be read once, but not written in place; convert it first (`qemu-img"
			      " convert -O vmdk`)"));
	return 0;
}

/* A text of len bytes at off; the caller frees it. */
static char *read_text(struct im_dev *file, uint64_t off, uint64_t len, struct im_error *err)
{
	char *text = malloc(TEXT_MAX + 1);

	len = im_min(len, TEXT_MAX);
	if (!text) {
		im_error_nomem(err);
		return NULL;
	}
	text[len] = 0;
	if (peek(file, off, (uint8_t *)text, (size_t)len, err) == 0)
		return text;
	free(text);
	return NULL;
}

/* Does it name a parent? qemu opens that whatever parentCID says. */
static int has_hint(struct im_dev *file, bool *yes, struct im_error *err)
{
	static const char hint[] = "parentFileNameHint";
	uint8_t *start = malloc(TEXT_MAX);
	int rc = start ? peek(file, 0, start, TEXT_MAX, err) : im_error_nomem(err);

	*yes = rc == 0 && memmem(start, TEXT_MAX, hint, strlen(hint));
	free(start);
	return rc;
}

/* A descriptor alone: the data lies in the files that it names. */
static int check_text_vmdk(struct im_dev *file, const struct im_vdisk_allowed *allowed, struct im_error *err)
{
	char *text = read_text(file, 0, file->size, err);
	bool hinted = false;
	int rc = text ? check_descriptor(text, allowed, err) : -1;

	free(text);
	if (rc == 0)
		rc = has_hint(file, &hinted, err);
	if (rc == 0 && hinted)
		return refuse(err, _(a_child));
	if (rc == 0 && !allowed->data_file)
		return refuse(err, _("this VMDK is a descriptor, whose data lies in another file; give --allow=data-file where both are yours"));
	return rc;
}

static const char one_extent[] = N_("this is one extent of a VMDK of several files, or a descriptor that names others; make one file"
				 " of them (`qemu-img convert`)");

static int check_vmdk(struct im_dev *file, const struct im_vdisk_allowed *allowed, struct im_error *err)
{
	uint8_t h[512];
	bool hinted = false;
	char *text;
	int rc;

	if (peek(file, 0, h, sizeof(h), err) < 0)
		return -1;
	if (h[0] == '#')
		return check_text_vmdk(file, allowed, err);
	if (memcmp(h, "KDMV", 4) != 0)
		return refuse(err, _("this VMDK is of the old COWD kind of ESX servers; convert it first (`qemu-img convert`)"));
	/* grain directory at the end; compressed grains */
	if (allowed->write && (im_get64(h + 56) == UINT64_MAX || im_get16(h + 77)))
		return refuse(err, _("this VMDK is stream-optimized: it can be read once, but not written in place; convert it first (`qemu-img"
			      " convert -O vmdk`)"));
	/* without a capacity of its own qemu takes the descriptor at its word, and opens the files in it */
	if (!im_get64(h + 12) || !im_get64(h + 28) || !im_get64(h + 36))
		return refuse(err, _(one_extent));
	/* qemu looks for a descriptor's parent in the second sector, wherever the header says that the descriptor is */
	if (im_get64(h + 28) != 1)
		return refuse(err, _("the descriptor in this VMDK is not where it always is, in its second sector"));
	if (has_hint(file, &hinted, err) < 0)
		return -1;
	if (hinted)
		return refuse(err, _(a_child));
	text = read_text(file, im_get64(h + 28) * 512, im_min(im_get64(h + 36), TEXT_MAX / 512) * 512, err);
	if (!text)
		return -1;
	rc = strstr(text, "createType=") ? check_descriptor(text, allowed, err) : refuse(err, _(one_extent));
	free(text);
	return rc;
}

/* ---- VHD ---- */

static int check_vpc(struct im_dev *file, struct im_error *err)
{
	uint8_t f[512];

	if (peek(file, 0, f, sizeof(f), err) < 0)
		return -1;
	if (memcmp(f, "conectix", 8) != 0 &&
	    (file->size < 512 || peek(file, file->size - 512, f, sizeof(f), err) < 0))
		return senseless(err, "VHD");
	/* some old writers left a footer of 511 bytes */
	if (memcmp(f, "conectix", 8) != 0 && memcmp(f + 1, "conectix", 8) == 0)
		memmove(f, f + 1, sizeof(f) - 1);
	switch (im_get32be(f + 60)) {		/* disk type */
	case 2:
	case 3:
		return 0;
	case 4:
		return refuse(err, _("this VHD is a differencing disk: its parent holds what it does not; merge them first (in Windows:"
			      " `diskpart`, merge vdisk)"));
	default:
		return senseless(err, "VHD");
	}
}

/* ---- VHDX ---- */

#define VHDX_HEADERS 65536u
#define VHDX_REGIONS 196608u
#define VHDX_ENTRIES 2047u

static const uint8_t metadata_guid[16] = {
	0x06, 0xa2, 0x7c, 0x8b, 0x90, 0x47, 0x9a, 0x4b, 0xb8, 0xfe, 0x57, 0x5f, 0x05, 0x0f, 0x88, 0x6e,
};
static const uint8_t parameters_guid[16] = {
	0x37, 0x67, 0xa1, 0xca, 0x36, 0xfa, 0x43, 0x4d, 0xb3, 0xb6, 0x33, 0xf0, 0xaa, 0x44, 0xe7, 0x6b,
};

/* The entry with this GUID in a table of n entries of 32 bytes at off. */
static int find_entry(struct im_dev *file, uint64_t off, uint32_t n, const uint8_t guid[16], uint8_t entry[32], bool *found,
		      struct im_error *err)
{
	*found = false;
	for (uint32_t i = 0; i < im_min(n, VHDX_ENTRIES) && !*found; i++) {
		if (peek(file, off + 32ull * i, entry, 32, err) < 0)
			return -1;
		*found = memcmp(entry, guid, 16) == 0;
	}
	return 0;
}

static int has_parent(struct im_dev *file, bool *yes, struct im_error *err)
{
	uint8_t head[32], entry[32], item[8];
	uint64_t region;
	bool found;

	if (peek(file, VHDX_REGIONS, head, sizeof(head), err) < 0)
		return -1;
	if (memcmp(head, "regi", 4) != 0)
		return senseless(err, "VHDX");
	if (find_entry(file, VHDX_REGIONS + 16, im_get32(head + 8), metadata_guid, entry, &found, err) < 0)
		return -1;
	region = im_get64(entry + 16);
	if (!found || region >= file->size || peek(file, region, head, sizeof(head), err) < 0 || memcmp(head, "metadata", 8) != 0)
		return senseless(err, "VHDX");
	if (find_entry(file, region + 32, im_get16(head + 10), parameters_guid, entry, &found, err) < 0)
		return -1;
	if (!found || peek(file, region + im_get32(entry + 16), item, sizeof(item), err) < 0)
		return senseless(err, "VHDX");
	*yes = im_get32(item + 4) & 2;
	return 0;
}

static int check_vhdx(struct im_dev *file, struct im_error *err)
{
	uint8_t h[2][80], zero[16] = { 0 }, *now = NULL;
	bool child = false;

	for (unsigned i = 0; i < 2; i++) {
		if (peek(file, VHDX_HEADERS * (i + 1), h[i], sizeof(h[i]), err) < 0)
			return -1;
		if (memcmp(h[i], "head", 4) == 0 && (!now || im_get64(h[i] + 8) > im_get64(now + 8)))
			now = h[i];
	}
	if (!now)
		return senseless(err, "VHDX");
	if (memcmp(now + 48, zero, 16) != 0)
		return refuse(err, _("this VHDX was not closed properly: its log must be replayed first (attach and detach it in Windows, or"
			      " `qemu-img check -r all`)"));
	if (has_parent(file, &child, err) < 0)
		return -1;
	return child ? refuse(err, _("this VHDX is a differencing disk: its parent holds what it does not; merge them first (`Merge-VHD`)")) : 0;
}

/* ---- VDI ---- */

static int check_vdi(struct im_dev *file, struct im_error *err)
{
	uint8_t h[80];

	if (peek(file, 0, h, sizeof(h), err) < 0)
		return -1;
	switch (im_get32(h + 0x4c)) {	/* image type */
	case 1:
	case 2:
		return 0;
	case 3:
	case 4:
		return refuse(err, _("this VDI is a differencing image: its parent holds what it does not; merge them first (`VBoxManage"
			      " clonemedium`)"));
	default:
		return senseless(err, "VDI");
	}
}

int im_vdisk_check(struct im_dev *file, const char *format, const struct im_vdisk_allowed *allowed, struct im_error *err)
{
	if (strcmp(format, "qcow2") == 0)
		return check_qcow2(file, allowed, err);
	if (strcmp(format, "vmdk") == 0)
		return check_vmdk(file, allowed, err);
	if (strcmp(format, "vpc") == 0)
		return check_vpc(file, err);
	if (strcmp(format, "vhdx") == 0)
		return check_vhdx(file, err);
	if (strcmp(format, "vdi") == 0)
		return check_vdi(file, err);
	return im_error_set(err, IM_EUSAGE, "there is no format \"%s\"; there are raw, qcow2, vpc, vhdx, vmdk and vdi", format);
}
