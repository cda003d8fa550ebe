#!/bin/sh
# check.sh - builds everything from nothing in build/ and runs every test that make check knows.
#
#	check.sh [--whole]		--whole: the sanitizers' build and the tarball's run every test too
#
# Stages: what is missing is installed; every source file is in a list, and what the packages say agrees with
# the rest (package.sh --lists; packages are made by package.sh alone); bootstrap; a build with
# -Werror and its make check; a build with AddressSanitizer and UndefinedBehaviorSanitizer in
# build/sanitize and its make check-sanitized; make distcheck-tarball. Which tests these two run is
# in tests/Makemodule.am.
# The output of a stage is kept in build/logs and shown when it fails. A skip that
# tests/expected-skips does not name is a failure. The last line sums up the results of both builds.
set -u
export LC_ALL=C
unset MAKEFLAGS MFLAGS MAKELEVEL

top=$(cd "$(dirname "$0")/.." && pwd) || exit 1
cd "$top" || exit 1
IMGMEND_SHARED_IMAGES=${IMGMEND_SHARED_IMAGES-$top/../shared/images}
export IMGMEND_SHARED_IMAGES
jobs=$(nproc)
sanitized=check-sanitized tarball=distcheck-tarball
case ${1-} in
'') ;;
--whole) sanitized=check tarball=distcheck ;;
*) echo "usage: check.sh [--whole]" >&2; exit 16 ;;
esac
logs=$top/build/logs
verdict=0

fail() {
	echo "FAILED: $*"
	verdict=1
}

# stage NAME FUNCTION: returns what the function does, its output goes to the log.
stage() {
	began=$(date +%s)
	if "$2" > "$logs/$1.log" 2>&1; then
		printf '%-22s ok, %d s\n' "$1" $(($(date +%s) - began))
		return 0
	fi
	cat "$logs/$1.log"
	fail "$1, after $(($(date +%s) - began)) s (build/logs/$1.log)"
	return 1
}

# A file that no list names is neither built nor shipped, and nobody would notice.
unlisted() {
	cat Makefile.am ./*/Makemodule.am | sed 's/#.*//' | tr -s ' \t\\' '\n' > "$logs/listed"
	found=0
	# A build of packages leaves other things in debian/.
	for file in $(find build-aux lib src tests -type f \( -name '*.[ch]' -o -name '*.sh' -o -name '*.patch' \) ! -name ltmain.sh | sort) \
		$(git ls-files debian contrib 2> /dev/null); do
		grep -qxF -e "$file" -e "${file%.c}" "$logs/listed" && continue
		echo "$file is in no Makemodule.am, nor in Makefile.am"
		found=1
	done
	return $found
}

packaging() { sh build-aux/package.sh --lists; }
bootstrap() { autoreconf -fi; }

# compile FOLDER CONFIGURE-OPTION...
compile() {
	folder=$1
	shift
	mkdir -p "$folder" && (cd "$folder" && "$top/configure" "$@" && make -j"$jobs")
}

build() { compile build --enable-werror; }
check() { make -C build -j"$jobs" check VERBOSE=1; }
# Without the static library every file is compiled once; the first build has both.
build_sanitized() { compile build/sanitize --enable-werror --enable-sanitizers --disable-static; }
check_sanitized() { CK_TIMEOUT_MULTIPLIER=10 make -C build/sanitize -j"$jobs" $sanitized VERBOSE=1; }
distcheck() { make -C build -j"$jobs" $tarball DISTCHECK_CONFIGURE_FLAGS='--enable-werror --disable-static CFLAGS=-O0' VERBOSE=1; }

run_stages() {
	stage listed unlisted
	stage packaging packaging
	stage bootstrap bootstrap && stage build build || return
	stage check check
	stage build-sanitized build_sanitized && stage check-sanitized check_sanitized
	stage distcheck distcheck
}

# is_expected TEST REASON
is_expected() {
	case $2 in
	*"shared images"*) [ -d "$IMGMEND_SHARED_IMAGES" ] || return 0 ;;
	esac
	while read -r name pattern; do
		case $name in
		'' | '#'*) continue ;;
		esac
		[ "$name" = "$1" ] && printf '%s\n' "$2" | grep -Eq "^($pattern)" && return 0
	done < tests/expected-skips
	return 1
}

passed=0 failed=0 skipped=0
count_results() {
	find build -path 'build/imgmend-*' -prune -o -name '*.trs' -print | sort > "$logs/results"
	while read -r result; do
		test=${result%.trs}
		case $(sed -n 's/^:global-test-result: //p' "$result") in
		PASS | XFAIL) passed=$((passed + 1)) ;;
		SKIP)
			skipped=$((skipped + 1))
			reason=$(sed -n 's/^SKIP: //p' "$test.log" | tail -n 1)
			name=$(echo "$test" | sed 's|^build/\(sanitize/\)\{0,1\}||')
			[ -f "$name" ] || name=$name.sh
			echo "skipped: ${test#build/}: ${reason:-no reason given}"
			is_expected "$name" "$reason" || fail "tests/expected-skips does not expect this skip"
			;;
		*)
			failed=$((failed + 1))
			fail "${test#build/}"
			;;
		esac
	done < "$logs/results"
}

sh build-aux/deps.sh build test || exit 1
if [ -f config.status ]; then
	echo "check.sh: this tree was configured in place; run make distclean first" >&2
	exit 1
fi
rm -rf build
mkdir -p "$logs"

run_stages
count_results
[ $passed -gt 0 ] || fail "no test passed"
echo "$passed passed, $failed failed, $skipped skipped"
exit $verdict
