/* status.c - `imgmend status`: where does the repair of an image stand? */
#include <config.h>
#include <stdlib.h>
#include <time.h>

#include "program.h"

static const char *sentence(enum imgmend_state state)
{
	switch (state) {
	case IMGMEND_STATE_NONE: return _("no journal: no repair is known");
	case IMGMEND_STATE_NOT_STARTED: return _("a repair was prepared, but nothing was written; `imgmend undo` drops the journal");
	case IMGMEND_STATE_REPAIRING: return _("a repair was interrupted; `imgmend resume` finishes it, `imgmend undo` takes it back");
	case IMGMEND_STATE_REPAIRED: return _("repaired; `imgmend undo` takes it back, `imgmend discard` drops the journal");
	case IMGMEND_STATE_UNDOING: return _("an undo was interrupted; `imgmend resume` or `imgmend undo` finishes it");
	case IMGMEND_STATE_UNDONE: return _("undone; the old image is back");
	case IMGMEND_STATE_FOREIGN: return _("there is a journal, but it does not fit the image");
	}
	return "";
}

static void print_status(const struct imgmend_status *st, const char *path)
{
	time_t created = (time_t)st->created;
	char when[64] = "", size[64], text[SHOWN_MAX];

	printf("%s: %s\n", shown(path, text), sentence(st->state));
	if (st->message[0])
		printf("  %s\n", shown(st->message, text));
	if (!st->journal[0])
		return;
	printf(_("  journal: %s, %s\n"), shown(st->journal, text), size_text(st->journal_size, size));
	if (!st->uuid[0])
		return;
	strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", localtime(&created));
	printf(_("  begun %s on %s, UUID %s\n"), when, shown(st->image, text), st->uuid);
}

int verb_status(const struct settings *s)
{
	struct imgmend_status st;
	struct imgmend_error err;
	char *json;

	if (imgmend_status(s->images[0], &s->library, &st, &err) < 0)
		return report_error(&err);
	if (!s->json) {
		print_status(&st, s->images[0]);
		return save_manifest(s);
	}
	json = imgmend_status_json(&st, s->images[0]);
	if (json)
		puts(json);
	free(json);
	return save_manifest(s);
}
