/* ntfs_owner.c - what an owner of clusters is, for people. */
#include <stdio.h>
#include <string.h>

#include "fmt/fs_util.h"
#include "scan/ntfs_area.h"

/* Attributes other than data and directory indexes. */
static const struct {
	uint32_t type;
	const char *name;
} attributes[] = {
	{ IM_NTFS_ATTRIBUTE_LIST, N_("attribute list") }, { 0x50, N_("security descriptor") }, { IM_NTFS_BITMAP_ATTR, N_("index bitmap") },
	{ 0xc0, N_("reparse point") }, { 0xd0, N_("extended attributes") }, { 0xe0, N_("extended attributes") },
	{ 0x100, N_("logged utility stream") },
};

static const char *attribute_name(uint32_t type)
{
	for (size_t i = 0; i < sizeof(attributes) / sizeof(*attributes); i++)
		if (attributes[i].type == type)
			return _(attributes[i].name);
	return _("attribute");
}

static const char *system_name(uint64_t record)
{
	static const char *const names[] = {
		"$MFT", "$MFTMirr", "$LogFile", "$Volume", "$AttrDef", N_("root directory"), "$Bitmap", "$Boot", "$BadClus",
		"$Secure", "$UpCase", "$Extend",
	};

	return record < sizeof(names) / sizeof(*names) ? names[record] : record < IM_NTFS_SYSTEM_END ? "system file" : NULL;
}

static void say_what(struct im_area_owner *a)
{
	const struct im_ntfs_owner *o = &a->owner;
	const char *system = system_name(o->record);
	bool stream = o->name_len;

	if (o->type == IM_NTFS_INDEX_ALLOCATION)
		im_say(a->what, sizeof(a->what), o->record == IM_NTFS_ROOT ? N_("index of the root directory") :
		       system ? N_("index of a system file") : N_("directory index"));
	else if (o->type != IM_NTFS_DATA)
		im_say(a->what, sizeof(a->what), system ? N_("%s of a system file") : N_("%s of a file"), attribute_name(o->type));
	else if (system)
		im_say(a->what, sizeof(a->what), "%s", system[0] == '$' ? _("system file") : _(system));
	else if (o->flags & IM_NTFS_ENCRYPTED)
		im_say(a->what, sizeof(a->what), stream ? N_("encrypted named stream") : N_("encrypted user file"));
	else if (o->flags & IM_NTFS_COMPRESSED)
		im_say(a->what, sizeof(a->what), stream ? N_("compressed named stream") : N_("compressed user file"));
	else if (o->flags & IM_NTFS_SPARSE)
		im_say(a->what, sizeof(a->what), stream ? N_("sparse named stream") : N_("sparse user file"));
	else
		im_say(a->what, sizeof(a->what), stream ? N_("named stream") : N_("user file"));
}

/* The clause that says why it must stay, if it must. */
static const char *say_why_not(const struct im_area_owner *a)
{
	const struct im_ntfs_owner *o = &a->owner;

	if (o->record == IM_NTFS_BADCLUS)
		return _("the volume records these clusters as bad");
	if (strcasestr(a->name, IM_VSS_FILE_GUID))
		return _("it belongs to shadow copies, which know it by its absolute place");
	if (o->record == IM_NTFS_VOLUME || o->record == IM_NTFS_BOOT)
		return _("this system file has no such clusters on a sound volume");
	return NULL;
}

int im_area_owner_describe(struct im_ntfs *fs, struct im_area_owner *a, struct im_error *err)
{
	const struct im_ntfs_owner *o = &a->owner;
	char stream[3 * IM_NTFS_NAME_MAX + 1];
	size_t n;

	if (im_ntfs_path(fs, o->record, a->name, sizeof(a->name) - 100, err) < 0)
		return -1;
	n = strlen(a->name);
	/* $I30 is every directory's index: its name says nothing */
	if (o->name_len && o->type != IM_NTFS_INDEX_ALLOCATION && o->type != IM_NTFS_BITMAP_ATTR) {
		im_fs_label_utf16le(stream, sizeof(a->name) - n - 1 < sizeof(stream) ? sizeof(a->name) - n - 1 : sizeof(stream),
				    o->name, o->name_len);
		snprintf(a->name + n, sizeof(a->name) - n, ":%s", stream);
	}
	say_what(a);
	a->why_not = say_why_not(a);
	return 0;
}

void im_area_owner_bytes(const struct im_ntfs_owner *o, uint32_t cluster, uint64_t *start, uint64_t *len)
{
	uint64_t unit = o->flags & IM_NTFS_COMPRESSED && o->compression_unit ? 1ull << o->compression_unit : 1;
	uint64_t first = o->run.vcn / unit * unit, end = (o->run.vcn + o->run.len + unit - 1) / unit * unit;

	*start = first * cluster;
	*len = (end - first) * cluster;
}
