# ntfs-lib.sh - what the tests of data in an NTFS volume's boot area share.
#
# Sourced after lib.sh. The volume under test is the file vol of $WORK, a whole image or cut out of one:
#	ntfs_make CLUSTER [OPTION...]	vol: healthy, full of files of every kind (options of mkntfs);
#					ntfs_remember notes them
#	ntfs_spoil OPTION...		mkbadntfs on vol; the result must be bad in the eyes of ntfscluster
#					only: every file reads as before, no checker complains
#	ntfs_round WORD...		scan, fix, fix again and undo of vol; the messages name each WORD
# Judged by ntfscluster, ntfsfix, ntfsinfo, ntfsresize, the ntfs-3g driver, and by ntfsmap, which
# sums the raw clusters of every stream.

CLUSTER=4096
BOOT_LEFT=4096 # bytes of $Boot that mkbadntfs leaves: data begins there
NTFS_FILES_SIZE=$((24 * MIB))

find_ntfs_helpers() {
	local name
	find_helpers
	for name in mkbadntfs ntfsfill ntfsmap; do
		command -v "$name" >/dev/null && continue
		pkg-config --exists libntfs-3g 2>/dev/null || skip "libntfs-3g, which makes the fixtures, is not here"
		# The flags of pkg-config are split into words on purpose.
		${CC:-cc} -std=gnu17 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -O2 "$HERE/../support/$name.c" \
			"$HERE/../support/ntfstool.c" -o "$WORK/bin/$name" $(pkg-config --cflags --libs libntfs-3g) ||
			fail "the helper $name is neither built nor can it be built"
	done
	needs jq mkntfs ntfscluster ntfsfix ntfsinfo ntfsresize ntfscat ntfscp ntfs-3g
}

# quiet COMMAND...: its output only matters when it fails.
quiet() {
	"$@" >"$WORK/quiet.log" 2>&1 || { cat "$WORK/quiet.log"; fail "\"$*\" failed"; }
}

# ntfs_format CLUSTER BYTES [MKNTFS-OPTION...]: vol, empty
ntfs_format() {
	CLUSTER=$1
	rm -f vol
	truncate -s "$2" vol
	quiet mkntfs -F -q -f -c "$1" "${@:3}" vol
}

# ---- what a volume holds

# The driver can be had by root where there is FUSE.
has_ntfs_mount() {
	[ -c /dev/fuse ] && [ "$(id -u)" = 0 ]
}

# ntfs_list VOLUME: type, size, SHA-256 and name of every file, read through a mount of a copy; of
# encrypted files what the driver shows of them, and the streams that ntfs_make made.
ntfs_list() {
	has_ntfs_mount || { note "no FUSE: files are compared by ntfsmap only" >&2; return 0; }
	mkdir -p "$WORK/mnt"
	cp --sparse=always "$1" "$WORK/mount.vol"
	ntfs-3g -o ro,streams_interface=windows,efs_raw "$WORK/mount.vol" "$WORK/mnt" >"$WORK/fuse.log" 2>&1 ||
		fail "ntfs-3g does not mount $1: $(cat "$WORK/fuse.log")"
	MOUNTS+=("$WORK/mnt")
	(
		cd "$WORK/mnt"
		find . -printf '%y %s %p\n' | sort -k 3
		find . -type f -print0 | sort -z | xargs -0 openssl dgst -sha256 -r
		[ ! -e plain ] || openssl dgst -sha256 -r plain:extra
		[ ! -e streams ] || seq -f 'streams:a stream with quite a long name, number %04g' 0 39 | xargs -d '\n' openssl dgst -sha256 -r
	) || fail "a file of $1 cannot be read"
	umount "$WORK/mnt"
	MOUNTS=()
	rm "$WORK/mount.vol"
}

# The raw streams, without the records that describe the volume itself, and without the attribute
# lists and the root's index, which follow a change of runs or sizes.
ntfs_map() {
	ntfsmap "$1" 2>"$WORK/ntfsmap.err" | awk -F'\t' '$1 > 7 && $2 != "0x20"' ||
		fail "ntfsmap cannot read $1: $(cat "$WORK/ntfsmap.err")"
}

