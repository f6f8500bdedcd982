"""A file of the repository as a page of HTML: numbered lines, four colours, and the pages that name it."""

import html
import posixpath
import re

from pygments import lexers, token
from pygments.util import ClassNotFound

__all__ = ["definition", "listing"]

# Few classes make small pages.
CLASSES = ((token.Comment, "c"), (token.String, "s"), (token.Keyword, "k"), (token.Name.Function, "f"),
           (token.Name.Class, "f"))
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>{title} - tinydl</title><link rel="stylesheet" href="{up}assets/source.css">
<script>
/* The scheme that was chosen on the site's pages. */
try {{
  const key = new URL("{up}.", location).pathname + ".__palette"
  const scheme = JSON.parse(localStorage.getItem(key)).color.scheme
  document.documentElement.dataset.scheme = scheme
}} catch {{}}
</script></head><body>
<header><a href="{up}index.html">tinydl</a> <h1>{title}</h1>{pages}</header>
<main>{body}</main></body></html>
"""


def definition(text, name):
    """The number of the line where a name is defined, from 1; of `Conv.forward`, that of forward after Conv."""
    lines, at = text.splitlines(), 0
    for part in re.split(r"::|\.", name):
        word = re.escape(part)
        kinds = (rf"^\s*(?:async def|def|class|cpdef|cdef)\b[^=]*?\b{word}\b\s*[(:\[]",  # Python and Cython
                 rf"^\s*#\s*define\s+{word}\b", rf"^[A-Za-z_][\w\s*]*\b{word}\s*\([^;]*$",  # C
                 rf"^\s*{word}\b\s*[:=]", rf"\b{word}\b")
        for kind in kinds:
            found = next((k for k in range(at, len(lines)) if re.search(kind, lines[k])), None)
            if found is not None:
                at = found
                break
    return at + 1


def _line_spans(text, name):
    """Text as HTML, its words in spans of a few classes."""
    try:
        lexer = lexers.get_lexer_for_filename(name, stripnl=False)
    except ClassNotFound:
        return html.escape(text)
    parts = []
    for kind, value in lexer.get_tokens(text):
        css = next((css for of, css in CLASSES if kind in of), None)
        for k, piece in enumerate(value.split("\n")):
            parts.append("\n" * (k > 0) + (f'<i class="{css}">{html.escape(piece)}</i>' if css and piece.strip()
                                           else html.escape(piece)))
    return "".join(parts)


def listing(file, path, place, pages):
    """The HTML of a file or folder.

    Parameters
    ----------
    file : Path
    path : str
        Its name in the repository.
    place : Path
        Where the page will be, relative to the site.
    pages : dict of str to str
        Pages that name it, with their titles.
    """
    up = "../" * (len(place.parts) - 1)
    links = ", ".join(f'<a href="{up}{posixpath.splitext(page)[0].replace("README", "index")}.html">{title}</a>'
                      for page, title in pages.items())
    if file.is_dir():
        rows = sorted(f"{each.name}{'/' * each.is_dir()}" for each in file.iterdir() if each.name[0] not in "._")
        body = f"<ul>{''.join(f'<li>{html.escape(row)}</li>' for row in rows)}</ul>"
    else:
        lines = _line_spans(file.read_text(), file.name).rstrip("\n").split("\n")
        numbered = "\n".join(f'<b id="L{k}"></b>{line}' for k, line in enumerate(lines, 1))
        body = f'<pre tabindex="0">{numbered}\n</pre>'
    return PAGE.format(title=html.escape(path), up=up, body=body, pages=f"<p>Named on: {links}</p>" if links else "")
