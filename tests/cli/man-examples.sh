#!/usr/bin/env bash
# man-examples.sh - the examples of the manual pages do what the pages say: every command is run, and ends with the
# status that is given for it; the program of libimgmend(3) is compiled and run.
#
# In the source of a page, a comment stands before every display (.Bd) of the section EXAMPLES:
#	.\" example: STATUS...		commands, and the exit status of each in turn; a line that ends in | or \ goes on
#	.\" example: file NAME		the display is written to that file
#	.\" example: not run: REASON	it cannot be run in a test; there are few of these
# and another one may stand before that, for what has happened to the image before:
#	.\" before: fresh IMAGE		it is as it was made, without journals
#	.\" before: interrupted IMAGE [--journal=FILE]	a repair of it was stopped in the middle
#	.\" before: used IMAGE		it was repaired, and somebody wrote to it
# The examples of a page are run in order, in a folder of their own, on a terminal where every question is answered
# with y. What they name of the images that make_images makes is there.
set -eu
. "$(dirname "${BASH_SOURCE[0]}")/../image/lib.sh"
. "$HERE/ntfs-lib.sh"
. "$HERE/vss-lib.sh"
find_ntfs_helpers
needs script nbdkit nbdcopy nbdinfo qemu-img mkfs.fat jq xargs pkg-config
top=$(cd "$HERE/../.." && pwd)
build=$(cd "$IMGMEND_TEST_SUPPORT/../.." && pwd)
NOT_RUN_MAX=4

# ---- images

# fat_disk FILE START HIDDEN: a FAT16 volume in a partition at the sector START, which thinks that it is at HIDDEN
fat_disk() {
	truncate -s $((($2 + 16384 + 2048) * 512)) "$1"
	mkmbr -c -i c0ffee16 "$1" "6:$2:16384"
	truncate -s $((16384 * 512)) "$WORK/fat.vol"
	mkfs.fat -F 16 -s 1 -h "$3" -n CARD "$WORK/fat.vol" >/dev/null || fail "mkfs.fat could not make a volume"
	place fat "$1" $(($2 * 512))
}

# An NTFS volume with a catalog and a store of shadow copies, to which no header leads.
windows_volume() {
	local at
	ntfs_format 4096 $((16 * MIB))
	vss_files vol
	at=$(ntfsmap -r vol 2>/dev/null | awk -F'\t' '$6 == 4 && $1 > 64 { print $5 * 4096 }')
	vss_fill vol "$at" $((at + 16384))
	cp --sparse=always vol windows.img
	# ... and one to which a header leads that stands over a file
	head -c 30000 /dev/urandom >file.bin
	quiet ntfscp -q -f vol file.bin file.bin
	quiet mkbadntfs -V "$at" -o /file.bin vol
	mv vol taken.img
}

make_images() {
	fat_disk disk.img 1 1
	fat_disk good.img 2048 2048
	fat_disk copied.img 2048 63
	truncate -s $((16384 * 512)) volume.img
	mkfs.fat -F 16 -s 1 volume.img >/dev/null || fail "mkfs.fat could not make a volume"
	qemu-img convert -O qcow2 disk.img disk.qcow2
	mkdir -p images/deeper
	cp disk.img images/first.img
	mv good.img images/second.img
	cp disk.qcow2 images/deeper/third.qcow2
	windows_volume
}

# ---- the compiler and the library of this build, as if they were installed

with_this_build() {
	local cc
	cc=$(compiler_of "$build")
	printf '#!/bin/sh\nexec %s -std=gnu17 -Wall -Wextra -Werror %s "$@"\n' "$cc" "${MUTANT_CFLAGS-}" >bin/cc
	printf '#!/bin/sh\nexec "%s" "$@"\n' "$(command -v "$IMGMEND")" >bin/imgmend
	chmod +x bin/cc bin/imgmend
	mkdir pc
	sed "s,^libdir=.*,libdir=$build/.libs,; s,^includedir=.*,includedir=$top/lib," "$build/lib/libimgmend.pc" >pc/libimgmend.pc
	export PKG_CONFIG_PATH=$WORK/pc PATH=$WORK/bin:$PATH
	cat >interrupt.c <<-'END'
	#include <imgmend.h>
	#include <stdio.h>

	static int stop(void *arg, enum imgmend_phase phase, uint64_t done, uint64_t total)
	{
		(void)arg, (void)done, (void)total;
		return phase == IMGMEND_PHASE_MOVE;
	}

	int main(int argc, char **argv)
	{
		struct imgmend_options options = { .progress = stop, .journal = argc > 2 ? argv[2] : NULL };
		struct imgmend_error err = { 0 };
		imgmend_plan *plan;

		if (imgmend_plan_image(argv[1], &options, &plan, &err) < 0)
			return 1;
		imgmend_fix(argv[1], plan, &options, NULL, &err);
		imgmend_plan_free(plan);
		return err.code != IMGMEND_ECANCELLED;
	}
	END
	cc interrupt.c $(pkg-config --cflags --libs libimgmend) -o bin/interrupt || fail "interrupt.c does not compile"
}

# What the comments `before:` name; a part of the script of each page.
before_functions() {
	cat <<-END
	fresh() {
		rm -rf "\$1" "\$1".imgmend-journal*
		cp -r --sparse=always "$WORK/made/\$1" "\$1"
	}
	interrupted() {
		fresh "\$1"
		mkdir -p journals
		interrupt "\$1" \${2+"\${2#--journal=}"}
	}
	used() {
		fresh "\$1"
		imgmend fix --quiet --yes "\$1"
		printf x | dd of="\$1" bs=1 seek=$((MIB + 100)) conv=notrunc status=none
	}
	END
}