ntfs_make() {
	ntfs_format "$1" $NTFS_FILES_SIZE -p 63 -H 255 -S 63 -L "clusters of $1" "${@:2}"
	quiet ntfsfill vol plain /plain 100000 plain /small 300 plain /plain:extra 60000 sparse /sparse 1500000 \
		compressed /compressed 500000 encrypted /encrypted 50000 fragmented /fragmented 40 \
		fragmented /shattered 2000 streams /streams 40 directory /dir 300 plain /dir/inner 20000 \
		plain /dir/Grüße 9000
}

ntfs_remember() {
	ntfs_list vol >healthy.list
	ntfs_map vol | sed '/\t0xa0\t/d' >healthy.map
}

# ntfs_same_files VOLUME WHAT: the files are those that ntfs_remember noted, the streams those of
# the map WHAT: healthy.map, or bad.map, which ntfs_spoil notes.
ntfs_same_files() {
	ntfs_list "$1" >got.list
	diff -u healthy.list got.list >diff.log || {
		head -n 20 diff.log
		fail "files of $1 have not their old SHA-256 (above)"
	}
	ntfs_map "$1" >got.map
	# libntfs-3g brings directory entries up to date when it moves a file's clusters.
	if [ "$2" = healthy.map ]; then sed -i '/\t0xa0\t/d' got.map; fi
	diff -u "$2" got.map >diff.log || {
		head -n 20 diff.log
		fail "streams of $1 have not their old clusters' content (above)"
	}
}

# ---- judges

# ntfs_owners VOLUME: who owns the first 8 KiB, as ntfscluster has it, one a line
ntfs_owners() {
	ntfscluster -f -c 0-$((8191 / CLUSTER)) "$1" 2>/dev/null | sed -n 's/^Inode //p'
}

# ntfs_start VOLUME RECORD: the LCN at which the stream's VCN 0 lies
ntfs_start() {
	ntfsmap -r "$1" 2>/dev/null | awk -F'\t' -v r="$2" '$1 == r && $2 == "0x80" && $3 == "-" && $4 == 0 { print $5 }'
}

# ntfs_content VOLUME: no checker complains, the doubled structures agree
ntfs_content() {
	local last
	quiet ntfsfix -n "$1"
	quiet ntfsinfo -f -m "$1"
	# That there is nothing to gain on a full volume is its last word, not a fault.
	ntfsresize -f --info "$1" >quiet.log 2>&1 || grep -q '^ERROR: Volume is full' quiet.log ||
		{ cat quiet.log; fail "ntfsresize --info is not content with $1"; }
	! grep -v '^ERROR: Volume is full' quiet.log | grep -iE 'error|fail|mismatch' ||
		fail "ntfsresize --info finds errors in $1 (above)"
	last=$(($(le "$1" 40 8) * SECTOR))
	same_bytes "$1" 0 $last "$SECTOR" || fail "the backup boot sector of $1 differs from the primary"
	check_eq "\$MFT in the boot sector" "$(ntfs_start "$1" 0)" "$(le "$1" 48 8)"
	check_eq "\$MFTMirr in the boot sector" "$(ntfs_start "$1" 1)" "$(le "$1" 56 8)"
	ntfscat -f -i 0 "$1" 2>/dev/null | head -c 4096 >mft.head
	ntfscat -f -i 1 "$1" 2>/dev/null | head -c 4096 | cmp - mft.head ||
		fail "the first four MFT records of $1 differ from the mirror"
}

# ntfs_good VOLUME: the first 8 KiB are $Boot's alone, by two judges and by its own sizes
ntfs_good() {
	ntfs_content "$1"
	check_eq "owners of the first 8 KiB of $1" '7 /$Boot/$DATA' "$(ntfs_owners "$1")"
	check_eq "owners of the first 8 KiB of $1, by ntfsmap" "7 0 0 $(((8191 + CLUSTER) / CLUSTER))" \
		"$(ntfsmap -b "$1" 2>/dev/null | awk -F'\t' '{ print $1, $4, $5, $6 }')"
	ntfsmap "$1" 2>/dev/null | awk -F'\t' '$1 == 7 && $2 == "0x80" { exit !($5 >= 8192 && $6 >= 8192) }' ||
		fail "\$Boot of $1 declares fewer than 8192 bytes"
}

