"""Each C header names what it needs: it compiles alone, whatever was included before it."""

import os
import platform
import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest

CORE = Path(__file__).resolve().parents[2] / "tinydl/_core"
# Included with macros that say for which type, or what to make of a row: not headers but parts of those that do.
PARTS = {"activations.h"}
HEADERS = sorted(path.name for path in (CORE / "src").glob("*.h")
                 if not path.name.endswith("_template.h") and path.name not in PARTS)
if not HEADERS:
    pytest.skip("the sources are not part of this tree", allow_module_level=True)
COMMAND = (os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc") or shutil.which("clang") or "").split()
X86 = platform.machine().lower() in ("x86_64", "amd64")
PYTHON = sysconfig.get_path("include")
LEVELS = ["-march=x86-64-v2", "-march=x86-64-v3", "-march=x86-64-v4"] if X86 else ["-O0"]


@pytest.mark.skipif(not COMMAND or os.name == "nt", reason="no C compiler that takes GCC's options")
@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("header", HEADERS)
def test_a_header_compiles_alone(header, level):
    options = ["-fsyntax-only", "-std=gnu11", "-Wno-psabi", level, f"-I{CORE}", f"-I{PYTHON}", "-x", "c", "-"]
    done = subprocess.run([*COMMAND, *options], input=f'#include "src/{header}"\n', capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
