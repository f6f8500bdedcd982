"""The choice of the ISA level: what is built, what the CPU runs, where the modules of a level lie."""

import os
import platform
import re
import warnings
from pathlib import Path

import pytest

from tinydl import _core
from tinydl._core import isa, parallel

CPUINFO = Path("/proc/cpuinfo")


def test_the_level_in_use_is_built_and_supported():
    assert isa.level in isa.supported_levels()
    assert set(isa.supported_levels()) <= set(isa.built_levels())
    assert all(parallel.cpu_supports(level) for level in isa.supported_levels())
    assert _core.level == isa.level


@pytest.mark.parametrize("level", ["v1", "v9", "avx2", "V3", " v3", ""])
def test_what_is_no_level_is_not_supported(level):
    assert level not in isa.built_levels()
    assert not parallel.cpu_supports(level)


def test_a_package_is_looked_for_beside_its_source_and_in_the_folder_of_the_level():
    here, there = isa.search_path("tinydl._core")
    assert here == os.path.dirname(isa.__file__)
    assert there == os.path.join(here, isa.level)
    assert isa.search_path("tinydl._core.some.room") == [
        os.path.join(here, "some", "room"), os.path.join(there, "some", "room")]
    assert list(_core.__path__) == [here, there]


def test_a_build_without_the_level_of_this_machine_says_so(monkeypatch):
    monkeypatch.delenv("TINYDL_ISA", raising=False)
    monkeypatch.setattr(isa, "built_levels", lambda: ["v2"])
    monkeypatch.setattr(parallel, "cpu_supports", lambda level: level in ("v2", "v3"))
    with pytest.warns(RuntimeWarning, match="level v3, but tinydl was built elsewhere, for v2: .*LEVELS=all"):
        assert isa._choose() == "v2"
    monkeypatch.setenv("TINYDL_ISA", "v2")  # asked for
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert isa._choose() == "v2"


@pytest.mark.skipif(not CPUINFO.exists() or platform.machine() != "x86_64", reason="Linux on x86-64 says what it found")
def test_levels_are_what_the_system_found():
    """The flags of each level in the x86-64 psABI, under the names that Linux gives them."""
    flags = set(re.search(r"^flags\s*: (.*)$", CPUINFO.read_text(), re.M)[1].split())
    v2 = {"pni", "ssse3", "cx16", "sse4_1", "sse4_2", "popcnt", "lahf_lm"} <= flags
    v3 = v2 and {"avx", "avx2", "fma", "movbe", "f16c", "bmi1", "bmi2", "abm"} <= flags
    v4 = v3 and {"avx512f", "avx512dq", "avx512cd", "avx512bw", "avx512vl"} <= flags
    assert [parallel.cpu_supports(level) for level in ("v2", "v3", "v4")] == [v2, v3, v4]
