#!/usr/bin/env bash
# completion.sh - the scripts for bash, zsh and fish are scripts, complete what --help lists, and know the words of options; words
# that are misspelt are answered with the right ones.
set -eu
. "$(dirname "${BASH_SOURCE[0]}")/../image/lib.sh"
needs zsh fish
verbs=$("$IMGMEND" --help | sed -n 's/^  \([a-z]*\)  .*/\1/p')
[ "$(echo "$verbs" | wc -l)" -ge 9 ] || fail "imgmend --help lists only: $verbs"
for shell in bash zsh fish; do
	run 0 --completion=$shell
	cp out script.$shell
	$shell -n script.$shell || fail "the script for $shell is none"
done
run 16 --completion=csh

# completed WORD...: what bash offers for the last one
completed() {
	bash -c 'compopt() { :; }; . ./script.bash; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _imgmend; printf "%s\n" "${COMPREPLY[@]-}"' \
		bash "$@"
}

check_eq "verbs after s" "scan snapshots status" "$(completed imgmend s | sort | tr '\n' ' ' | sed 's/ $//')"
zsh=$(cat script.zsh) fish=$(cat script.fish)
for verb in $verbs; do
	offered=$'\n'$(completed imgmend "$verb" - | tr -d =)$'\n'
	for option in $("$IMGMEND" "$verb" --help | sed -n 's/^  *\(-[a-zA-Z]\), \(--[a-z0-9-]*\).*/\1 \2/p; t
		s/^  *\(--*[a-zA-Z][a-z0-9-]*\).*/\1/p'); do
		[[ $offered = *$'\n'"$option"$'\n'* ]] || fail "bash is not offered $option of $verb"
		[[ $zsh = *"${option##*-}"* ]] || fail "zsh does not know $option"
		[[ $fish = *" ${option##--}"* || $fish = *" ${option#-}"* ]] || fail "fish does not know $option"
	done
done
check_eq "the words of --strategy" "reflink" "$(completed imgmend fix --strategy = r)"
check_eq "the words of --color" "always auto never" "$(completed imgmend scan --color = | sort | tr '\n' ' ' | sed 's/ $//')"
touch image.raw
check_eq "files" "image.raw" "$(completed imgmend plan im)"

# fish can be asked itself
fish -c 'source script.fish; complete -C "imgmend res"' 2>fish.err | cut -f1 | sort | tr '\n' ' ' >got
check_eq "what fish offers for res" "rescue resume " "$(cat got)"

# ---- misspelt

run 16 rescu image.raw
says "a misspelt verb" 'did you mean "rescue"'
run 16 scann image.raw
says "a misspelt verb" 'did you mean "scan"'
run 16 frobnicate image.raw
! grep -q "did you mean" err || fail "a word that is nothing like a verb is taken for one"
run 16 fix --dryrun image.raw
says "a misspelt option" "did you mean --dry-run"
run 16 fix --jornal=x image.raw
says "a misspelt option with a value" "did you mean --journal"
run 16 scan --yes image.raw
says "another verb's option" "goes with:.* fix "
run 16 plan image.raw --align
says "a value that lacks" "wants a value"
run 16 fix --yes=1 image.raw
says "a value too many" "takes no value"
run 16 fix -Z image.raw
says "an unknown letter" 'no option "-Z"'
