#!/usr/bin/python3
# page.py - what a validator does not look for in an HTML page of imgmend: ids that come twice, links to nowhere, drawings without words,
# tables without heads, text that is hard to read. Contrast is computed from the colours of the style sheet as WCAG 2 defines it; level AA
# wants 4.5, in the light and in the dark scheme.
#
#	page.py FILE
import re
import sys
from html.parser import HTMLParser

# Text, and what it stands on: names of variables, or colours.
PAIRS = [
    ("text", "ground"), ("soft", "ground"), ("link", "ground"), ("warn", "ground"), ("bad", "badground"), ("good", "goodground"),
    ("text", "area"), ("#fff", "part"), ("#fff", "moved"), ("#fff", "#b3261e"),
]
faults = []


def luminance(colour):
    digits = colour[1:]
    if len(digits) == 3:
        digits = "".join(c * 2 for c in digits)
    parts = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in parts]
    return sum(v * w for v, w in zip(linear, (0.2126, 0.7152, 0.0722)))


def contrast(a, b):
    bright, dark = sorted((luminance(a), luminance(b)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def check_contrast(style):
    schemes = [dict(re.findall(r"--(\w+):(#[0-9a-f]+)", block)) for block in re.findall(r":root\{([^}]*)\}", style)]
    if len(schemes) != 2 or "prefers-color-scheme:dark" not in style:
        faults.append("there are not two schemes of colours")
        return
    for name, own in zip(("light", "dark"), schemes):
        scheme = {**schemes[0], **own}
        for pair in PAIRS:
            value = contrast(*(c if c[0] == "#" else scheme[c] for c in pair))
            if value < 4.5:
                faults.append("%s: %s on %s has a contrast of %.2f" % (name, *pair, value))
    # what is drawn or written in a colour that was not looked at
    used = set(re.findall(r"(?<![-\w])(?:color|fill):(var\(--\w+\)|#[0-9a-f]+)", style))
    known = {c if c[0] == "#" else "var(--%s)" % c for pair in PAIRS for c in pair}
    if used - known:
        faults.append("colours of which no contrast is known: %s" % sorted(used - known))


class Page(HTMLParser):
    def __init__(self):
        super().__init__()
        self.ids, self.links, self.stack, self.style = [], [], [], ""
        self.drawings = self.tables = 0

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if "id" in attrs:
            self.ids.append(attrs["id"])
        for key in ("href", "aria-labelledby"):
            if key in attrs:
                self.links.append(attrs[key].lstrip("#"))
        if tag == "svg":
            self.drawings += 1
            self.words = set()
            if attrs.get("role") != "img" or not attrs.get("aria-label"):
                faults.append("a drawing has no label")
        if tag in ("title", "desc") and self.stack and self.stack[-1] == "svg":
            self.words.add(tag)
        if tag == "table":
            self.tables += 1
            self.parts = set()
        if tag in ("caption", "thead"):
            self.parts.add(tag)
        if tag == "th" and attrs.get("scope") != "col":
            faults.append("a head of a column does not say so")
        if tag not in ("meta", "link", "br"):
            self.stack.append(tag)

    def handle_endtag(self, tag):
        if not self.stack or self.stack.pop() != tag:
            faults.append("%s is closed where it is not open" % tag)
        if tag == "svg" and self.words != {"title", "desc"}:
            faults.append("a drawing has no title and description")
        if tag == "table" and self.parts != {"caption", "thead"}:
            faults.append("a table has no caption and heads")

    def handle_data(self, data):
        if self.stack and self.stack[-1] == "style":
            self.style += data


page = Page()
with open(sys.argv[1], encoding="utf-8") as file:
    page.feed(file.read())
faults += ["the id %s comes twice" % i for i in set(page.ids) if page.ids.count(i) > 1]
faults += ["a link leads to %s, which is not there" % i for i in page.links if i not in page.ids]
check_contrast(page.style)
for fault in faults:
    print("page.py: %s" % fault, file=sys.stderr)
sys.exit(bool(faults))