# ---- from page to script

# page_script PAGE: the examples as a script, in which every command appends "STATUS-WANTED STATUS COMMAND" to the file
# ended; what is not run goes to the file left-out. A display without a comment is a failure.
page_script() {
	awk -v left_out="$WORK/left-out" '
	function quoted(s) { gsub(/\047/, "\047\\\047\047", s); return "\047" s "\047" }
	function refuse(why) { print FILENAME ":" FNR ": " why >"/dev/stderr"; failed = 1; exit 1 }
	function plain(s) {
		gsub(/\\\(aq/, "\047", s); gsub(/\\\(dq/, "\"", s); gsub(/\\&/, "", s)
		gsub(/\\-/, "-", s); gsub(/\\e/, "\001", s)
		if (index(s, "\\")) refuse("an escape that is not known: " s)
		gsub(/\001/, "\\", s)
		return s
	}
	/^\.Sh / { inside = $2 == "EXAMPLES" }
	!inside { next }
	/^\.\\" before: / { sub(/^[^:]*: /, ""); print $0 " || echo \"- failed\" " quoted($0) " >>ended"; next }
	/^\.\\" example: / { sub(/^[^:]*: /, ""); what = $0; next }
	/^\.Bd / {
		if (what == "") refuse("a display without a comment that says how it is run")
		kind = what ~ /^not run: ./ ? "skip" : what ~ /^file [a-z.]+$/ ? "file" : what ~ /^[0-9 ]+$/ ? "run" : ""
		if (kind == "") refuse("this comment is not known: " what)
		n = split(what, wanted, " "); at = 0; command = ""; in_display = 1
		if (kind == "skip") print FILENAME ": " what >>left_out
		if (kind == "file") print "cat >" wanted[2] " <<\\END_OF_FILE"
		next
	}
	/^\.Ed/ {
		if (kind == "file") print "END_OF_FILE"
		if (kind == "run" && (at != n || command != "")) refuse(at " commands, but " n " exit statuses")
		in_display = 0; what = ""
		next
	}
	!in_display || kind == "skip" { next }
	kind == "file" { print plain($0); next }
	{
		line = plain($0)
		command = command == "" ? line : command "\n" line
		if (line ~ /[|\\]$/) next
		if (++at > n) refuse("more commands than exit statuses")
		print "# command"
		print "printf \"\\n$ %s\\n\" " quoted(command)
		print command
		print "printf \"%s %s %s\\n\" " wanted[at] " $? " quoted(command) " >>ended"
		command = ""
	}
	END { if (failed) exit 1 }' "$1"
}

# run_page PAGE: each command must have ended as the page says; sets COMMANDS
run_page() {
	local page=$1 name i wanted got command
	name=$(basename "$page")
	mkdir "$WORK/$name"
	cd "$WORK/$name"
	{
		before_functions
		page_script "$page" || fail "the examples of $name cannot be read"
		echo "wait"
	} >../script.sh
	for i in disk.img copied.img volume.img disk.qcow2 images windows.img taken.img; do
		# as a word of its own
		grep -qE "(^|[^a-z0-9.-])$i([^a-z0-9.-]|\$)" ../script.sh || continue
		cp -r --sparse=always "$WORK/made/$i" .
	done
	: >ended
	# a pipe that does not end: at the end of its input, script waits before it looks after its child again
	rm -f ../answers
	mkfifo ../answers
	exec 9<>../answers
	for i in $(seq 40); do echo y; done >&9
	script -qec "timeout --foreground -k 5 100 bash ../script.sh" ../said <&9 >/dev/null ||
		fail "the script of $name failed: $(tail -n 20 ../said)"
	exec 9>&-
	COMMANDS=0
	while read -r wanted got command; do
		case $command in *[!\ ]*) ;; *) continue ;; esac
		[ "$wanted" = "$got" ] || { tail -n 60 ../said; fail "$name: \"$command\" ended with $got, not with $wanted"; }
		COMMANDS=$((COMMANDS + 1))
	done < <(grep -E '^[-0-9]+ [a-z0-9]+ ' ended)
	cd "$WORK"
	rm -rf "${WORK:?}/$name"
}

mkdir -p made bin
cd made
make_images
rm -f file.bin quiet.log
cd "$WORK"
with_this_build
: >left-out
total=0
for page in "$top"/man/*.[38]; do
	case ${MUTANT_CFLAGS-}:$page in
	*-fsanitize*/imgmend-preview.8)
		note "nbdkit cannot load a plugin that has a sanitizer: the examples of imgmend-preview(8) are left out"
		continue
		;;
	esac
	run_page "$page"
	[ $COMMANDS -gt 0 ] || fail "$(basename "$page") has no example that is run"
	[ $COMMANDS = "$(page_script "$page" | grep -c '^# command$')" ] || fail "$(basename "$page"): not every command was run"
	total=$((total + COMMANDS))
done
sort -u left-out >left-out.once
[ "$(wc -l <left-out.once)" -le $NOT_RUN_MAX ] || fail "too many examples are not run: $(cat left-out.once)"
echo "man-examples: $total commands ended as the pages say; not run: $(wc -l <left-out.once)"
