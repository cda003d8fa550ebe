#!/bin/sh
# package.sh - makes the archive and the packages for Debian 12, proves that they can be reproduced, and tests them.
#
#	package.sh		everything, as root; the last line is the verdict
#	package.sh --lists	only compares what the packages say with what the rest of the tree says
#
# Stages: the lists agree; what is missing is installed; the archive of `make dist` is made twice, and the Debian packages
# twice from it, the second time in a folder of another name, 400 days later, in another time zone, language and umask, by
# one job: every file must come out the same; lintian finds neither errors nor warnings in the packages, nor in a source
# package that is made straight from the tree; autopkgtest installs the packages here and runs debian/tests; the RPM
# packages are made, and rpmlint finds no error in them.
#
# All of that happens in a copy of the files that git knows, in /tmp; the tree stays as it is. The archive, the packages
# and the output of each stage are in build/packages afterwards. What autopkgtest installed is removed again.
set -u
unset MAKEFLAGS MFLAGS MAKELEVEL DEB_BUILD_OPTIONS DEB_BUILD_PROFILES SOURCE_DATE_EPOCH
export LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive

top=$(cd "$(dirname "$0")/.." && pwd) || exit 1
cd "$top" || exit 1
out=$top/build/packages
work=
verdict=0

give_up() {
	printf 'package.sh: %s\n' "$*" >&2
	exit 1
}

# ---- what stands in more than one place

version() { sed -n 's/^AC_INIT(\[imgmend\], \[\([^]]*\)\].*/\1/p' configure.ac; }

# same WHAT FOUND EXPECTED: complains and shows the difference.
same() {
	[ "$2" != "$3" ] || return 0
	echo "$1:"
	printf '%s\n' "$2" > "$work/found"
	printf '%s\n' "$3" | diff -u --label expected --label found - "$work/found"
	disagree=1
}

# What Debian's packages are built with: deps.sh, without what debhelper and build-essential bring, and debian/control.
wanted_for_debian() {
	sh build-aux/deps.sh -l build | grep -vxE 'autoconf|automake|autopoint|libtool|gcc|libc6-dev|make|xz-utils' | sort
}
named_by_debian() {
	sed -n '/^Build-Depends:/,/^Standards-Version:/p' debian/control |
		sed -e 's/^Build-Depends://' -e '/^Standards-Version:/d' -e 's/([^)]*)\|<[^>]*>\|,//g' | tr -d ' ' | grep -vx debhelper-compat | sort
}

# What configure asks pkg-config for, and what the RPM packages are built with.
wanted_for_rpm() {
	sed -n -e 's/.*PKG_CHECK_MODULES(\[[A-Z0-9_]*\], \[\([^]]*\)\].*/\1/p' \
		-e 's/^IM_WITNESS(\[[^]]*\], \[[^]]*\], \[\([^]]*\)\].*/\1/p' configure.ac | grep -vF '$' |
		sed 's/\([^ ]\) \([a-z]\)/\1\n\2/g' | sort
}
named_by_rpm() { sed -n 's/^BuildRequires: *pkgconfig(\(.*\))/\1/p' contrib/rpm/imgmend.spec | sort; }

lists() {
	disagree=0
	same "debian/control builds with other packages than deps.sh names" "$(named_by_debian)" "$(wanted_for_debian)"
	same "imgmend.spec builds with other modules than configure.ac names" "$(named_by_rpm)" "$(wanted_for_rpm)"
	same "debian/libimgmend0.symbols has other symbols than lib/libimgmend.map" \
		"$(sed -n 's/^ \(imgmend_[a-z0-9_]*\)@.*/\1/p' debian/libimgmend0.symbols | sort)" \
		"$(sed -n 's/^\t\(imgmend_[a-z0-9_]*\);$/\1/p' lib/libimgmend.map | sort)"
	same "debian/changelog is about another version than configure.ac" \
		"$(sed -n '1s/^imgmend (\(.*\)) .*/\1/p' debian/changelog)" "$(version)"
	same "imgmend.spec is about another version than configure.ac" \
		"$(sed -n 's/^Version: *//p' contrib/rpm/imgmend.spec)" "$(version)"
	return $disagree
}

# ---- building, twice

copy_tree() {
	mkdir -p "$1" || return
	if [ -e .git ]; then
		git ls-files -z | tar -c --null -T - | tar -x -C "$1"
	else
		tar -c --exclude=./build . | tar -x -C "$1"
	fi
}

# there WHERE COMMAND...: runs it as the first or as the second build.
there() {
	place=$1
	shift
	case $place in
	first) (umask 022 && env TZ=UTC DEB_BUILD_OPTIONS="parallel=$(nproc)" "$@") ;;
	*) (umask 002 && env TZ=Pacific/Kiritimati LC_ALL=C HOME=/nonexistent USER=nobody DEB_BUILD_OPTIONS='parallel=1 nocheck' \
		faketime -f +400d "$@") ;;
	esac
}

