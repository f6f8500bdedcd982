"""Links from pages to files of the repository lead to copies of the files in the site, to the line that is named.

A page of docs/ links `conv_forward` to `../tinydl/_core/conv/forward.pyx`, which works in the repository. In the site
the file becomes a page of its own with numbered lines and the pages that name it; README and its like become pages.
"""

import html
import posixpath
import re
from pathlib import Path

from mkdocs.structure.files import File

from tools.website.listing import definition, listing

__all__ = ["resolve", "rewritten"]

ROOT = Path(__file__).resolve().parents[2]
LINK = re.compile(r"\[(`?)([^\]`]+)`?\]\((?!https?:|#)([^)#\s]+)(#[^)\s]+)?\)")
TOP = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "bench/README.md")
named = {}  # path in the repository: {page that names it: its title}


def original(file):
    """The folder and path in the repository of a page of the site."""
    path = file.src_uri
    return next((top for top in TOP if in_site(top, "") == path), f"docs/{path}")


def resolve(target, origin):
    """A path relative to the repository, of a link on the page at `origin`, or None where there is no such file."""
    path = posixpath.normpath(posixpath.join(posixpath.dirname(origin), target))
    return None if path.startswith("..") or not (ROOT / path).exists() else path


def in_site(path, name):
    """Where in the site a file of the repository is."""
    if path in TOP:
        return f"project/{path.replace('bench/README', 'BENCH')}"
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    if (ROOT / path).is_dir():
        return f"source/{path}/index.html"
    text = (ROOT / path).read_text()
    line = definition(text, name) if not path.endswith(name.rpartition("/")[2]) else 1
    return f"source/{path}.html" + (f"#L{line}" if line > 1 else "")


def rewritten(markdown, file):
    """Markdown with links to files of the repository turned into links within the site."""
    origin = original(file)

    def link(match):
        tick, name, target, anchor = match.groups()
        path = resolve(target, origin)
        if path is None or (path.startswith("docs/") and not file.src_uri.startswith("project/")):
            return match[0]
        place = in_site(path, name)
        if place.startswith("source/"):
            named.setdefault(path, {})[file.src_uri] = None
        return f"[{tick}{name}{tick}]({posixpath.relpath(place, posixpath.dirname(file.src_uri) or '.')}{anchor or ''})"

    return LINK.sub(link, markdown)


def on_files(files, config):
    named.clear()
    for path in TOP:
        files.append(File.generated(config, in_site(path, ""), content=(ROOT / path).read_text()))
    for page in files.documentation_pages():  # before they are rendered: every linked file is one of the site's
        rewritten(page.content_string, page)
    for path in named:
        place = in_site(path, path).partition("#")[0]
        files.append(File.generated(config, place, content=f"<!-- {path} -->"))
    return files


def on_page_markdown(markdown, page):
    return rewritten(markdown, page.file)


def on_post_build(config):
    titles = {}
    for path, pages in sorted(named.items()):
        for page in pages:
            if page not in titles:
                text = (ROOT / ("docs/" + page if not page.startswith("project/") else page.removeprefix("project/")))
                titles[page] = _title(text)
            pages[page] = titles[page]
        place = Path(config.site_dir) / in_site(path, path).partition("#")[0]
        place.write_text(listing(ROOT / path, path, place.relative_to(config.site_dir), pages))


def _title(path):
    """The heading of a page; of one that was generated, its name."""
    if path.exists():
        heads = (line[2:] for line in path.read_text().splitlines() if line.startswith("# "))
        return html.escape(next(heads, path.stem))
    return path.stem
