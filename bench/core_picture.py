"""The picture of the core and the list of its files in docs/core.md, both from the sources' cimports.

    python bench/core_picture.py            # writes docs/core.svg and the list anew
    python bench/core_picture.py --check    # fails when one of them would change

The picture has a floor for each kind of room; arrows go from a reader to what it reads, and everything stands on the
ground floor, to which no arrows are drawn.
"""

import argparse
import re
import sys
from pathlib import Path
from xml.sax.saxutils import escape

sys.path.append(str(Path(__file__).resolve().parents[1]))

from bench import sources

__all__ = ["boxes", "listing", "picture"]

PICTURE, PAGE = sources.ROOT / "docs/core.svg", sources.ROOT / "docs/core.md"
MARKED = re.compile(r"(<!-- core:files -->\n).*?(<!-- /core -->)", re.DOTALL)
FLOORS = {
    "inference": "a frozen network: kernels as steps of a program",
    "kernels": "what Python calls: check, plan, one loop over tasks",
    "declarations": ".pxd files that kernels share, most of them the front of one C header",
    "base": "what everybody stands on",
}
WIDTH, MARGIN, GAP, LINE, PAD = 1280, 24, 18, 15, 10
COLOURS = ("#1f6f8b", "#b5651d", "#4a7c2a", "#8e3b6e", "#5a5aa8", "#a33b3b", "#6b6b1e", "#2f7f6b", "#7a5230", "#44546a")


class Box:
    """A room in the picture: its files, the C headers they front and the rooms they read."""

    def __init__(self, name, floor):
        self.name, self.floor, self.files, self.headers, self.reads = name, floor, [], set(), set()
        self.x = self.y = 0

    @property
    def title(self):
        """The name in bold: of the file where it is a room by itself."""
        return self.files[0] if len(self.files) == 1 else self.name

    @property
    def lines(self):
        """What stands below the title."""
        files = [] if len(self.files) == 1 else self.files
        return [(text, "file") for text in files] + [(text, "header") for text in sorted(self.headers)]

    @property
    def width(self):
        """By the longest line of text."""
        texts = [len(self.title) * 9, *(len(text) * 6.7 for text, _ in self.lines)]
        return round(max(texts) + 2 * PAD)

    @property
    def height(self):
        """By the number of lines."""
        return 2 * PAD + LINE * (1 + len(self.lines)) - 4


def floor_of(room):
    return room if room in ("inference", "declarations", "base") else "kernels"


def boxes():
    """{name: Box}: rooms; the files of `inference`, `declarations` and `base` are boxes of their own."""
    found, uses, own = {}, sources.cimports(), {}
    for name in uses:
        room = sources.room(name)
        if room != "headers":
            own[name] = room if floor_of(room) == "kernels" else name
    for name, box_name in own.items():
        box = found.setdefault(box_name, Box(box_name, floor_of(sources.room(name))))
        only_declared = not (sources.CORE / name.replace(".", "/")).with_suffix(".pyx").exists()
        box.files.append(name.rsplit(".", 1)[-1] + (".pxd" if only_declared else ""))
        box.headers |= {use.removeprefix("src/") for use in uses[name] if use.endswith(".h")}
        box.reads |= {own[use] for use in uses[name] if use in own} - {box_name}
    for box in found.values():
        box.reads -= {name for name, other in found.items() if other.floor == "base"}
    return found


def reaches(found, start, goal):
    return any(name == goal or reaches(found, name, goal) for name in found[start].reads)


def arrows(found):
    """(reader, read) pairs; what is also read by way of another box is left out."""
    return [(name, read) for name, box in sorted(found.items()) for read in sorted(box.reads)
            if not box.floor == found[read].floor == "inference"
            and not any(other != read and reaches(found, other, read) for other in box.reads)]


def place(found):
    """Give every box its place: floors from the top, boxes near what they read and who reads them."""
    pairs, order = arrows(found), {floor: [] for floor in FLOORS}
    for name, box in sorted(found.items()):
        order[box.floor].append(name)
    for _ in range(24):
        for floor in ("base", "declarations", "kernels", "inference", "kernels"):
            set_columns(found, order[floor])
            near = {name: [found[b if a == name else a].x for a, b in pairs if name in (a, b)] for name in order[floor]}
            order[floor].sort(key=lambda name, near=near: (
                sum(near[name]) / len(near[name]) if near[name] else found[name].x, name))
            set_columns(found, order[floor])
    top = MARGIN
    floors = {}
    for floor, names in order.items():
        height = max((found[name].height for name in names), default=0)
        for name in names:
            found[name].y = top + 26
        floors[floor] = (top, height + 26 + PAD)
        top += height + 26 + PAD + (64 if floor != "declarations" else 30)
    return floors, top - 30 + MARGIN


def set_columns(found, names):
    """Centres of boxes side by side, spread over the width."""
    total = sum(found[name].width for name in names)
    space = (WIDTH - 2 * MARGIN - 2 * PAD - total) / (len(names) + 1) if names else 0
    x = MARGIN + PAD + space
    for name in names:
        found[name].x = x + found[name].width / 2
        x += found[name].width + space


