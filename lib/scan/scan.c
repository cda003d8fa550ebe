/* scan.c - the order of looking: container? table, volumes, findings, layout. */
#include "scan/scan.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "fmt/label.h"
#include "scan/ntfs_area.h"
#include "scan/shadows.h"

static int refuse_tiny(const struct im_dev *dev, struct im_error *err)
{
	if (dev->size >= 512)
		return 0;
	return im_error_set(err, IM_EREFUSED, "%" PRIu64 " bytes are less than a sector: this is no disk image, or one that was not copied"
			    " as a whole", dev->size);
}

static int refuse_container(struct im_scan *scan, struct im_dev *dev, struct im_error *err)
{
	const char *name;

	*err = (struct im_error){ 0 };
	name = im_container_name(dev, err);
	if (name && im_container_is_fixed_vhd(dev, err))
		scan->container = name;
	if (err->code)
		return -1;
	if (!name || scan->container)
		return 0;
	return im_error_set(err, IM_EREFUSED, "this is a %s file, not a raw disk image; convert it first (`qemu-img"
			    " convert -O raw`, or unpack it), or attach it with qemu-nbd and name the device",
			    im_container_title(name));
}

int im_scan_run(struct im_scan *scan, struct im_dev *dev, const struct im_scan_options *options,
		struct im_error *err)
{
	struct im_error local;
	int rc = -1;

	*scan = (struct im_scan){ .is_deep = options->deep || options->shadows, .has_volume_id = options->has_volume_id };
	memcpy(scan->volume_id, options->volume_id, sizeof(scan->volume_id));
	if (!err)
		err = &local;
	if (refuse_tiny(dev, err) < 0 || refuse_container(scan, dev, err) < 0)
		return -1;
	if (im_scan_table(scan, dev, options, err) == 0 && (scan->is_fenced || im_scan_volumes(scan, dev, err) == 0) &&
	    im_scan_findings(scan, dev, err) == 0 && (!options->shadows || im_scan_shadows(scan, dev, options, err) == 0) &&
	    im_scan_regions(scan, err) == 0 && im_scan_boot(scan, dev, err) == 0)
		rc = 0;
	if (rc < 0)
		im_scan_free(scan);
	return rc;
}

void im_scan_free(struct im_scan *scan)
{
	im_mbr_free(&scan->mbr);
	im_gpt_free(&scan->gpt);
	for (size_t i = 0; i < scan->volumes.n; i++) {
		im_boot_area_free(scan->volumes.v[i].area);
		free(scan->volumes.v[i].area);
		if (scan->volumes.v[i].shadows)
			im_shadows_free(scan->volumes.v[i].shadows);
		free(scan->volumes.v[i].shadows);
	}
	if (scan->carving)
		im_vss_carving_free(scan->carving);
	free(scan->carving);
	im_vec_free(&scan->tried);
	im_vec_free(&scan->volumes);
	im_vec_free(&scan->regions);
	im_vec_free(&scan->findings);
}

const char *im_table_name(const struct im_scan *scan)
{
	static const char *const names[] = { "none", "dos", "gpt" };

	return scan->table == IM_TABLE_OTHER ? scan->label : names[scan->table];
}

const char *im_severity_name(enum im_severity severity)
{
	static const char *const names[] = { "info", "warning", "error" };

	return names[severity];
}

const char *im_region_kind_name(enum im_region_kind kind)
{
	static const char *const names[] = { N_("table"), N_("partition"), N_("volume"), N_("gap") };

	return names[kind];
}