# ntfs_spoil OPTION...: vol is bad from now on, but for ntfscluster no tool sees it
ntfs_spoil() {
	quiet mkbadntfs "$@" vol
	ntfs_content vol
	ntfs_owners vol >owners
	grep -qv '^7 ' owners || fail "mkbadntfs $*: ntfscluster finds nothing but \$Boot in the first 8 KiB"
	[ ! -e healthy.map ] || ntfs_same_files vol healthy.map
	ntfs_map vol >bad.map
}

# ---- imgmend

# finding ID FIELD: of the first such finding of the last scan --json
finding() {
	jq -r --arg id "$1" --arg f "$2" '[.findings[] | select(.id == $id)][0] | .[$f] // ""' "$WORK/scan.json"
}

# ntfs_scan IMAGE START WORD...: scan finds the short $Boot and data behind it; the messages
# on the data hold each WORD, paths with slashes of either kind.
ntfs_scan() {
	local img=$1 start=$2 before word
	shift 2
	before=$(state_of "$img")
	run 4 scan --json "$img"
	cp out scan.json
	check_eq "severity of boot-file-short" error "$(finding boot-file-short severity)"
	check_eq "severity of data-in-boot-area" error "$(finding data-in-boot-area severity)"
	check_eq "first byte of the data in the boot area" $((start + BOOT_LEFT)) \
		"$(jq '[.findings[] | select(.id == "data-in-boot-area") | .start] | min' scan.json)"
	jq -r '.findings[] | select(.id == "data-in-boot-area") | .message + " " + .owner' scan.json |
		tr '\\' / >messages
	for word; do
		grep -qF -- "$word" messages ||
			fail "the findings on data-in-boot-area do not name \"$word\": $(cat messages)"
	done
	if [ ! -e said ]; then # once is enough
		run 4 scan "$img"
		says "a scan for people" 'boot area|boot-area'
		touch said
	fi
	check_eq "the image after scan" "$before" "$(state_of "$img")"
}

# ntfs_fix IMAGE: one plan, one fix that does what the plan says, and a second one with nothing to do
ntfs_fix() {
	local img=$1 before
	cp --sparse=always "$img" old.img
	run 4 plan --json "$img"
	cp out plan.json
	check_eq "the image after plan" "$(digest old.img)" "$(digest "$img")"
	run 1 fix --yes "$img"
	checkplan old.img "$img" plan.json || fail "the new image is not what the plan says"
	run 0 scan --json "$img"
	check_eq "error findings after fix" 0 "$(jq '[.findings[] | select(.severity == "error")] | length' out)"
	before=$(state_of "$img")
	run 0 fix --yes "$img"
	check_eq "the image after a second fix" "$before" "$(state_of "$img")"
}

ntfs_undo() {
	run 0 undo --yes "$1"
	check_eq "size after undo" "$(size_of old.img)" "$(size_of "$1")"
	cmp old.img "$1" || fail "undo is not byte-equal to the old image"
	no_journal "$1"
}

# ntfs_round WORD...: the full round on vol, a bare volume
ntfs_round() {
	ntfs_scan vol 0 "$@"
	ntfs_fix vol
	ntfs_good vol
	check_eq "hidden sectors after fix" "$(le old.img 28 4)" "$(le vol 28 4)"
	ntfsinfo -f -m vol 2>/dev/null | grep -qE 'Volume Flags:.*DIRTY' ||
		fail "the repaired volume is not marked dirty"
	[ ! -e healthy.map ] || ntfs_same_files vol bad.map
	ntfs_undo vol
}

# ntfs_refused WHAT REGEX: scan and fix of vol say why, exit with 4, and write nothing
ntfs_refused() {
	local before
	before=$(state_of vol)
	run 4 fix --yes vol
	says "$1" "$2"
	check_eq "$1: the volume after the refusal" "$before" "$(state_of vol)"
	no_journal vol
}
