"""What pages load beside their text: the typesetter's style and fonts, the search's shim. npm brings them, once."""

import subprocess
import tarfile
from pathlib import Path

__all__ = ["CACHE", "fetched"]

CACHE = Path(__file__).resolve().parents[2] / "build/npm"
PACKAGES = {"katex": "0.19.1", "iframe-worker": "1.0.4", "axe-core": "4.14.1"}


def fetched(name):
    """The folder of a package of npm at the version that is written down here."""
    folder = CACHE / f"{name}-{PACKAGES[name]}"
    if not folder.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        command = ["npm", "pack", "--silent", f"{name}@{PACKAGES[name]}"]
        try:
            subprocess.run(command, cwd=CACHE, check=True, capture_output=True, text=True)
        except FileNotFoundError:
            raise RuntimeError(f"the site needs npm to fetch {name}: install Node.js, which has it") from None
        except subprocess.CalledProcessError as error:
            raise RuntimeError(f"{' '.join(command)}: {error.stderr.strip()}") from error
        with tarfile.open(CACHE / f"{name}-{PACKAGES[name]}.tgz") as archive:
            archive.extractall(folder, filter="data")
    return folder / "package"


def on_config(config):
    # The offline plugin would take this one from the network.
    config.extra["polyfills"] = ["assets/iframe-worker.js"]
    return config


def on_files(files, config):
    from mkdocs.structure.files import File

    style = (fetched("katex") / "dist/katex.min.css").read_text()
    for font in sorted((fetched("katex") / "dist/fonts").glob("*.woff2")):
        files.append(File.generated(config, f"assets/katex/fonts/{font.name}", content=font.read_bytes()))
    files.append(File.generated(config, "assets/katex/katex.min.css", content=style))
    shim = (fetched("iframe-worker") / "shim/index.js").read_text()
    files.append(File.generated(config, "assets/iframe-worker.js", content=shim))
    return files


def on_post_build(config):
    """Drop what no page asks for: maps of the theme's sources, languages of the search, pictures that are in pages."""
    site = Path(config.site_dir)
    for pattern in ("assets/**/*.map", "assets/javascripts/lunr/**/*.js", "pictures/*.svg"):
        for path in site.glob(pattern):
            path.unlink()
