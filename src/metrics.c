/* metrics.c - what a scan of many images found, as a text file for the node exporter of Prometheus. */
#include <config.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "program.h"

static void put(FILE *f, const char *name, const char *help, uint64_t value)
{
	fprintf(f, "# HELP imgmend_%s %s\n# TYPE imgmend_%s gauge\nimgmend_%s %" PRIu64 "\n", name, help, name, name, value);
}

static bool write_all(FILE *f, const struct tally *t)
{
	put(f, "images", "Images that the last scan was asked for.", t->images);
	put(f, "images_with_errors", "Images with findings of severity error.", t->with_errors);
	put(f, "images_failed", "Images that could not be read or understood, and folders and lists that could not.", t->failed);
	fprintf(f, "# HELP imgmend_findings Findings of the last scan.\n# TYPE imgmend_findings gauge\n");
	fprintf(f, "imgmend_findings{severity=\"error\"} %" PRIu64 "\n", t->findings[IMGMEND_ERROR]);
	fprintf(f, "imgmend_findings{severity=\"warning\"} %" PRIu64 "\n", t->findings[IMGMEND_WARNING]);
	put(f, "last_scan_timestamp_seconds", "When the last scan ended, in seconds since 1970.", (uint64_t)time(NULL));
	return !ferror(f);
}

int save_metrics(const char *file, const struct tally *t)
{
	char *fresh = NULL;
	FILE *f = NULL;
	bool ok = false;
	int why;

	/* the exporter must never see half of it */
	if (asprintf(&fresh, "%s.new", file) >= 0)
		f = fopen(fresh, "we");
	if (f) {
		ok = write_all(f, t);
		ok = fclose(f) == 0 && ok && rename(fresh, file) == 0;
	}
	why = errno;
	if (!ok) {
		fprintf(stderr, _("imgmend: %s: cannot save the metrics: %s%s\n"), file, strerror(why), next_step(why));
		if (f)
			unlink(fresh);
	}
	free(fresh);
	return ok ? 0 : -1;
}
