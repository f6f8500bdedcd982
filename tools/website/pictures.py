"""Pictures go into the page itself, so that they follow its scheme and their words are found and read out.

An SVG from docs/pictures stands in the page as it is, in a frame that scrolls sideways on a narrow screen.
"""

import html
import re
from pathlib import Path

from tinydl.inspect.plots.palette import style

__all__ = ["figure", "on_files", "on_page_content"]

DOCS = Path(__file__).resolve().parents[2] / "docs"
SHOWN = re.compile(r'(?:<p>)?<img alt="([^"]*)" src="([^"]*?pictures/([\w-]+)\.svg)"[^>]*>(?:</p>)?')


def figure(svg, name, caption):
    """The HTML of a picture: names of its parts are made its own, its style for dark schemes is the page's."""
    svg = re.sub(r"<style[^>]*>.*?</style>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'(id="|href="#|url\(#)', rf"\1{name}-", svg)
    head = f'<svg role="img" aria-label="{caption}" data-search-exclude class="picture-{name}" '
    svg, width = svg.replace("<svg ", head, 1), f"--drawn: {_width(svg)}px"
    return f'<figure class="picture" style="{width}" tabindex="0">{svg}<figcaption>{caption}</figcaption></figure>'


def _width(svg):
    """The width that a picture was drawn for; assets/site.css keeps its words near the size that they have there."""
    return round(float(re.search(r'viewBox="0 0 ([\d.]+) ', svg)[1]))


def on_files(files, config):
    from mkdocs.structure.files import File

    rules = style('[data-md-color-scheme="slate"] .picture svg')
    files.append(File.generated(config, "assets/pictures.css", content=rules))
    return files


def on_page_content(page_html, page):
    def put(match):
        caption, _, name = match.groups()
        return figure((DOCS / f"pictures/{name}.svg").read_text(), name, html.escape(html.unescape(caption)))

    return SHOWN.sub(put, page_html)
