"""The search reads numbers and formulas as they are typed, and puts the textbook first.

What parts words is written down in mkdocs.yml: of `W1 = [[.1, .2]]` the words are w1, .1 and .2. The theme's parser of
queries would take -1.48 as "without 1.48" and |w|^p as a mistake; so a query is cut into words before it is parsed.
"""

from pathlib import Path

from tools.website.course import COURSE

__all__ = ["on_page_markdown", "on_post_build"]

READ = """addEventListener("message", event => {
  const asked = event.data
  if (asked.type === 2) asked.data = asked.data.replace(/SEPARATOR/g, " ")
})
"""


def on_page_markdown(markdown, page):
    if page.file.src_uri.removesuffix(".md") in COURSE:
        page.meta["search"] = {"boost": 2}
    return markdown


def on_post_build(config):
    worker, = Path(config.site_dir).glob("assets/javascripts/workers/search.*.js")
    separator = config.plugins["material/search"].config.separator
    worker.write_text(READ.replace("SEPARATOR", separator) + worker.read_text())
