"""The compiler of a build: two lines where there is none, and flags as each compiler takes them."""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.skipif(not (ROOT / "tools/compiler.py").exists(), reason="not a source tree")


def run(program, **environment):
    """(exit code, lines of stderr, stdout) of a program that has imported tools/compiler.py as `compiler`."""
    program = f"import sys; sys.path.insert(0, 'tools'); import compiler; {program}"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=os.environ | environment,
                          capture_output=True, text=True)
    return done.returncode, done.stderr.splitlines(), done.stdout.strip()


@pytest.mark.parametrize("named, problem", [
    ("no-such-compiler", "tinydl: there is no compiler no-such-compiler"),
    ("gcc '-m64", "tinydl: there is no compiler gcc '-m64"),
    ("false", "tinydl: false does not compile a program of one line: it or the C library is not installed whole"),
])
def test_no_compiler_is_two_lines_that_say_what_to_install(named, problem):
    code, said, _ = run("compiler.require()", CC=named)
    assert code == 1 and said[0] == problem and len(said) == 2
    for word in ("apt install gcc", "dnf install gcc", "apk add gcc", "xcode-select --install", "C++ Clang tools"):
        assert word in said[1]


@pytest.mark.parametrize(("named", "words"), [("gcc -m64", ["gcc", "-m64"]), ("HERE/a b/cc", ["HERE/a b/cc"]),
                                              ("'HERE/a b/cc' -pipe", ["HERE/a b/cc", "-pipe"]),
                                              ("HERE/o'neil", ["HERE/o'neil"])])
def test_a_compiler_may_have_options_and_a_space_in_its_path(tmp_path, named, words):
    if not shutil.which("gcc"):
        pytest.skip("no gcc")
    (tmp_path / "a b").mkdir()
    for wrapper in (tmp_path / "a b" / "cc", tmp_path / "o'neil"):
        wrapper.write_text('#!/bin/sh\nexec gcc "$@"\n')
        wrapper.chmod(0o755)
    code, said, out = run("compiler.require(); print(compiler.COMMAND); print(compiler.os.environ['CC'])",
                          CC=named.replace("HERE", str(tmp_path)))
    found, passed_on = out.splitlines()
    words = [word.replace("HERE", str(tmp_path)) for word in words]
    assert code == 0 and found == str(words) and shlex.split(passed_on) == words, said


def test_a_name_of_blanks_is_none():
    assert run("print(compiler.COMMAND)", CC=" ")[2] == run("print(compiler.COMMAND)", CC="")[2]


def test_python_itself_without_headers_is_named(tmp_path):
    # A compiler that finds everything but Python.h.
    wrapper = tmp_path / "cc"
    wrapper.write_text('#!/bin/sh\nfor word; do case "$word" in *.c) grep -q Python.h "$word" && exit 1;; esac; done\n')
    wrapper.chmod(0o755)
    code, said, _ = run("compiler.require()", CC=str(wrapper))
    assert code == 1 and "finds no Python.h" in said[0] and "apt install python3-dev" in said[1] and len(said) == 2


@pytest.mark.parametrize("named, own", [("gcc", True), ("clang", False)])
def test_flags_that_only_gcc_has_go_to_gcc_only(named, own):
    if not shutil.which(named) or sys.platform == "darwin":
        pytest.skip(f"no {named}")
    code, said, flags = run("print(compiler.common_flags())", CC=named)
    assert code == 0 and ("-fvect-cost-model=dynamic" in flags) is own
    assert "-ffp-contract=fast" in flags and "fast-math" not in flags


def test_clang_cl_takes_the_flags_of_clang_behind_a_word():
    code, _, words = run("compiler.WINDOWS = True; print(compiler.options(['-O2', '-Wno-psabi', '-march=x86-64-v3']))",
                         CC="cc")
    assert code == 0 and words == "['/clang:-O2', '-Wno-psabi', '/clang:-march=x86-64-v3']"


REGIONS = """\
#include <stdio.h>
#include "src/openmp.h"
int main(void) {
    int level = -1, two = 0, nested = 0;
#pragma omp parallel num_threads(1)
    level = omp_get_level();
#pragma omp parallel num_threads(2)
    {
#pragma omp atomic
        two++;
#pragma omp parallel num_threads(1)
#pragma omp for schedule(dynamic)
        for (int i = 0; i < 100; i++)
#pragma omp atomic
            nested++;
    }
    printf("%d %d %d", level, two, nested);
    return 0;
}
"""


def test_a_team_of_one_is_none_unless_another_is_around_it():
    """Each of two threads does all of a loop of its own; alone, GCC's region runs without a team."""
    code, said, _ = run("print(compiler.openmp_flags())", CC="gcc", TINYDL_NO_OPENMP="")
    if not shutil.which("gcc") or sys.platform != "linux" or code or said:
        pytest.skip("no GCC with OpenMP")
    program = ("flags = sum(compiler.openmp_flags(), []); "
               f"print(compiler.probe({REGIONS!r}, '-Itinydl/_core', *flags, run=True))")
    assert run(program, CC="gcc", TINYDL_NO_OPENMP="")[2] == "0 2 200"
