#!/usr/bin/env bash
# searching.sh - scan, plan and report of a slow disk, watched: the bar, SIGUSR1, lines of JSON, Ctrl-C. No time is asserted: the disk is slow
# enough to come in between.
set -eu
. "$(dirname "${BASH_SOURCE[0]}")/../image/lib.sh"
. "$HERE/containers-lib.sh"
. "$HERE/ntfs-lib.sh"
. "$HERE/../cli/terminal-lib.sh"
find_ntfs_helpers
needs jq nbdkit

URI="nbd+unix:///?socket=$WORK/sock"
SOMEWHERE='searching, [0-9a-z]+ so far'
BAR='[0-9]+%  [0-9]+ MiB/s  [0-9a-z]+ left'

# An $MFT of 20 MiB, and a file in the boot area, so that it is searched.
ntfs_format 4096 $((256 * MIB))
quiet ntfsfill vol many /many 20000 plain /plain 100000
quiet mkbadntfs -o /plain vol
before=$(sha256sum <vol)
run 4 scan --json vol
jq -S 'del(.image)' out >quick.json

# untouched: the image, and no journal
untouched() {
	check_eq "the image after $1" "$before" "$(sha256sum <vol)"
	no_journal vol
}

# where nobody knows how long it takes, which is a few reads, and where it is known
serve --filter=delay file vol rdelay=280ms
on_terminal 4 "wait:$SOMEWHERE" "wait:$BAR" kill:USR1 'wait:imgmend: searching: +[0-9]+%.* so far' -- "$IMGMEND" scan "$URI"
grep -q 'data-in-boot-area' lines || fail "a scan that is watched finds nothing"

# lines of JSON, beside the document
run 4 scan --json --progress=json "$URI"
jq -S 'del(.image)' out | cmp - quick.json || fail "a scan that is watched has another result"
"$PYTHON" "$SUPPORT/schema.py" "$HERE/../../schema" err || fail "lines of progress are not what the schema says"
jq -es 'map(select(.phase == "search" and .total > 0)) | length > 1 and .[-1].done == .[-1].total and ([.[].done] | . == sort)' err >steps ||
	fail "the search of the \$MFT is not in the lines of progress"
jq -es 'any(.total == 0)' err >steps || fail "what is of unknown length is not in the lines of progress"

stop_server
serve --filter=delay file vol rdelay=80ms
on_terminal 32 "wait:$BAR" 'type:^C' -- "$IMGMEND" scan "$URI"
grep -q 'no image was written to' lines || fail "what Ctrl-C during a scan did is not told: $(tail -n 3 lines)"
on_terminal 32 "wait:$BAR" 'type:^C' -- "$IMGMEND" plan "$URI"
on_terminal 32 "wait:$BAR" 'type:^C' -- "$IMGMEND" fix --journal "$WORK/journal" "$URI"
grep -q 'no image was written to' lines || fail "what Ctrl-C did while fix made its plan is not told: $(tail -n 3 lines)"
[ ! -e journal ] || fail "a fix that was ended at its plan left a journal"
untouched "interruptions"
on_terminal 4 -- "$IMGMEND" scan --quiet "$URI"
! grep -q searching lines || fail "--quiet shows progress"

# the library is stopped by its caller, wherever it is
cat >stop.c <<'END'
#include <imgmend.h>
#include <stdio.h>
#include <stdlib.h>

static int limit, calls;

static int stop(void *arg, enum imgmend_phase phase, uint64_t done, uint64_t total)
{
	(void)arg, (void)phase, (void)done, (void)total;
	return calls++ >= limit;
}

int main(int argc, char **argv)
{
	struct imgmend_options options = { .progress = stop };
	struct imgmend_error err = { 0 };
	imgmend_plan *plan = NULL;

	limit = argc > 2 ? atoi(argv[2]) : 0;
	if (imgmend_plan_image(argv[1], &options, &plan, &err) == 0) {
		imgmend_plan_free(plan);
		printf("%d\n", calls);
		return 0;
	}
	if (err.code == IMGMEND_ECANCELLED)
		return 32;
	fprintf(stderr, "stopped at %d: %s\n", limit, err.message);
	return 8;
}
END
build=$(cd "$IMGMEND_TEST_SUPPORT/../.." && pwd)
cc=$(compiler_of "$build")
# The compiler and its flags are split into words on purpose.
$cc -std=gnu17 -Wall -Wextra -Werror ${MUTANT_CFLAGS-} -I"$HERE/../../lib" stop.c -L"$build/.libs" -limgmend -o bin/stop || fail "stop.c"
calls=$(stop vol 1000000000)
[ "$calls" -gt 50 ] || fail "a plan calls the progress function only $calls times"
# (a few more or less, where a process of its own is waited for)
for limit in 0 1 2 3 5 8 $(seq 13 $((calls / 40 + 1)) $((calls * 9 / 10))); do
	rc=0
	stop vol $limit || rc=$?
	check_eq "a plan that is stopped at call $limit of $calls" 32 $rc
done
untouched "plans that were stopped"

# several images: how many of them, where their results do not go to the terminal meanwhile
for i in 1 2 3; do echo "$URI"; done | tr '\n' '\0' >list
on_terminal 4 'wait:\] +[0-9]+%' kill:USR1 'wait:imgmend: looking at images: +[0-9]+%.* so far' -- \
	sh -c 'exec "$0" scan -j 2 --files0-from=list --json >results' "$IMGMEND"
check_eq "results of several" 3 "$(jq -s length results)"
rc=0
"$IMGMEND" scan -j 2 --files0-from=list --json --progress=json >results 2>err || rc=$?
check_eq "exit status of several" 4 $rc
"$PYTHON" "$SUPPORT/schema.py" "$HERE/../../schema" <(grep '^{' err) || fail "lines on several images are not what the schema says"
grep '^{' err | jq -es 'all(.phase == "images" and .total == 3) and .[-1].done == 3 and ([.[].done] | . == sort)' >steps ||
	fail "the lines on several images are wrong: $(cat err)"
stop_server
