# messages.sh - what the tests of translations share: the template of the catalogs, and catalogs that are not installed; sourced.

SOURCES=${srcdir:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}

# make_pot FILE: from every source file, whether po/POTFILES.in lists it or not, with the keywords of po/Makevars
make_pot() {
	local options
	options=$(sed -n '/^XGETTEXT_OPTIONS *=/,/[^\\]$/p' "$SOURCES/po/Makevars" | sed '1s/^[^=]*=//; s/\\$//' | tr '\n' ' ')
	# The options are split into words on purpose.
	(cd "$SOURCES" && find lib src -name '*.[ch]' | LC_ALL=C sort |
		xgettext $options --files-from=- --package-name=imgmend -o -) >"$1" || return
	sed -i 's/^"Plural-Forms: .*/"Plural-Forms: nplurals=2; plural=(n != 1);\\n"/; s/charset=CHARSET/charset=UTF-8/' "$1"
}
