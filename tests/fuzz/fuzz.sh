#!/bin/sh
# fuzz.sh - builds the fuzz targets with clang and runs them, each for a time; called by `make fuzz`.
#
#	fuzz.sh SECONDS [TARGET...]		SECONDS 0: only build
#
# The environment says what the Makefile knows: srcdir, FUZZ_TARGETS (all there are), FUZZ_SOURCES (of the library),
# FUZZ_CPPFLAGS, FUZZ_LIBS; and from the user CLANG, FUZZ_JOBS (targets at a time, 1). Everything is built and kept
# in fuzz/ of the build folder: the targets, their logs, and the inputs found so far, from which the next run goes
# on. An input that breaks a target goes to tests/fuzz/corpus/TARGET, where make check runs it from then on.
# Exit status 1: there is such an input.
set -u

# Run one target; for xargs, below.
run() {
	case $1 in
	plan) dict=plan ;;
	*) dict=formats ;;
	esac
	mkdir -p "$out/found/$1" "$here/corpus/$1"
	ASAN_OPTIONS="quarantine_size_mb=16:malloc_context_size=12:${ASAN_OPTIONS-}" nice -n 10 \
		"$out/fuzz_$1" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -malloc_limit_mb=256 -max_len=65536 \
		-report_slow_units=1000 -print_final_stats=1 -dict="$here/$dict.dict" \
		-artifact_prefix="$here/corpus/$1/" "$out/found/$1" "$here/corpus/$1" > "$out/$1.log" 2>&1
	status=$?
	printf '%-12s %10s executions, %6s edges, %5s inputs%s\n' "$1" \
		"$(sed -n 's/^stat::number_of_executed_units: *//p' "$out/$1.log")" \
		"$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$out/$1.log" | tail -n 1)" \
		"$(sed -n 's/.* corp: \([0-9]*\).*/\1/p' "$out/$1.log" | tail -n 1)" \
		"$(sed -n 's/^.*Test unit written to /; /p' "$out/$1.log")"
	return $status
}

if [ "$1" = run ]; then
	run "$2"
	exit
fi

seconds=$1
shift
[ $# -gt 0 ] || set -- $FUZZ_TARGETS
clang=${CLANG:-clang}
flags='-std=gnu17 -O1 -g -fno-omit-frame-pointer -fno-sanitize-recover=undefined'
out=fuzz
here=$srcdir/tests/fuzz

if ! command -v "$clang" > /dev/null; then
	echo "make fuzz needs clang (sh build-aux/deps.sh fuzz)" >&2
	exit 2
fi
mkdir -p "$out/obj"

# compile SOURCE SANITIZERS: prints the commands for what is out of date
newest=$(find "$srcdir/lib" "$here" -name '*.h' -newer "$out/built" 2> /dev/null | head -n 1)
[ -f "$out/built" ] || newest=everything
compile() {
	object=$out/obj/$(echo "$1" | tr / -).o
	[ -z "$newest" ] && [ "$object" -nt "$srcdir/$1" ] && return
	echo "$clang $flags -fsanitize=$2,address,undefined $FUZZ_CPPFLAGS -DLOCALEDIR='\"/\"' -c -o $object $srcdir/$1"
}

lib_objects=
for source in $FUZZ_SOURCES; do
	case $source in
	lib/adapt/hive.c | lib/adapt/ntfs_repair.c) ;;
	lib/adapt/* | lib/api/* | *.h) continue ;;	# other libraries are stubs here
	esac
	lib_objects="$lib_objects $out/obj/$(echo "$source" | tr / -).o"
	compile "$source" fuzzer-no-link
done > "$out/commands"
for source in device mutate oracle seal stubs $(printf 'fuzz_%s ' $FUZZ_TARGETS); do
	compile "tests/fuzz/$source.c" fuzzer-no-link
done >> "$out/commands"
echo "compiling $(wc -l < "$out/commands") files"
tr '\n' '\0' < "$out/commands" | xargs -0 -r -n 1 -P "$(nproc)" sh -c || exit 2
touch "$out/built"

common=$(printf "$out/obj/tests-fuzz-%s.c.o " device oracle seal stubs)
for target; do
	case $target in
	plan | map) mutator= ;;
	*) mutator=$out/obj/tests-fuzz-mutate.c.o ;;
	esac
	$clang -fsanitize=fuzzer,address,undefined -o "$out/fuzz_$target" "$out/obj/tests-fuzz-fuzz_$target.c.o" \
		$mutator $common $lib_objects $FUZZ_LIBS -pthread || exit 2
done
[ "$seconds" -gt 0 ] || exit 0

# One after the other, or FUZZ_JOBS at a time; xargs ends with 123 when one of them failed.
export seconds out here
printf '%s\n' "$@" | xargs -n 1 -P "${FUZZ_JOBS:-1}" sh "$0" run || exit 1
