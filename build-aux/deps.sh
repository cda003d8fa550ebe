#!/bin/sh
# deps.sh - installs the Debian packages that are missing, as root or through sudo.
#
#	deps.sh [-l] GROUP...		default: build test
#
# build: what configure and make need, which is tools and libs; test: the tools with which make check
# and try.sh make images and judge them; long: what only make check-long uses; fuzz: what only make
# fuzz uses; ports: what ports.sh needs beside; coverage: what coverage.sh needs beside. With -l the
# packages are only listed, one a line. apt is not touched when nothing is missing.
set -u

tools="autoconf automake libtool autopoint gettext pkg-config gcc make xz-utils"
libs="libc6-dev libparted-dev libfdisk-dev libblkid-dev libgcrypt20-dev libjson-c-dev check
	ntfs-3g-dev libext2fs-dev libhivex-dev libseccomp-dev libnbd-dev nbdkit-plugin-dev"
test="gettext locales fdisk gdisk parted dosfstools exfatprogs exfat-fuse ntfs-3g e2fsprogs mtools qemu-utils xz-utils zstd
	fish jq libhivex-bin libvshadow-utils libwin-hivex-perl man-db mandoc openssl patch util-linux mount xfsprogs btrfs-progs attr
	xxhash strace nbdkit libnbd-bin procps parallel python3-jsonschema python3-yaml
	systemd tidy zsh"
long="valgrind chromium poppler-utils ansible-core pycodestyle pyflakes3 python3-voluptuous"
# PCs that boot: the loaders are packaged for PCs only.
case $(dpkg --print-architecture 2>/dev/null) in
amd64 | i386)
	test="$test qemu-system-x86 binutils syslinux syslinux-common grub-common grub-pc-bin"
	long="$long extlinux grub-efi-amd64-bin ovmf"
	;;
esac
fuzz="clang"
ports="mmdebstrap util-linux"
coverage="lcov"
package="dpkg-dev debhelper lintian autopkgtest faketime rpm rpmlint"

list=
if [ "${1-}" = -l ]; then
	list=yes
	shift
fi
[ $# -gt 0 ] || set -- build test
wanted=
for group; do
	case $group in
	build) wanted="$wanted $tools $libs" ;;
	tools) wanted="$wanted $tools" ;;
	libs) wanted="$wanted $libs" ;;
	test) wanted="$wanted $test" ;;
	long) wanted="$wanted $long" ;;
	fuzz) wanted="$wanted $fuzz" ;;
	ports) wanted="$wanted $ports" ;;
	coverage) wanted="$wanted $coverage" ;;
	package) wanted="$wanted $package" ;;
	*) echo "usage: deps.sh [-l] [build | tools | libs | test | long | fuzz | ports | coverage | package]..." >&2; exit 16 ;;
	esac
done

if [ -n "$list" ]; then
	# Split into words on purpose.
	printf '%s\n' $wanted
	exit 0
fi

if ! command -v dpkg-query >/dev/null; then
	echo "deps.sh: this is no Debian system; have the counterparts of these installed:" $wanted >&2
	exit 0
fi

missing=
for package in $wanted; do
	[ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] ||
		missing="$missing $package"
done
[ -n "$missing" ] || exit 0

as_root=
if [ "$(id -u)" != 0 ]; then
	as_root=sudo
	if ! command -v sudo >/dev/null; then
		echo "deps.sh: neither root nor sudo; have these packages installed:$missing" >&2
		exit 1
	fi
fi

echo "Installing:$missing"
apt() {
	$as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 "$@"
}
# The lists of a fresh system are empty or old; without a network the install says what is wrong.
apt update || echo "deps.sh: the package lists could not be brought up to date" >&2
# $missing is split into words on purpose.
apt install --no-install-recommends $missing
