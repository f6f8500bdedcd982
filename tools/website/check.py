"""Check the site that was built: links, size, no address of the network; in a browser, accessibility and search.

    python -m tools.website.check [--browser /usr/bin/chromium [--every]]

Links are followed within the folder, with their anchors. With --browser a page of each kind is
opened without network, light and wide, dark and as on a phone, and axe looks for what readers with a screen reader or
weak eyes stumble over; then the search is asked for what the course has. --every takes all pages in all four looks.
"""

import argparse
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from tools.website.browser import LOOKS, inaccessible, not_found, opened

__all__ = ["findings", "main"]

SITE = Path(__file__).resolve().parents[2] / "build/site"
LOADED = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src"}
MOST = 20e6  # bytes
KINDS = ("index", "1-networks", "notebooks/2-autodiff", "benchmarks", "reference", "api/inspect", "project/CHANGELOG",
         "source/tinydl/ops/conv.py")


class _Page(HTMLParser):
    """What a page links to, what it loads, and the places in it."""

    def __init__(self, text):
        super().__init__()
        self.links, self.loads, self.places = [], [], set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.places |= {attrs[key] for key in ("id", "name") if attrs.get(key)}
        if tag == "a" and attrs.get("href"):
            self.links.append(attrs["href"])
        if tag in LOADED and attrs.get(LOADED[tag]) and attrs.get("rel") not in ("canonical", "next", "prev"):
            self.loads.append(attrs[LOADED[tag]])


def findings(site):
    """What is wrong with links and addresses, a line each."""
    pages = {path: _Page(path.read_text()) for path in sorted(site.rglob("*.html"))}
    found = []
    for path, page in pages.items():
        where = path.relative_to(site)
        for target in page.loads + page.links:
            parts = urlsplit(target)
            if parts.scheme or parts.netloc:
                if target in page.loads and parts.scheme != "data":
                    found.append(f"{where}: loads {target} from the network")
                continue
            file = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            file = file / "index.html" if file.is_dir() else file
            if path.name == "404.html" and not file.exists():
                continue  # it is shown for any address, so its own are from the root
            if not file.exists():
                found.append(f"{where}: {target} leads nowhere")
            elif parts.fragment and file in pages and unquote(parts.fragment) not in pages[file].places \
                    and not parts.fragment.startswith("__"):
                found.append(f"{where}: no place {parts.fragment} in {file.relative_to(site)}")
    size = sum(path.stat().st_size for path in site.rglob("*") if path.is_file())
    if size >= MOST:
        found.append(f"the site has {size / 1e6:.1f} MB, at most are {MOST / 1e6:.0f}")
    return found


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--site", type=Path, default=SITE)
    parser.add_argument("--browser", help="a Chromium, for accessibility and search")
    parser.add_argument("--every", action="store_true", help="all pages, in four looks")
    options = parser.parse_args(argv)
    found = findings(options.site.resolve())
    if options.browser:
        site = options.site.resolve()
        pages = [f"{name}.html" for name in KINDS]
        if options.every:  # of the pages of source text one; 404.html has its style from the root of a server
            every = (path.relative_to(site).as_posix() for path in sorted(site.rglob("*.html")))
            pages = [page for page in every if page != "404.html" and not page.startswith("source/")] + pages[-1:]
        with opened(options.browser) as chromium:
            for look in list(LOOKS)[:None if options.every else 2]:
                found += inaccessible(site, pages, chromium, look)
            found += not_found(site, chromium)
    print("\n".join(found[:60]) or "nothing found")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
