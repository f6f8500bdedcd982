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
    "shared": "what kernels of several rooms read: fronts of C headers, loops",
    "base": "what everybody stands on",
}
WIDTH, MARGIN, LINE, PAD = 1280, 24, 15, 10
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
    return room if room in ("inference", "shared", "base") else "kernels"


def boxes():
    """{name: Box}: rooms; the files of `inference`, `shared` and `base` are boxes of their own."""
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
    for name, box in found.items():
        box.reads -= {other for other in found if found[other].floor == "base"}
        if not (sources.CORE / f"{name}.pyx").exists():
            # The declarations of who reads them: `tile` has its structs from `strip`, which compiles it.
            box.reads -= {other for other in box.reads if name in found[other].reads}
    return found


def reaches(found, start, goal):
    seen, ahead = set(), [start]
    while ahead:
        name = ahead.pop()
        ahead += found[name].reads - seen
        seen |= found[name].reads
    return goal in seen


def arrows(found):
    """(reader, read) pairs; what is also read by way of another box is left out."""
    return [(name, read) for name, box in sorted(found.items()) for read in sorted(box.reads)
            if not box.floor == found[read].floor == "inference"
            and not any(other != read and reaches(found, other, read) for other in box.reads)]


def columns_of(found, pairs, floor):
    """Boxes one above the other where the same boxes read them and are read by them, at most three high."""
    alike = {}
    for name, box in sorted(found.items()):
        if box.floor == floor:
            ends = (frozenset(a for a, b in pairs if b == name), frozenset(b for a, b in pairs if a == name))
            alone = len(box.files) > 1 or floor in ("shared", "base")
            alike.setdefault((ends, name if alone else ""), []).append(name)
    return [names[k:k + 3] for names in alike.values() for k in range(0, len(names), 3)]


def place(found):
    """Give every box its place: floors from the top, boxes near what they read and who reads them."""
    pairs = arrows(found)
    columns = {floor: columns_of(found, pairs, floor) for floor in FLOORS}
    for _ in range(24):
        for floor in ("base", "shared", "kernels", "inference", "kernels"):
            set_columns(found, columns[floor])
            columns[floor].sort(key=lambda names: (middle(found, pairs, names[0]), names))
            set_columns(found, columns[floor])
    top, floors = MARGIN, {}
    for floor, stacks in columns.items():
        tall = 0
        for names in stacks:
            y = top + 28
            for name in names:
                found[name].y = y
                y += found[name].height + PAD
            tall = max(tall, y - top)
        floors[floor] = (top, tall)
        top += tall + (64 if floor != "shared" else 24)
    return floors, top - 64 + MARGIN


def middle(found, pairs, name):
    """Mean place of the boxes of other floors that an arrow joins with this one; else just before one of its own."""
    def joined(name, own_floor):
        return [b if a == name else a for a, b in pairs
                if name in (a, b) and (found[a].floor == found[b].floor) == own_floor]

    others = joined(name, False)
    beside = [end for end in joined(name, True) if joined(end, False) and (not others or (name, end) in pairs)]
    if beside:
        return middle(found, pairs, beside[0]) - 1
    return sum(found[end].x for end in others) / len(others) if others else found[name].x


def set_columns(found, columns):
    """Centres of columns side by side, spread over the width."""
    widths = [max(found[name].width for name in names) for names in columns]
    space = (WIDTH - 2 * MARGIN - sum(widths)) / (len(columns) + 1)
    x = MARGIN + space
    for names, width in zip(columns, widths, strict=True):
        for name in names:
            found[name].x = x + width / 2
        x += width + space


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
        # One arrow for boxes that stand one above the other.
        if lowest(found, reader) == reader and lowest(found, read, -1) == read:
            out.append(arrow(found[reader], found[read], colour[read]))
    for floor, (top, _) in floors.items():
        out.append(f'<text x="{MARGIN + PAD}" y="{top + 17}" font-size="12" fill="#444" stroke="#f3f4f6" '
                   f'stroke-width="5" paint-order="stroke"><tspan font-weight="bold">{floor}</tspan>: '
                   f'{escape(FLOORS[floor])}</text>')
    for name, box in sorted(found.items()):
        out += drawn(box, colour.get(name, "#444"))
    return "\n".join(out) + "\n</svg>\n"


def lowest(found, name, way=1):
    """The lowest (way -1: the highest) box of the column that a box stands in."""
    here = found[name]
    column = [other for other, box in found.items() if (box.x, box.floor) == (here.x, here.floor)]
    return max(column, key=lambda other: way * found[other].y)


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
    for _, path in sorted(paths.items(), key=lambda item: (
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
