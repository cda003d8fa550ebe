# cycle.sh - one full round on a bad image: scan, plan, dry run, copy, fix, fix again, undo, fix by plan.
#
# Sourced after lib.sh. Before full_cycle the script sets
#	VOLUMES	array of "NUMBER:FS:NAME:HIDDEN": the partition's number (0: no table), what
#		make_volume made in it, and what its position field counts from: the disk (abs),
#		its EBR (ebr), or nothing (none)
#	OPTS	array of options for plan and fix (optional)
#	JOPTS	array with "--journal FILE" for fix, resume and undo (optional, else the default)
# Foreign tools judge the result; checkplan compares every byte with the plan.

VOLUMES=()
OPTS=()
JOPTS=()

# layout IMAGE: "number start size type active name uuid attributes", in bytes, by sfdisk (fdisk
# where the sectors are of 4096 bytes, which sfdisk cannot be told of a file).
layout() {
	if [ "$SECTOR" = 512 ] || [ -b "$1" ]; then
		sfdisk -J "$1" 2>"$WORK/sfdisk.err" | jq -r --argjson s "$SECTOR" '.partitiontable.partitions[] |
			[(.node | capture("(?<n>[0-9]+)$").n), .start * $s, .size * $s, .type, .bootable // "-",
			.name // "-", .uuid // "-", .attrs // "-"] | @tsv' | sort -n
	else
		fdisk -b "$SECTOR" -l -o Device,Start,Sectors,Id,Boot "$1" 2>"$WORK/sfdisk.err" |
			awk -v s="$SECTOR" -v OFS='\t' 'seen && NF { sub(/.*[^0-9]/, "", $1)
				print $1, $2 * s, $3 * s, $4, $5 == "" ? "-" : $5, "-", "-", "-" }
				/^Device/ { seen = 1 }' | sort -n
	fi
}

# predicted OLD-LAYOUT PLAN: the old layout with the plan's new positions in it.
predicted() {
	jq -r '.partitions[] | [.number, .old_start, .new_start, .size] | @tsv' "$2" |
		awk -F'\t' -v OFS='\t' 'NR == FNR { old[$1] = $2; new[$1] = $3; size[$1] = $4; next }
			$1 in new {
				if (old[$1] != $2) { print "partition " $1 " was at " $2 ", the plan says " old[$1]; exit }
				$2 = new[$1]; $3 = size[$1]
			}
			{ print }' - "$1"
}

label_id() {
	if [ "$SECTOR" = 512 ] || [ -b "$1" ]; then
		sfdisk -J "$1" 2>/dev/null | jq -r '.partitiontable | .label + " " + .id'
	else
		fdisk -b "$SECTOR" -l "$1" | grep -E '^Dis(klabel type|k identifier)'
	fi
}

# check_table IMAGE: sfdisk and parted read the predicted layout, and find nothing to complain of.
check_table() {
	layout "$1" >"$WORK/new.layout"
	diff -u "$WORK/predicted.layout" "$WORK/new.layout" ||
		fail "sfdisk does not read the layout that the plan predicts (above: - predicted, + read)"
	check_eq "label and identifier" "$(cat "$WORK/old.id")" "$(label_id "$1")"
	PARTED_SECTOR_SIZE=$SECTOR parted -sm "$1" unit B print 2>"$WORK/parted.err" >"$WORK/parted.out" ||
		fail "parted cannot read the new table: $(cat "$WORK/parted.err")"
	awk -F: '/^[0-9]+:/ { sub(/B$/, "", $2); sub(/B$/, "", $3); print $1, $2, $3 }' "$WORK/parted.out" |
		sort -n >"$WORK/parted.layout"
	awk '{ printf "%d %.0f %.0f\n", $1, $2, $2 + $3 - 1 }' "$WORK/predicted.layout" |
		diff -u - "$WORK/parted.layout" ||
		fail "parted does not read the layout that the plan predicts (above: - predicted, + read)"
	! grep -iE '^(warning|error)' "$WORK/parted.err" || fail "parted complains of the new table"
	if [ "$SECTOR" = 512 ]; then
		sfdisk -V "$1" >"$WORK/sfdisk.out" 2>&1 && grep -q 'No errors detected' "$WORK/sfdisk.out" ||
			fail "sfdisk -V finds errors in the new table: $(cat "$WORK/sfdisk.out")"
	fi
	cmp -s -n 440 "$WORK/old.img" "$1" || fail "the boot code in bytes 0-439 changed"
	cmp -s -n 6 -i 440 "$WORK/old.img" "$1" || fail "the disk identifier in bytes 440-445 changed"
}

# ebr_before IMAGE START: the position (bytes) of the EBR whose logical partition starts at START.
ebr_before() {
	local extended ebr n
	extended=$(awk -F'\t' '$4 == "5" || $4 == "f" { print $2 }' "$WORK/new.layout")
	ebr=$extended
	for n in 1 2 3 4 5 6 7 8; do
		[ $((ebr + $(le "$1" $((ebr + 454)) 4) * SECTOR)) = "$2" ] && echo "$ebr" && return
		ebr=$((extended + $(le "$1" $((ebr + 470)) 4) * SECTOR))
		[ "$ebr" != "$extended" ] || break
	done
	fail "no EBR leads to the logical partition at $2 (looked at $n)"
}

