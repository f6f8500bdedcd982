"""The name: files of the unrelated distribution are named with the cure; advice works before the first release too."""

import re
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

import tinydl
from tinydl._name import how_to_install, warn_of_the_other

ROOT = Path(__file__).parents[1]


def test_no_warning_where_only_tinydl_is(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_the_other(str(tmp_path))
        warn_of_the_other(str(Path(tinydl.__file__).parent))


def test_files_of_the_other_distribution_are_a_warning_with_the_cure(tmp_path):
    (tmp_path / "hyperparameter.py").touch()
    with pytest.warns(RuntimeWarning, match="unrelated distribution tinydl.*pip uninstall tinydl tinydl-cnn"):
        warn_of_the_other(str(tmp_path))


def test_the_import_warns():
    code = ("import os; real = os.path.exists\n"
            "os.path.exists = lambda path: str(path).endswith('hyperparameter.py') or real(path)\nimport tinydl")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0 and "RuntimeWarning" in done.stderr and "unrelated distribution" in done.stderr


def test_advice_names_the_extra_for_pypi_and_for_a_clone():
    text = how_to_install("sound")
    assert "pip install 'tinydl-cnn[sound]'" in text and "pip install '.[sound]'" in text


FOLDERS = [folder for folder in (ROOT / name for name in ("docs", "examples", "tinydl")) if folder.exists()]


def test_advice_in_pages_and_programs_works_in_a_clone_too():
    """Each paragraph that names an extra of the distribution has the form for a clone beside it."""
    found = 0
    for path in (path for folder in FOLDERS for kind in ("md", "py", "ipynb") for path in folder.rglob(f"*.{kind}")):
        for n, line in enumerate(lines := path.read_text(encoding="utf-8").splitlines()):
            for extra in re.findall(r"tinydl-cnn\[(\w+)\]", line):
                found += 1
                assert f"'.[{extra}]'" in " ".join(lines[max(0, n - 1):n + 1]), f"{path}:{n + 1}"
    assert found or not FOLDERS


def test_the_version_is_that_of_the_citation():
    if not (ROOT / "CITATION.cff").exists():
        pytest.skip("not a source tree")
    assert f"\nversion: {tinydl.__version__}\n" in (ROOT / "CITATION.cff").read_text()
