/* shadow_inside.c - the shadow copies' header is put back: 512 bytes of the volume. */
#include <inttypes.h>
#include <stdio.h>

#include "plan/inside.h"
#include "scan/shadows.h"

int im_shadow_inside(struct im_inside *inside, const struct im_volume *v, struct im_dev *vol, const struct im_plan_options *options,
		     struct im_error *err)
{
	const struct im_shadows *s = v->shadows;
	char reason[320];

	(void)options;
	if (!s || !s->can_rebuild)
		return im_error_set(err, IM_EREFUSED, "the shadow-copy header cannot be made anew");
	if (s->copy)
		im_say(reason, sizeof(reason), "the shadow-copy header, as the copy of the first block at byte %" PRIu64 " of the volume has it",
		       s->copy - IM_VSS_HEADER);
	else
		im_say(reason, sizeof(reason), "a new shadow-copy header, for the catalog at byte %" PRIu64 " of the volume", s->catalog.off);
	if (im_map_init(&inside->map, vol->size, vol->size, err) < 0 ||
	    im_map_bytes(&inside->map, IM_VSS_HEADER, s->rebuilt, IM_VSS_HEADER_SIZE, reason, err) < 0)
		return -1;
	if (s->copy)
		return 0;
	if (s->is_told)
		return im_notes_add(&inside->notes, err, "the new shadow-copy header has the volume's identifier that was given");
	return im_notes_add(&inside->notes, err, s->knows_volume ?
			    N_("no copy of the shadow-copy header names the catalog that was found; the volume's identifier is taken from one that"
			    " names another") :
			    N_("there is no copy of the shadow-copy header: the new one has zeros for the volume's identifier; tools that read"
			    " snapshots do not need it, whether Windows does is not known; where Windows still knows the volume, it is the"
			    " GUID of its \\\\?\\Volume{…} name (--volume-id)"));
}
