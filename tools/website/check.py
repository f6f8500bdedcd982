"""Check the site that was built: links, size, no address of the network, and accessibility in a browser.

    python tools/website/check.py [--browser /usr/bin/chromium]

Links are followed within the folder, with their anchors. With --browser every page of the manual is opened without
network, light and wide, dark and as on a phone, and axe looks for what readers with a screen reader or weak eyes
stumble over (pip install playwright axe-playwright-python).
"""

import argparse
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

__all__ = ["findings", "looked_at"]

SITE = Path(__file__).resolve().parents[2] / "build/site"
LOADED = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src"}
MOST = 20e6  # bytes


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


def looked_at(site, browser):
    """Serious findings of axe, a line each, and what a page wanted of the network."""
    from axe_playwright_python.sync_playwright import Axe
    from playwright.sync_api import sync_playwright

    axe, found = Axe(), {}
    pages = [path for path in sorted(site.rglob("*.html")) if path.relative_to(site).parts[0] != "source"]
    pages += sorted(site.glob("source/tinydl/ops/conv.py.html"))
    with sync_playwright() as tool:
        chromium = tool.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        for scheme, width in (("light", 1300), ("dark", 390)):
            context = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True)
            tab = context.new_page()
            for path in pages:
                tab.goto(path.as_uri())
                for violation in axe.run(tab).response["violations"]:
                    if violation["impact"] in ("serious", "critical"):
                        first = violation["nodes"][0]
                        key = f"{violation['id']}: {violation['help']}"
                        where = f"{path.relative_to(site)} ({scheme}, {width}): {first['html'][:120]}"
                        found.setdefault(key, []).append(where)
        chromium.close()
    return [f"{key}\n    {len(places)} pages, the first {places[0]}" for key, places in found.items()]


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--site", type=Path, default=SITE)
    parser.add_argument("--browser", help="a Chromium, for the look at accessibility")
    options = parser.parse_args(argv)
    found = findings(options.site.resolve())
    if options.browser:
        found += looked_at(options.site.resolve(), options.browser)
    print("\n".join(found[:60]) or "nothing found")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
