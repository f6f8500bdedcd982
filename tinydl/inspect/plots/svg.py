"""SVG files that are small and follow the reader's scheme: black on white, or the other way on dark paper."""

import re

from tinydl.inspect.plots.palette import style

__all__ = ["SETTINGS", "follow"]

# Words stay words, which a search finds and a reader can mark; names of clips are the same at every run.
SETTINGS = {"svg.fonttype": "none", "svg.hashsalt": "tinydl"}
NUMBER = re.compile(r"(?<=[\s\"(,])-?\d+\.\d{3,}")
TAG = re.compile(r"<[^>]*>")
FONT = re.compile(r"'DejaVu Sans'(?:, [^;\"]+)?(?=[;\"])")


def _short(match):
    return f"{float(match[0]):.2f}".rstrip("0").rstrip(".")


def follow(text):
    """The text of matplotlib's SVG with a style for dark schemes, and without what a browser does not need."""
    text = re.sub(r"<!--.*?-->|<metadata>.*?</metadata>|<\?xml[^>]*>|<!DOCTYPE[^>]*>", "", text, flags=re.DOTALL)
    text = TAG.sub(lambda tag: NUMBER.sub(_short, tag[0]), text)
    text = FONT.sub("'DejaVu Sans', Verdana, sans-serif", text)
    used = set(re.findall(r"#([\w-]+)", text))
    text = re.sub(r' id="([^"]+)"', lambda match: match[0] if match[1] in used else "", text)
    text = re.sub(r"\n\s*", "\n", text).strip() + "\n"
    dark = f"<style>@media (prefers-color-scheme: dark) {{\n{style(text=text)}\n}}</style>\n"
    return text.replace("</svg>\n", f"{dark}</svg>\n")
