"""The colours of all pictures, for light paper and for dark.

Any two of the classes' colours stay apart for readers who lack one kind of cone, and each stands out from its paper
(tests/inspect/plots/test_palette.py measures both). Maps of numbers to colours run from dark to bright or, for signs,
from red to blue, which no kind of colour-blindness confuses.
"""

import contextlib

__all__ = ["BLUE", "CLASSES", "DARK", "GREY", "INK", "MARKERS", "ON_DARK", "ON_LIGHT", "ORANGE", "PAPER", "darkened",
           "style"]

INK, PAPER = "#000000", "#ffffff"
BLUE, ORANGE, GREY = "#1f5fa8", "#d9641e", "#757575"
CLASSES = (BLUE, ORANGE, "#692d1e", "#c37896", "#0096ff", "#96005a", "#78965a", "#a587c3", "#2d1e69", "#694b00")
MARKERS = "os^DvPX<>p"  # beside the colours
ON_DARK, ON_LIGHT = "#fefefe", "#010101"  # words on a coloured field, whatever the paper is

# What each colour is on dark paper; #b0b0b0 and #cccccc are matplotlib's grid lines and legend frames.
DARK = {INK: "#e4e6eb", PAPER: "#1e2129", GREY: "#a0a4ad", "#b0b0b0": "#5a5f6b", "#cccccc": "#5a5f6b",
        **dict(zip(CLASSES, ("#6aa9ec", "#f08a4b", "#ffc3b4", "#a56987", "#6969e1", "#e14b5a", "#e1f05a", "#d24bb4",
                             "#2df0ff", "#b4ff96"), strict=True))}


def style(selector="", text=None):
    """Rules of CSS for dark paper, for elements of SVG below `selector`: all, or those that a `text` needs."""
    rules = [f'{selector} [style*="{what}: {light}"] {{ {what}: {dark} !important }}'
             for light, dark in DARK.items() for what in ("fill", "stroke")
             if text is None or f"{what}: {light}" in text]
    rules.append(f'{selector} text:not([style*="fill:"]) {{ fill: {DARK[INK]} }}')  # black is not written down
    return "\n".join(rule.strip() for rule in rules)


@contextlib.contextmanager
def darkened(figure):
    """A figure with its colours for dark paper, inside `with`."""
    import numpy as np
    from matplotlib.colors import to_hex, to_rgba

    figure.draw_without_rendering()  # makes the ticks
    undo = []
    for artist in figure.findobj():
        mapped = getattr(artist, "get_array", lambda: None)() is not None
        for what in () if mapped else ("color", "facecolor", "edgecolor", "markerfacecolor", "markeredgecolor"):
            get, put = getattr(artist, f"get_{what}", None), getattr(artist, f"set_{what}", None)
            if get is None or put is None:
                continue
            old = get()
            if isinstance(old, str) and old == "none":
                continue
            colours = [to_rgba(c) for c in np.atleast_2d(old)] if not isinstance(old, str) else [to_rgba(old)]
            new = [(*to_rgba(DARK.get(to_hex(c), to_hex(c)))[:3], c[3]) for c in colours]
            undo.append((put, old))
            put(new if len(new) > 1 else new[0] if new else old)
    try:
        yield figure
    finally:
        for put, old in reversed(undo):
            put(old)
