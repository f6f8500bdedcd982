"""The site that was built in a headless Chromium: accessibility by axe, and the course by the site's search.

Needs playwright, which brings no browser here, and axe-core, which npm brings. The network is off.
"""

import contextlib

from tools.website.assets import fetched
from tools.website.course import COURSE

__all__ = ["LOOKS", "inaccessible", "not_found", "opened"]

LOOKS = {"light, wide": ("light", 1300), "dark, phone": ("dark", 390), "dark, wide": ("dark", 1300),
         "light, phone": ("light", 390)}
# The search's frame has no document of its own; formulas and pictures are hidden or one image to who has them read out.
RUN = """axe.run({exclude: [[".katex-html"], [".picture svg > *"]]}, {iframes: false, resultTypes: ["violations"]})
    .then(found => found.violations)"""
FOUND = ".md-search-result__list > li > a"
FIRST = 5  # pages of results that one looks at
PATIENCE = 180_000  # milliseconds, for a machine that has much to do


@contextlib.contextmanager
def opened(browser):
    """A Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as tool:
        chromium = tool.chromium.launch(executable_path=browser, args=["--no-sandbox"], timeout=PATIENCE)
        yield chromium
        chromium.close()


def _tab(chromium, look):
    """A tab without network, of the scheme and width of a look."""
    scheme, width = LOOKS[look]
    context = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True)
    context.set_default_timeout(PATIENCE)
    return context.new_page()


def inaccessible(site, pages, chromium, look):
    """Findings of axe that are serious or critical, a line each, with the first place of each."""
    axe, found, tab = (fetched("axe-core") / "axe.min.js").read_text(), {}, _tab(chromium, look)
    for page in pages:
        tab.goto((site / page).as_uri())
        tab.evaluate(axe)
        for violation in tab.evaluate(RUN):
            if violation["impact"] in ("serious", "critical"):
                head = f"{violation['id']}: {violation['help']}"
                found.setdefault(head, []).append(f"{page}: {violation['nodes'][0]['html'][:120]}")
    return [f"{head} ({look}; {len(places)} pages)\n    {places[0]}" for head, places in found.items()]


def not_found(site, chromium, course=COURSE):
    """What of the course the search does not lead to, line by line: its page is not among the first results."""
    tab = _tab(chromium, "light, wide")
    tab.goto((site / "index.html").as_uri())
    field, said = tab.locator("[data-md-component=search-query]"), tab.locator(".md-search-result__meta")
    field.click()
    for page, queries in course.items():
        for query in queries:
            for words in ("", query):
                field.fill(words)
                field.dispatch_event("keyup")  # which the theme waits for
                if not words:
                    said.filter(has_text="Type to start").wait_for()
            said.filter(has_not_text="Type to start").wait_for()
            links = tab.eval_on_selector_all(FOUND, "all => all.map(a => a.href)")
            names = list(dict.fromkeys(link.split("?")[0].split("#")[0].rpartition("/")[2] for link in links))[:FIRST]
            if f"{page}.html" not in names:
                yield f"{query!r} finds {', '.join(names) or 'nothing'}, not {page}"
