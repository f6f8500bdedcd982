"""What MkDocs calls while it builds the site: each event, handed to the modules that have something to do."""

import sys
from pathlib import Path

# Behind what is installed: where tinydl is not built in place, the reference is made from the installed package.
sys.path.append(str(Path(__file__).resolve().parents[2]))

from tools.website import api, assets, formulas, pictures, sources


def on_config(config):
    return assets.on_config(config)


def on_files(files, config):
    for module in (assets, pictures, api, sources):
        files = module.on_files(files, config)
    return files


def on_page_markdown(markdown, page, config, files):
    for module in (api, sources):
        markdown = module.on_page_markdown(markdown, page)
    return markdown


def on_page_content(html, page, config, files):
    return formulas.on_page_content(pictures.on_page_content(html, page), page)


def on_post_build(config):
    sources.on_post_build(config)
