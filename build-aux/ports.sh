#!/bin/sh
# ports.sh - builds for machines of other kinds, and runs the tests of the library there.
#
#	ports.sh [i386] [s390x]		default: both
#
# i386 has a size_t of 32 bits, for sizes that overflow; s390x has the high byte first. For each a
# Debian system is made in build/ports/ARCH/root: of this machine's own kind, so that compiler and
# tools run at full speed, with a cross compiler and the libraries of the other kind. There the tree
# is built in build/ports/ARCH/build, with -Werror, and the unit tests and the crash campaigns run;
# on i386, which this machine can execute, those at the command line and on whole images too, on
# s390x under qemu in user mode. What is left out is named with the reason. The output of make is
# kept in build/ports/ARCH/*.log.
#
# Needs root (mount, chroot), an amd64 machine and the network; a root made before is used again.
# SUITE=... chooses another Debian release than bookworm, MIRROR=... another archive. The archive's
# updates are left out: they come for fewer kinds of machines, and libraries of two kinds go together
# in one version only.
set -u
export LC_ALL=C
unset MAKEFLAGS MFLAGS MAKELEVEL

top=$(cd "$(dirname "$0")/.." && pwd) || exit 1
cd "$top" || exit 1
jobs=$(nproc)
passed=0 failed=0 skipped=0

give_up() {
	printf 'ports.sh: %s\n' "$*" >&2
	exit 1
}

# choose ARCH: what is different about it
choose() {
	arch=$1
	place=$top/build/ports/$arch
	emulator= extra= left_out=
	case $arch in
	i386)
		triplet=i386-linux-gnu host=i686-linux-gnu
		# It compiles with the gcc of the machine's own kind.
		left_out=tests/crash/mutants.sh
		;;
	s390x)
		triplet=s390x-linux-gnu host=s390x-linux-gnu
		emulator=qemu-s390x-static extra=qemu-user-static
		# These run the foreign libraries in child processes, and qemu has no seccomp for the sandbox.
		left_out="tests/unit/check_child tests/unit/check_plan tests/unit/check_witness"
		;;
	*) echo "usage: ports.sh [i386] [s390x]" >&2; exit 16 ;;
	esac
}

# Two tools can be had for one kind of machine at a time only, and ntfs-3g-dev wants the foreign one.
packages() {
	sh build-aux/deps.sh -l tools
	[ -n "$emulator" ] || sh build-aux/deps.sh -l test | sed "s/^\(ntfs-3g\|exfat-fuse\)\$/&:$arch/"
	sh build-aux/deps.sh -l libs | sed "s/\$/:$arch/"
	printf '%s\n' "gcc-$host" $extra
}

# A root is good as long as the packages in it are those that are wanted.
make_root() {
	packages > "$place/packages"
	! cmp -s "$place/packages" "$place/root.made" || return 0
	rm -rf "$place/root" "$place/root.made"
	mmdebstrap --architectures="$(dpkg --print-architecture),$arch" --variant=essential \
		--include="$(packages | paste -s -d ,)" "${SUITE:-bookworm}" "$place/root" \
		"${MIRROR:-http://deb.debian.org/debian}" &&
		cp "$place/packages" "$place/root.made"
}

# inside COMMAND: run by the shell in the root, in the folder of the build. The mounts end with it.
inside() {
	mkdir -p "$place/root/imgmend" "$place/build" "$place/root/build" || return
	unshare --mount --pid --fork sh -c '
		mount --bind "$1" "$2/root/imgmend" && mount --bind "$2/build" "$2/root/build" &&
			mount -t proc proc "$2/root/proc" && mount --rbind /dev "$2/root/dev" &&
			mount --rbind /sys "$2/root/sys" || exit
		exec chroot "$2/root" /usr/bin/env -i LC_ALL=C HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin \
			sh -c "cd /build && $3"' sh "$top" "$place" "$1"
}

bootstrap() { inside "cd /imgmend && autoreconf -fi"; }

compile() {
	inside "export PKG_CONFIG_LIBDIR=/usr/lib/$triplet/pkgconfig:/usr/share/pkgconfig
		/imgmend/configure --host=$host --enable-werror --with-ntfs-3g --with-ext2fs &&
		make -j$jobs && make -j$jobs check TESTS="
}

# Runs the tests that variables of the Makefile list, but for those that are left out.
# run_tests NAME VARIABLE...
run_tests() {
	name=$1
	shift
	lists=
	for list; do
		lists="$lists \$($list)"
	done
	printf 'include Makefile\nlists:\n\t@echo %s\n' "$lists" > "$place/build/tests.mk"
	tests=" $(inside "make -s -f tests.mk lists") " || return
	for test in $left_out; do
		case $tests in
		*" $test "*)
			tests="${tests%" $test "*} ${tests#*" $test "}"
			echo "left out on $arch: $test"
			;;
		esac
	done
	inside "make -j$jobs check TESTS='$tests' LOG_COMPILER='timeout -k 10 1800 $emulator' VERBOSE=1" \
		> "$place/$name.log" 2>&1 || tail -n 100 "$place/$name.log"
}

# Adds up what the tests of this machine said.
count_results() {
	find "$place/build/tests" -name '*.trs' | sort > "$place/results"
	while read -r result; do
		test=${result%.trs}
		case $(sed -n 's/^:global-test-result: //p' "$result") in
		PASS | XFAIL) passed=$((passed + 1)) ;;
		SKIP)
			skipped=$((skipped + 1))
			echo "skipped on $arch: ${test#"$place/build/"}: $(sed -n 's/^SKIP: //p' "$test.log" | tail -n 1)"
			;;
		*)
			failed=$((failed + 1))
			echo "FAILED on $arch: ${test#"$place/build/"}"
			;;
		esac
	done < "$place/results"
	[ -s "$place/results" ] || { failed=$((failed + 1)); echo "FAILED on $arch: no test was run"; }
}

# step NAME FUNCTION: its output goes to a log, and is shown when it fails.
step() {
	began=$(date +%s)
	if "$2" > "$place/$1.log" 2>&1; then
		printf '%s: %s ok, %d s\n' "$arch" "$1" $(($(date +%s) - began))
		return 0
	fi
	tail -n 60 "$place/$1.log"
	failed=$((failed + 1))
	echo "FAILED on $arch: $1, after $(($(date +%s) - began)) s (${place#"$top/"}/$1.log)"
	return 1
}

port() {
	choose "$1"
	mkdir -p "$place" || exit 1
	step root make_root && step bootstrap bootstrap && step build compile || return
	find "$place/build/tests" -name '*.trs' -exec rm -f {} +
	run_tests library UNIT_TESTS CRASH_TESTS
	[ -n "$emulator" ] || run_tests program CRASH_CASES CLI_TESTS IMAGE_TESTS BOOT_TESTS
	count_results
}

[ $# -gt 0 ] || set -- i386 s390x
for wanted; do
	choose "$wanted"
done
[ "$(id -u)" = 0 ] || give_up "making a root needs root"
[ ! -f config.status ] || give_up "this tree was configured in place; run make distclean first"
sh build-aux/deps.sh ports || exit 1

for wanted; do
	port "$wanted"
done
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ] && [ $passed -gt 0 ]
