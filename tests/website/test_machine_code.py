"""The instructions that docs/machine-code.md shows are those of the library that is built."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

import tinydl

FOLDER = Path(tinydl.__file__).parent / "_core/v3"
PAGE = Path(__file__).resolve().parents[2] / "docs/machine-code.md"


def test_the_tile_is_loads_broadcasts_and_fused_multiply_adds():
    built = sorted(FOLDER.glob("strip*.so"))
    if not built or shutil.which("objdump") is None:
        pytest.skip("level v3 is not built, or there is no objdump")
    command = ["objdump", "-d", "--no-show-raw-insn", "--disassemble=td_pixels_3_2_2_f", built[0]]
    listing = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if "vfmadd231ps" not in listing:
        pytest.skip("no such tile: stripped, or of another compiler")
    shown = PAGE.read_text()
    kinds = [re.sub(r"\d+", "#", line.split("  ")[0].split()[0]) for line in shown.splitlines()
             if re.match(r"v\w+ps |vbroadcastss ", line)]
    assert (kinds.count("vfmadd#ps"), kinds.count("vbroadcastss"), kinds.count("vmovups")) == (12, 6, 2)
    # Somewhere in the loop, between two jumps: six broadcasts, each with two multiply-adds behind it.
    names = re.findall(r"^\s+[0-9a-f]+:\s+(\w+)", listing, re.MULTILINE)
    sums = "".join("f" if name == "vfmadd231ps" else "b" if name == "vbroadcastss" else "" if name[0] != "j" else "|"
                   for name in names)
    assert "bffbffbffbffbffbff" in sums