def picture():
    """The text of docs/core.svg."""
    found = boxes()
    floors, height = place(found)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
           'font-family="DejaVu Sans, Verdana, sans-serif" font-size="11">',
           "<title>The rooms of tinydl/_core and who reads whom</title>",
           f'<rect width="{WIDTH}" height="{height}" fill="white"/>']
    for top, tall in floors.values():
        out.append(f'<rect x="{MARGIN}" y="{top}" width="{WIDTH - 2 * MARGIN}" height="{tall}" rx="8" fill="#f3f4f6"/>')
    colour = {name: COLOURS[k % len(COLOURS)] for k, name in enumerate(sorted({read for _, read in arrows(found)}))}
    for reader, read in arrows(found):
        out.append(arrow(found[reader], found[read], colour[read]))
    for floor, (top, _) in floors.items():
        out.append(f'<text x="{MARGIN + PAD}" y="{top + 17}" font-size="12" fill="#444" stroke="#f3f4f6" '
                   f'stroke-width="5" paint-order="stroke"><tspan font-weight="bold">{floor}</tspan>: '
                   f'{escape(FLOORS[floor])}</text>')
    for name, box in sorted(found.items()):
        out += drawn(box, colour.get(name, "#444"))
    return "\n".join(out) + "\n</svg>\n"


def arrow(reader, read, colour):
    """A curve from the lower edge of the reader to the upper edge of what it reads; along the floor on one floor."""
    if reader.y == read.y:
        side = 1 if read.x > reader.x else -1
        x0, x1 = reader.x + side * reader.width / 2, read.x - side * read.width / 2
        y = reader.y + min(reader.height, read.height) / 2
        bend = 26 if abs(x1 - x0) > 60 else 0
        low = max(reader.height, read.height) + reader.y + bend
        if bend:
            return path(f"M{reader.x:.0f},{reader.y + reader.height} C{reader.x:.0f},{low + 14:.0f} {read.x:.0f},"
                        f"{low + 14:.0f} {read.x:.0f},{read.y + read.height + 6}", read.x, read.y + read.height, colour,
                        upwards=True)
        return path(f"M{x0:.0f},{y:.0f} L{x1 - side * 6:.0f},{y:.0f}", x1, y, colour, sideways=side)
    y0, y1 = reader.y + reader.height, read.y
    half = (y1 - y0) / 2
    line = f"M{reader.x:.0f},{y0} C{reader.x:.0f},{y0 + half:.0f} {read.x:.0f},{y1 - half:.0f} {read.x:.0f},{y1 - 6}"
    return path(line, read.x, y1, colour)


def path(line, x, y, colour, sideways=0, upwards=False):
    if sideways:
        head = f"M{x:.0f},{y:.0f} l{-8 * sideways},-4 l0,8 z"
    else:
        way = -1 if upwards else 1
        head = f"M{x:.0f},{y:.0f} l-4,{-8 * way} l8,0 z"
    return (f'<path d="{line}" fill="none" stroke="{colour}" stroke-width="1.6" opacity="0.85"/>'
            f'<path d="{head}" fill="{colour}"/>')


def drawn(box, colour):
    """The lines of a box."""
    left = round(box.x - box.width / 2)
    yield (f'<rect x="{left}" y="{box.y}" width="{box.width}" height="{box.height}" rx="5" fill="white" '
           f'stroke="{colour}" stroke-width="1.6"/>')
    yield f'<text x="{left + PAD}" y="{box.y + PAD + 9}" font-size="13" font-weight="bold">{escape(box.title)}</text>'
    for k, (text, kind) in enumerate(box.lines):
        style = 'fill="#111"' if kind == "file" else 'fill="#777" font-style="italic"'
        yield f'<text x="{left + PAD}" y="{box.y + PAD + 9 + LINE * (k + 1)}" {style}>{escape(text)}</text>'


# --- the list --------------------------------------------------------------------------------------------------------

def listing():
    """The table of files: room by room, what each says of itself."""
    rows, paths = [], {}
    for path in sources.files(".h", ".pxd", ".pyx"):
        paths.setdefault(sources.module(path), path)
        if path.suffix == ".pyx":
            paths[sources.module(path)] = path  # which says more than its .pxd
    floors = [*FLOORS, "headers"]
    for name, path in sorted(paths.items(), key=lambda item: (
            floors.index(floor_of(sources.room(item[0])) if not item[0].endswith(".h") else "headers"), item[0])):
        shown = path.relative_to(sources.CORE).as_posix()
        rows.append(f"| [`{shown}`](../tinydl/_core/{shown}) | {sources.summary(path)} |")
    return "\n".join(["| file | what |", "|---|---|", *rows]) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="change nothing; fail when something is out of date")
    check, stale = parser.parse_args().check, []
    page = PAGE.read_text()
    for path, text in ((PICTURE, picture()),
                       (PAGE, MARKED.sub(lambda match: match[1] + listing() + match[2], page))):
        if not path.exists() or path.read_text() != text:
            stale.append(path)
            if not check:
                path.write_text(text)
    for path in stale:
        print(f"{path.relative_to(sources.ROOT)} {'is out of date' if check else 'written'}")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