# volume_place NUMBER: sets VSTART and VSIZE, in bytes, of the volume in the corrected image.
volume_place() {
	local shift
	if [ "$1" = 0 ]; then
		shift=$(jq '[.segments[] | select(.kind == "from") | .start - .from] | unique | .[]' "$WORK/plan.json")
		[ "$(echo "$shift" | wc -w)" = 1 ] || fail "the plan moves a lone volume by several distances: $shift"
		VSTART=$((BARE_START + shift)) VSIZE=$BARE_SIZE
	else
		read -r VSTART VSIZE < <(awk -F'\t' -v n="$1" '$1 == n { print $2, $3 }' "$WORK/new.layout")
	fi
	[ "$VSTART" -ge 8192 ] || fail "volume $1 starts at $VSTART, below 8192"
}

# check_volumes IMAGE
check_volumes() {
	local row number fs name base hidden
	for row in "${VOLUMES[@]}"; do
		IFS=: read -r number fs name base <<<"$row"
		volume_place "$number"
		case $base in
		ebr) hidden=$(((VSTART - $(ebr_before "$1" "$VSTART")) / SECTOR)) ;;
		*) hidden=$((VSTART / SECTOR)) ;;
		esac
		cut_out "$1" "$VSTART" "$VSIZE" "$WORK/cut.vol"
		[ "$base" = none ] || check_position "$fs" "$WORK/cut.vol" "$hidden" "$name"
		check_fs "$fs" "$WORK/cut.vol" "$name"
		rm "$WORK/cut.vol"
		[ "$fs" != fat16 ] || mdir -i "$1@@$VSTART" :: >/dev/null || fail "mdir cannot list $name in its place"
	done
}

# check_scan IMAGE FINDING: scan and plan report the finding and write nothing.
check_scan() {
	local before
	before=$(state_of "$1")
	run 4 scan --json "${SOPTS[@]}" "$1"
	check_eq "documents in the output of scan" 1 "$(jq -c . "$WORK/out" | wc -l)"
	check_eq "severity of the finding $2" error \
		"$(jq -r --arg id "$2" '[.findings[] | select(.id == $id)][0].severity' "$WORK/out")"
	check_eq "schema of scan" imgmend.scan/1 "$(jq -r .schema "$WORK/out")"
	check_eq "size in scan" "$(size_of "$1")" "$(jq .size "$WORK/out")"
	check_eq "sector size in scan" "$SECTOR" "$(jq .sector_size "$WORK/out")"
	run 4 plan --json "${OPTS[@]}" "$1"
	cp "$WORK/out" "$WORK/plan.json"
	check_eq "schema of plan" imgmend.plan/1 "$(jq -r .schema "$WORK/plan.json")"
	run 4 plan "${OPTS[@]}" "$1"
	run 4 fix -n "${OPTS[@]}" "$1"
	check_eq "the image after scan, plan and fix -n" "$before" "$(state_of "$1")"
}

# check_fixed IMAGE: the image is what the plan says, and good in the eyes of the foreign tools.
check_fixed() {
	checkplan "$WORK/old.img" "$1" "$WORK/plan.json" || fail "the new image is not what the plan says"
	if [ -s "$WORK/old.layout" ]; then
		predicted "$WORK/old.layout" "$WORK/plan.json" >"$WORK/predicted.layout"
		check_table "$1"
	fi
	check_volumes "$1"
	run 0 scan --json "${SOPTS[@]}" "$1"
	check_eq "error findings after fix" 0 "$(jq '[.findings[] | select(.severity == "error")] | length' "$WORK/out")"
}

# check_undone IMAGE
check_undone() {
	run 0 undo --yes "${JOPTS[@]}" "$1"
	check_eq "size after undo" "$(size_of "$WORK/old.img")" "$(size_of "$1")"
	check_eq "content after undo" "$OLD_SHA" "$(digest "$1")"
	no_journal "$1"
	[ ${#JOPTS[@]} = 0 ] || [ ! -e "${JOPTS[1]}" ] || fail "undo left the journal ${JOPTS[1]} behind"
}

# full_cycle IMAGE FINDING
full_cycle() {
	local img=$1 new_sha before
	SOPTS=()
	[ "$SECTOR" = 512 ] || [ -n "${NO_SECTOR_OPTION:-}" ] || SOPTS=(--sector-size "$SECTOR")
	OPTS+=("${SOPTS[@]}")
	dd if="$img" of="$WORK/old.img" bs=1M conv=sparse status=none
	truncate -s "$(size_of "$img")" "$WORK/old.img"
	OLD_SHA=$(digest "$img")
	: >"$WORK/old.layout"
	if [ "${VOLUMES[0]%%:*}" != 0 ]; then
		layout "$img" >"$WORK/old.layout"
		label_id "$img" >"$WORK/old.id"
	fi
	check_scan "$img" "$2"

	before=$(state_of "$img")
	run 1 fix --yes "${OPTS[@]}" --output "$WORK/copy.img" "$img"
	check_eq "the old image after fix --output" "$before" "$(state_of "$img")"
	no_journal "$img"
	check_fixed "$WORK/copy.img"
	new_sha=$(digest "$WORK/copy.img")
	rm "$WORK/copy.img"

	run 1 fix --yes "${OPTS[@]}" "${JOPTS[@]}" "$img"
	check_eq "content after fix in place, beside fix --output" "$new_sha" "$(digest "$img")"
	check_fixed "$img"
	before=$(state_of "$img")
	run 0 fix --yes "${OPTS[@]}" "${JOPTS[@]}" "$img"
	check_eq "the image after a second fix" "$before" "$(state_of "$img")"
	check_undone "$img"

	run 4 plan -o "$WORK/saved.plan" "${OPTS[@]}" "$img"
	run 1 fix --plan "$WORK/saved.plan" --yes "${JOPTS[@]}" "$img"
	check_eq "content after fix --plan, beside fix" "$new_sha" "$(digest "$img")"
	check_undone "$img"
}
