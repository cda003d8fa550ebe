# recipe-lib.sh - takes the recipes out of imgmend-many(7), so that what is tested is what the page says.
#
# Sourced after lib.sh. A recipe is a display after a comment "recipe: NAME"; $WORK/used has those that a test took.

page=$HERE/../../man/imgmend-many.7

# recipe NAME: the text of the display
recipe() {
	local text
	text=$(awk -v name="$1" '$2 == "recipe:" && $3 == name && NF == 3 { armed = 1 } armed && /^\.Ed/ { exit }
		inside { print } armed && /^\.Bd/ { inside = 1 }' "$page" | sed 's/^\\&//; s/\\e/\\/g')
	[ -n "$text" ] || fail "imgmend-many(7) has no recipe $1"
	echo "$1" >>"$WORK/used"
	printf '%s\n' "$text"
}

# follow STATUS NAME: run the recipe as a shell does that an admin types into
follow() {
	local rc=0
	recipe "$2" >"$WORK/recipe"
	LAST=("$2")
	sh "$WORK/recipe" >"$WORK/out" 2>"$WORK/err" </dev/null || rc=$?
	[ $rc = "$1" ] || { show_last; fail "the recipe $2: expected exit status $1, got $rc"; }
}
