"""SVG files that are small and follow the reader's scheme: black on white, or the other way on dark paper."""

import re

from tinydl.inspect.plots.palette import style

__all__ = ["SETTINGS", "compact", "follow"]

# Words stay words, which a search finds and a reader can mark; names of clips are the same at every run.
SETTINGS = {"svg.fonttype": "none", "svg.hashsalt": "tinydl"}
NUMBER = re.compile(r"(?<=[\s\"(,])-?\d+\.\d{3,}")
TAG = re.compile(r"<[^>]*>")
PATH = re.compile(r' d=("[^"]*")')
CLOUD = re.compile(r'<g( clip-path="[^"]*")>\n<use [^>]*>\n</g>\n(?:<g\1>\n<use [^>]*>\n</g>\n)+')
ALIKE = re.compile(r'<use [^>]*( style="[^"]*")/>\n(?:<use [^>]*\1/>\n)+')
NAMED = re.compile(r'( id="|href="#|url\(#)([^")]+)(["\)])')
FAMILY = re.compile(r"; font-family: [^;\"]+")
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
    return compact(text.replace("</svg>\n", f"{dark}</svg>\n"))


def compact(text):
    """The same picture in fewer bytes: what neighbours share is said once, names are short, paths are on one line."""
    text = PATH.sub(lambda path: " d=" + re.sub(r" ?([A-Za-z]) ?", r"\1", path[1].replace("\n", "")), text)
    text = CLOUD.sub(lambda run: f"<g{run[1]}>\n{re.sub(r'</?g[^>]*>.', '', run[0], flags=re.DOTALL)}</g>\n", text)
    text = ALIKE.sub(lambda run: f"<g{run[1]}>\n{run[0].replace(run[1], '')}</g>\n", text)
    names = dict.fromkeys(re.findall(r' id="([^"]+)"', text))
    short = {name: f"k{k}" for k, name in enumerate(names)}
    text = NAMED.sub(lambda match: match[1] + short.get(match[2], match[2]) + match[3], text)
    fonts = set(FAMILY.findall(text))
    if len(fonts) == 1:
        text = FAMILY.sub("", text).replace("<svg ", f'<svg style="{fonts.pop()[2:]}" ', 1)
    return text
