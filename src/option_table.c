/* option_table.c - every option of every verb. */
#include <config.h>
#include <string.h>

#include "options.h"

/* Ids of findings, as the library knows them. tests/cli/man.sh compares. */
#define FINDINGS "partition-in-reserved-area volume-in-reserved-area hidden-sectors-mismatch backup-boot-stale fat-reserved-short " \
	"gpt-primary-damaged gpt-backup-damaged partition-past-end ebr-chain-damaged ambivalent-volume ambivalent-disk other-sector-size " \
	"repair-in-progress boot-file-short boot-area-free data-in-boot-area volsnap-collision shadow-header-lost ntfs-damaged library-failed"

const struct option_row option_rows[] = {
	{ " scan plan status snapshots ", 0, "json", OPT_JSON, NULL, NULL, N_("print JSON to standard output") },
	{ " scan report ", 'j', "jobs", 'j', "N", NULL, N_("look at N images at a time") },
	{ " scan report ", 0, "files0-from", OPT_FILES0_FROM, "FILE", NULL, N_("more images, their names ended by zero bytes; - is standard input") },
	{ " scan ", 0, "metrics-file", OPT_METRICS, "FILE", NULL, N_("sums for Prometheus, as a text file") },
	{ " plan ", 'o', NULL, 'o', "FILE", NULL, N_("save the plan to FILE, for `fix --plan`") },
	{ " report ", 'o', NULL, 'o', "FILE", NULL, N_("write the page to FILE, and not to standard output") },
	{ " fix resume undo discard rescue ", 'y', "yes", 'y', NULL, NULL, N_("do not ask") },
	{ " fix rescue ", 'n', "dry-run", 'n', NULL, NULL, N_("only show the plan") },
	{ " fix preview ", 0, "plan", OPT_PLAN, "FILE", NULL, N_("carry out exactly this saved plan") },
	{ " rescue ", 0, "extract", OPT_EXTRACT, "DIR", NULL, N_("only write the file at the header's place to DIR, in all its versions") },
	{ " rescue ", 0, "volume-id", OPT_VOLUME_ID, "GUID", NULL, N_("for a new header, where nothing on the volume tells it") },
	{ " fix ", 0, "output", OPT_OUTPUT, "NEW", NULL, N_("write the corrected image to a new file, leave this one alone") },
	{ " fix ", 0, "output-format", OPT_OUTPUT_FORMAT, "FMT", "raw qcow2 vpc vhdx vmdk vdi",
	  N_("format of the new file: raw, qcow2, vpc, vhdx, vmdk or vdi") },
	{ " fix resume rescue ", 0, "verify", OPT_VERIFY, NULL, NULL, N_("read everything back and compare SHA-256 with the plan") },
	{ " fix status rescue ", 0, "manifest", OPT_MANIFEST, "FILE", NULL, N_("write SHA-256 of what changed, before and after, to FILE") },
	{ " fix status resume undo discard rescue ", 0, "journal", OPT_JOURNAL, "FILE", NULL, N_("the journal's place") },
	{ " preview ", 0, "socket", OPT_SOCKET, "FILE", NULL, N_("serve at this Unix socket") },
	{ " preview ", 0, "read-only", OPT_READ_ONLY, NULL, NULL, N_("refuse writes, instead of forgetting them") },
	{ " scan plan fix preview report ", 0, "deep", OPT_DEEP, NULL, NULL, N_("look at every file record of NTFS volumes") },
	{ " snapshots rescue ", 0, "deep", OPT_DEEP, NULL, NULL, N_("search the whole image for what is left of shadow copies") },
	{ " plan fix preview report ", 0, "align", OPT_ALIGN, "SIZE", NULL, N_("alignment of the partition at fault (default 1M)") },
	{ " plan fix preview report ", 0, "no-grow", OPT_NO_GROW, NULL, NULL, N_("do not make the image larger") },
	{ " plan fix ", 0, "strategy", OPT_STRATEGY, "WAY", "auto direct journalled write-once reflink insert-range",
	  N_("auto, direct, journalled, write-once, reflink or insert-range") },
	{ " plan fix ", 0, "used-only", OPT_USED_ONLY, NULL, NULL, N_("do not move what file systems say is free; undo gives zeros back there") },
	{ " plan fix preview report ", 0, "only", OPT_ONLY, "ID,...", FINDINGS, N_("repair these findings, warnings included") },
	{ " plan fix preview ", 0, "add-table", OPT_ADD_TABLE, "mbr|gpt", "mbr gpt", N_("put a table around a volume that has none") },
	{ "*", 0, "allow", OPT_ALLOW, "WHAT,...", "in-use changed dirty snapshots volatile-journal unknown-boot-code backing-file data-file",
	  N_("accept: in-use, changed, dirty, snapshots, volatile-journal, unknown-boot-code, backing-file, data-file") },
	{ "*", 'f', "format", 'f', "FMT", "raw qcow2 vpc vhdx vmdk vdi", N_("format of the image: raw, qcow2, vpc (VHD), vhdx, vmdk or vdi") },
	{ "*", 0, "sector-size", OPT_SECTOR_SIZE, "N", "512 4096", N_("logical sector size: 512 or 4096") },
	{ "*", 0, "progress", OPT_PROGRESS, "MODE", "auto bar json none", N_("auto, bar, json or none") },
	{ "*", 0, "color", OPT_COLOR, "WHEN", "auto always never", N_("auto, always or never") },
	{ "*", 'q', "quiet", 'q', NULL, NULL, N_("say less") },
	{ "*", 'v', "verbose", 'v', NULL, NULL, N_("say more") },
	{ "*", 'h', "help", OPT_HELP, NULL, NULL, N_("show this help") },
	{ "*", 'V', "version", OPT_VERSION, NULL, NULL, N_("show the version") },
	{ NULL, 0, NULL, 0, NULL, NULL, NULL },
};

bool option_belongs(const struct option_row *row, const struct verb *verb)
{
	char word[32];

	snprintf(word, sizeof(word), " %s ", verb->name);
	return row->verbs[0] == '*' || strstr(row->verbs, word);
}
