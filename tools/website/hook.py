"""What MkDocs calls while it builds the site: each event, handed to the modules that have something to do."""

import re
import sys
from pathlib import Path

# Behind what is installed: where tinydl is not built in place, the reference is made from the installed package.
sys.path.append(str(Path(__file__).resolve().parents[2]))

from tools.website import api, assets, formulas, notebooks, pictures, search, sources

# A word behind the language is for the test of the page's blocks.
TESTED = re.compile(r"^(```(?:python|console)) \w+$", re.MULTILINE)
DIALOG = 'data-md-component="search" role="dialog"'
TABLE = re.compile(r"<table>(?=(?:(?!</table>|<a ).)*</table>)", re.DOTALL)  # without a link


def on_config(config):
    return assets.on_config(config)


def on_files(files, config):
    for module in (assets, pictures, api, notebooks, sources):
        files = module.on_files(files, config)
    return files


def on_page_markdown(markdown, page, config, files):
    markdown = TESTED.sub(r"\1", markdown)
    for module in (api, search, sources):
        markdown = module.on_page_markdown(markdown, page)
    return markdown


def on_page_content(html, page, config, files):
    for module in (pictures, notebooks, formulas):
        html = module.on_page_content(html, page)
    # On a phone the theme lets wide tables scroll: the keyboard has to reach something in them.
    return TABLE.sub('<table tabindex="0">', html)


def on_post_page(output, page, config):
    # The theme's dialog has no name that a screen reader could say.
    return output.replace(DIALOG, f'{DIALOG} aria-label="Search"')


def on_post_template(output, template_name, config):
    return on_post_page(output, None, config)  # the page of an address that there is not


def on_post_build(config):
    for module in (assets, search, sources):
        module.on_post_build(config)
