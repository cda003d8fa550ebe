#!/usr/bin/env bash
# browser.sh - the page of the report in a browser: it is drawn in light and dark, nothing runs out of it on a narrow screen, the summary is
# sorted where a heading is pressed, and it prints.
set -eu
. "$(dirname "${BASH_SOURCE[0]}")/../image/lib.sh"
find_helpers
needs chromium pdftotext jq

mkdir in
for name in b c a; do
	truncate -s $((8 * MIB)) in/$name.img
	mkmbr -c -i c0ffee23 in/$name.img "83:$([ $name = c ] && echo 2048 || echo 1):2048"
done
run 4 report -o page.html in
browser() {
	HOME=$WORK timeout 120 chromium --headless --no-sandbox --disable-gpu --hide-scrollbars "$@" 2>browser.log || fail "the browser: $(tail -n 3 browser.log)"
}

# a page that presses headings of ours, and says what came of it
cp page.html pressed.html
cat >>pressed.html <<'END'
<script>
const heads = [...document.querySelectorAll('table.sortable th')], said = [];
const names = () => [...document.querySelectorAll('table.sortable tbody tr')].map(r => r.cells[0].textContent.replace(/.*\/(.)\.img/, '$1')).join('');
const press = i => { heads[i].querySelector('button').click(); said.push(names() + ':' + heads[i].getAttribute('aria-sort')); };
said.push(names());
press(0); press(0); press(1); press(1);
said.push('marked:' + heads.filter(h => h.hasAttribute('aria-sort')).length);
said.push('wide:' + (document.documentElement.scrollWidth > document.documentElement.clientWidth));
document.body.textContent = 'SAID ' + said.join(' ') + ' END';
</script>
END
for width in 400 1100; do
	printf '<iframe id=f src="pressed.html" style="width:%dpx;height:800px"></iframe><script>f.onload=()=>document.body.textContent=f.contentDocument.body.textContent</script>' \
		$width >frame.html
	browser --allow-file-access-from-files --virtual-time-budget=5000 --dump-dom "file://$WORK/frame.html" >dom
	# rows that are equal in a column keep their order
	check_eq "sorting at a width of $width" "SAID abc abc:ascending cba:descending cba:ascending bac:descending marked:1 wide:false END" \
		"$(grep -o 'SAID .* END' dom)"
done

# drawn in two schemes: the corner has the ground's colour
browser --screenshot="$WORK/light.png" --window-size=600,800 "file://$WORK/page.html"
browser --screenshot="$WORK/dark.png" --blink-settings=preferredColorScheme=0 --window-size=600,800 "file://$WORK/page.html"
[ -s light.png ] && [ -s dark.png ] || fail "the browser drew nothing"
! cmp -s light.png dark.png || fail "the dark scheme is the light one"

browser --print-to-pdf="$WORK/page.pdf" --no-pdf-header-footer "file://$WORK/page.html"
pdftotext -layout page.pdf text
for word in "in/a.img" "in/b.img" "in/c.img" "partition table: new positions" "What it costs"; do
	grep -qF "$word" text || fail "what is printed lacks \"$word\""
done
