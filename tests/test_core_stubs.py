"""The stubs of the compiled modules are what the modules say, to mypy's own comparison too."""

import subprocess
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parents[1]))

from tools import core_stubs
from tools.written import ROOT


def test_the_stubs_are_what_the_modules_say():
    assert core_stubs.main(["--check"]) == 0, "run python tools/core_stubs.py"


@pytest.mark.parametrize(("parameter", "expected"), [
    ("x", "x: Array | None"), ("long long step", "step: int"), ("double p", "p: float"), ("bool relu", "relu: bool"),
    ("Map on_x", "on_x: Map | None"), ("Filters filters", "filters: Filters"),
    ("int n_threads=1", "n_threads: int = ...")])
def test_types_of_parameters(parameter, expected):
    assert core_stubs.typed(parameter) == expected


@pytest.mark.slow
def test_stubtest_finds_no_difference(tmp_path):
    pytest.importorskip("mypy")
    (tmp_path / "allowed").write_text("\n".join(rf".*\.{name}" for name in ("__test__", "__pyx_capi__", "__reduce__",
                                                                         "__pyx_vtable__")))
    # stubtest takes every message for an error, also a note on a module that a stub imports.
    (tmp_path / "mypy.ini").write_text("[mypy]\nignore_missing_imports = True\nfollow_imports = silent\n")
    modules = [path.removesuffix(".pyi").replace("/", ".") for path in core_stubs.made()]
    flags = ["--ignore-disjoint-bases", "--ignore-unused-allowlist", "--allowlist", tmp_path / "allowed",
             "--mypy-config-file", tmp_path / "mypy.ini"]
    done = subprocess.run([sys.executable, "-m", "mypy.stubtest", *flags, *modules], capture_output=True, text=True,
                          cwd=ROOT)
    assert done.returncode == 0, done.stdout
