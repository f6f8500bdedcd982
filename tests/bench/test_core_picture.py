"""The picture of the core: that it is the one of these sources, and how it is drawn."""

import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).resolve().parents[2]
if not (ROOT / "bench").exists() or not (ROOT / "tinydl/_core/array.pxd").exists():
    pytest.skip("the bench or the sources are not part of this tree", allow_module_level=True)
sys.path.append(str(ROOT))

from bench import core_picture, sources  # noqa: E402 - the path comes first


def test_the_kept_picture_and_list_are_up_to_date():
    done = subprocess.run([sys.executable, str(ROOT / "bench/core_picture.py"), "--check"], capture_output=True,
                          text=True)
    assert done.returncode == 0, done.stdout + "run: python bench/core_picture.py"


def test_it_is_drawn_the_same_each_time_and_is_valid_xml():
    text = core_picture.picture()
    assert text == core_picture.picture()
    ElementTree.fromstring(text)


def test_every_file_is_in_the_picture_and_in_the_list():
    text, listed = core_picture.picture(), core_picture.listing()
    for path in sources.files(".pyx", ".pxd", ".h"):
        name = path.relative_to(sources.CORE).as_posix()
        if path.suffix == ".pxd" and path.with_suffix(".pyx").exists():
            name = name[:-3] + "pyx"
        assert f"[`{name}`]" in listed
        if path.suffix != ".h":
            assert re.search(rf">{path.stem}(\.pxd)?<", text), name
    assert not re.findall(r"\| *\|$", listed, re.MULTILINE), "a file without a first sentence"


@pytest.fixture
def tree(tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "CORE", tmp_path)
    for name, text in {
        "array.pxd": "# The door.\n", "tile.pxd": 'from tinydl._core.array cimport a\ncdef extern from "src/tile.h":\n',
        "far.pxd": "# Far.\nfrom tinydl._core.tile cimport t\n", "src/tile.h": "/* Tiles. More. */\n",
        "conv/a.pyx": '"""One: two."""\nfrom tinydl._core.tile cimport t\nfrom tinydl._core.far cimport f\n',
        "inference/c.pyx": "from tinydl._core.conv.a cimport x\n"}.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)


def test_arrows_leave_out_what_goes_by_another_way(tree):
    found = core_picture.boxes()
    assert {name: box.floor for name, box in found.items()} == {
        "array": "base", "tile": "shared", "far": "shared", "conv": "kernels", "inference.c": "inference"}
    assert core_picture.arrows(found) == [("conv", "far"), ("far", "tile"), ("inference.c", "conv")]
    assert found["tile"].headers == {"tile.h"}


def test_files_say_what_they_are_in_a_sentence(tree):
    said = {path.name: sources.summary(path) for path in sources.files(".pyx", ".pxd", ".h")}
    assert said == {"a.pyx": "One", "array.pxd": "The door", "tile.pxd": "", "far.pxd": "Far", "c.pyx": "",
                    "tile.h": "Tiles"}
