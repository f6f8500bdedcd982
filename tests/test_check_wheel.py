"""Repaired wheels: too large, without an OpenMP library, with another than the compiler's."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "tools/check_wheel.py"
pytestmark = pytest.mark.skipif(not SCRIPT.exists() or not shutil.which("gcc"), reason="no source tree or no GCC")


def said(folder, *most):
    done = subprocess.run([sys.executable, SCRIPT, folder, *most], capture_output=True, text=True)
    return done.returncode, done.stdout.strip()


def wheel(folder, files):
    with zipfile.ZipFile(folder / "a-1-py3-none-any.whl", "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)


def test_the_library_of_the_compiler_passes_and_another_does_not(tmp_path):
    name = "a_cnn.libs/libgomp-24e2ab19.so.1.0.0"
    found = subprocess.run(["gcc", "-print-file-name=libgomp.so.1"], capture_output=True, text=True).stdout.strip()
    if not Path(found).is_file():
        pytest.skip("the compiler links no libgomp of its own")
    wheel(tmp_path, {name: Path(found).read_bytes()})
    assert said(tmp_path) == (0, "1 wheels as they should be")
    wheel(tmp_path, {name: b"\0GOMP_1.0\0OMP_1.0\0"})
    code, text = said(tmp_path)
    assert code == 1 and text.startswith(f"a-1-py3-none-any.whl: {name} is of another release than ")


def test_size_and_number_of_libraries(tmp_path):
    wheel(tmp_path, {"a/b.so": b"x" * 20_000})
    assert said(tmp_path, "0.01") == (1, "a-1-py3-none-any.whl: 0.02 MB, more than 0.01\n"
                                         "a-1-py3-none-any.whl: expected one OpenMP library, found none")


def test_a_folder_without_wheels_is_a_failure(tmp_path):
    assert said(tmp_path)[0] == 1