make_archive() {
	copy_tree "$work/$1/tree" && cd "$work/$1/tree" &&
		there "$1" sh -c 'autoreconf -fi && mkdir ../build && cd ../build && ../tree/configure && make dist'
}
archive_first() (make_archive first)
archive_second() (make_archive second-in-another-folder)

# Only the archive is unpacked: it has everything that packages need.
make_debian() {
	mkdir "$work/$1/debian" && cd "$work/$1/debian" && there "$1" tar -xf "../build/$archive" &&
		cd "$name" && there "$1" dpkg-buildpackage -us -uc
}
debian_first() (make_debian first)
debian_second() (make_debian second-in-another-folder)

sums() (cd "$1" && sha256sum -- $2)

# equal FOLDER PATTERN: what both builds made there is the same to the byte.
equal() {
	sums "$work/first/$1" "$2" > "$work/sums" && [ -s "$work/sums" ] || return
	sums "$work/second-in-another-folder/$1" "$2" | diff -u "$work/sums" - && cat "$work/sums"
}
archive_equal() { equal build "$archive"; }
debian_equal() { equal debian '*.deb *.dsc *.tar.xz'; }

# ---- judging

judge() { lintian --allow-root --display-info --pedantic --fail-on error,warning "$@"; }
lint_packages() { judge "$work"/first/debian/*.changes; }
# A tree of the repository has fewer files than the archive.
lint_tree() (
	mkdir "$work/source" && copy_tree "$work/source/$name" && cd "$work/source" && dpkg-source -b "$name" && judge ./*.dsc
)

installed() { dpkg-query -W -f='${db:Status-Status} ${binary:Package}\n' | sed -n 's/^installed //p' | sort; }
apt_files() { find /etc/apt -type f | sort; }

before_tests() {
	installed > "$work/packages"
	apt_files > "$work/apt-files"
}
# What was not there before the tests goes.
after_tests() {
	[ -e "$work/packages" ] || return 0
	apt_files | comm -13 "$work/apt-files" - | xargs -r -d '\n' rm -f --
	installed | comm -13 "$work/packages" - > "$work/added"
	# Split into words on purpose.
	[ ! -s "$work/added" ] || apt-get -q -y -o DPkg::Lock::Timeout=300 purge $(cat "$work/added") || return
	rm "$work/packages"
}

test_installed() {
	if installed | grep -E '^(imgmend|libimgmend|nbdkit-plugin-imgmend)'; then
		echo "These packages are installed here already, and would be replaced and removed: remove them first."
		return 1
	fi
	before_tests
	autopkgtest "$work"/first/debian/*.deb "$work/first/debian/$name/" -- null
	status=$?
	after_tests && return $status
}

rpm_build() {
	rpmspec -P contrib/rpm/imgmend.spec > /dev/null && mkdir "$work/rpm" &&
		rpmbuild --define "_topdir $work/rpm" --define "_sourcedir $work/first/build" --nodeps --nocheck \
			-ba contrib/rpm/imgmend.spec &&
		rpmlint -r contrib/rpm/imgmend.rpmlintrc contrib/rpm/imgmend.spec "$work"/rpm/RPMS/*/*.rpm "$work"/rpm/SRPMS/*.rpm
}

# ---- one stage after the other

# stage NAME FUNCTION: returns what the function does; its output goes to a file, and is shown when it fails.
stage() {
	began=$(date +%s)
	if "$2" > "$out/logs/$1.log" 2>&1; then
		printf '%-18s ok, %d s\n' "$1" $(($(date +%s) - began))
		return 0
	fi
	tail -n 60 "$out/logs/$1.log"
	echo "FAILED: $1, after $(($(date +%s) - began)) s (build/packages/logs/$1.log)"
	verdict=1
	return 1
}

run_stages() {
	stage lists lists
	stage archive archive_first || return
	stage archive-again archive_second && stage archive-equal archive_equal
	stage debian debian_first || return
	stage debian-again debian_second && stage debian-equal debian_equal
	stage lintian lint_packages
	stage lintian-tree lint_tree
	stage autopkgtest test_installed
	stage rpm rpm_build
	cp "$work/first/build/$archive" "$work"/first/debian/*.deb "$out"
	cp "$work"/rpm/RPMS/*/*.rpm "$out" || verdict=1
}

end() {
	after_tests > /dev/null 2>&1
	rm -rf "$work"
}

case ${1-} in
'' | --lists) ;;
*) echo "usage: package.sh [--lists]" >&2; exit 16 ;;
esac
work=$(mktemp -d) || give_up "no temporary folder"
trap end EXIT
trap 'exit 1' HUP INT TERM
if [ "${1-}" = --lists ]; then
	lists
	exit
fi

[ "$(id -u)" = 0 ] || give_up "autopkgtest installs the packages that it tests, and so this wants root"
sh build-aux/deps.sh build package || exit 1
name=imgmend-$(version)
archive=$name.tar.xz
rm -rf "$out"
mkdir -p "$out/logs"

run_stages
[ $verdict -ne 0 ] || echo "The packages are in build/packages: reproducible, without complaints, tested."
[ $verdict -eq 0 ] || echo "The packages are not as they should be."
exit $verdict
