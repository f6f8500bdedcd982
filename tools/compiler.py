"""The C compiler of a build: which it is, what to say where there is none, and the flags it takes.

GCC 10 or newer, Clang 14 or newer (Apple's too), on Windows clang-cl: setuptools' own compiler there has no vector
extensions. CC names one; without it the one that Python was built with, or else the first that is there. setup.py is
the only user.
"""

import contextlib
import functools
import os
import platform
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

__all__ = ["COMMAND", "common_flags", "less_effort", "makes_x86", "openmp_flags", "options", "probe", "require"]

CORE = Path("tinydl/_core")
WINDOWS, MACOS = sys.platform == "win32", sys.platform == "darwin"
INSTALL = ("install one: apt install gcc libc6-dev (Debian, Ubuntu); dnf install gcc (Fedora); apk add gcc musl-dev "
           "(Alpine); xcode-select --install and brew install libomp (macOS); Visual Studio with \"C++ Clang tools\" "
           "(Windows)")
NAMED = os.environ.get("CC", "").strip()
MAIN = "int main(void) { return 0; }\n"


# --- which ---------------------------------------------------------------------------------------------------------

def command():
    """The words that start the compiler, none if there is no compiler."""
    if WINDOWS:
        programs = Path(os.environ.get("PROGRAMFILES", "C:/Program Files"))
        found = [NAMED, shutil.which("clang-cl"), *programs.glob("LLVM/bin/clang-cl.exe"),
                 *programs.glob("Microsoft Visual Studio/*/*/VC/Tools/Llvm/x64/bin/clang-cl.exe")]
        return [str(path) for path in found if path][:1]
    for words in [NAMED] if NAMED else [sysconfig.get_config_var("CC"), "cc", "gcc", "clang"]:
        if words and shutil.which(words):  # a path may have a space
            return [words]
        with contextlib.suppress(ValueError):  # of a quote that does not end
            split = shlex.split(words or "")
            if split and shutil.which(split[0]):
                return split
    return []


COMMAND = command()


def require():
    """Stop with two lines that say what is missing and how to install it, where the core cannot be compiled."""
    said = " ".join(COMMAND)
    lowest = options(["-march=x86-64-v2"]) if makes_x86() else []  # which not every GCC 10 knows
    if not COMMAND and WINDOWS:
        problem = "clang-cl is not installed, and MSVC's cl cannot compile vector extensions"
    elif not COMMAND:
        problem = f"there is no compiler {NAMED}" if NAMED else "there is no C compiler"
    elif probe("#include <stdio.h>\n" + MAIN) is None:
        problem = f"{said} does not compile a program of one line: it or the C library is not installed whole"
    elif probe('#include "src/shuffle.h"\n' + MAIN, f"-I{CORE}", *lowest) is None:
        problem = f"{said} is too old or another kind of compiler: GCC 10 or newer or Clang 14 or newer is needed"
    elif probe("#include <Python.h>\n" + MAIN, f"-I{sysconfig.get_path('include')}", "-fsyntax-only") is None:
        raise SystemExit(f"tinydl: {said} finds no Python.h of Python {platform.python_version()} in "
                         f"{sysconfig.get_path('include')}\ntinydl: install it: apt install python3-dev (Debian, "
                         "Ubuntu); dnf install python3-devel (Fedora); apk add python3-dev (Alpine)")
    else:
        if not WINDOWS and ("CC" in os.environ or said != sysconfig.get_config_var("CC")):
            os.environ["CC"] = shlex.join(COMMAND)  # where setuptools looks
        return
    raise SystemExit(f"tinydl: {problem}\ntinydl: {INSTALL}")


def probe(source, *args, run=False):
    """What a small C program prints, or "" if it is only to be compiled; None where that fails."""
    with tempfile.TemporaryDirectory() as folder:
        file, program = Path(folder, "probe.c"), Path(folder, "probe.exe")
        file.write_text(source)
        try:
            subprocess.run([*COMMAND, str(file), "-o", str(program), *args], capture_output=True, check=True)
            return subprocess.run([program], capture_output=True, check=True, text=True).stdout if run else ""
        except (OSError, subprocess.CalledProcessError):
            return None


@functools.cache
def makes_x86():
    """Whether it compiles for x86-64, which need not be the machine that it runs on."""
    if not COMMAND:  # an sdist needs none
        return platform.machine().lower() in ("x86_64", "amd64")
    return probe("#if !defined(__x86_64__) && !defined(_M_X64)\n#error\n#endif\n" + MAIN) is not None


# --- flags ---------------------------------------------------------------------------------------------------------

def options(flags):
    """Flags of GCC and Clang as this compiler takes them: clang-cl wants a word before most."""
    return [flag if flag.startswith("-W") else f"/clang:{flag}" for flag in flags] if WINDOWS else list(flags)


@functools.cache
def is_clang():
    return probe("#ifndef __clang__\n#error\n#endif\n" + MAIN) is not None


def less_effort():
    """Flags that compile faster what is no slower with them: -O1 of GCC, its pass that fuses multiply-adds, loops."""
    loops = ["-ftree-vectorize", "-fpeel-loops", "-funswitch-loops"]
    return [] if is_clang() else ["-O1", "-fexpensive-optimizations", *loops]


def common_flags(debug=False):
    """Flags of every module; never -ffast-math, which switches the whole process to flush-to-zero."""
    # GCC alone has this one, and the kernels that it keeps from vectorising are slower with vectors.
    cost = [] if is_clang() else ["-fvect-cost-model=dynamic"]
    speed = ["-O1", "-g"] if debug else ["-O2", "-ftree-vectorize", *cost, "-g0"]
    return options([*speed, "-std=gnu11", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=fast",
                    *([] if WINDOWS else ["-fvisibility=hidden"]), "-Wno-unused-function", "-Wno-psabi"])


def openmp_flags():
    """(compiler flags, linker flags) that switch OpenMP on; none where TINYDL_NO_OPENMP=1 or the compiler has none."""
    if os.environ.get("TINYDL_NO_OPENMP") == "1":
        return [], []
    compiled, linked = ["-fopenmp"], ["-fopenmp"]
    if MACOS:  # Apple's compiler comes without the library; Homebrew's lies outside of its path
        roots = [root for root in map(Path, ("/opt/homebrew/opt/libomp", "/usr/local/opt/libomp")) if root.exists()][:1]
        compiled = ["-Xpreprocessor", "-fopenmp", *(f"-I{root}/include" for root in roots)]
        linked = [*(f"-L{root}/lib" for root in roots), "-lomp"]
    elif WINDOWS:
        folder = Path(shutil.which(COMMAND[0]) or COMMAND[0]).absolute().parents[1]
        compiled, linked = ["/openmp"], [str(folder / "lib" / "libomp.lib")]
    if probe("#include <omp.h>\nint main(void) { return omp_get_max_threads() < 1; }\n", *compiled, *linked) is None:
        print(f"tinydl: {' '.join(COMMAND)} has no OpenMP; building for one thread", file=sys.stderr)
        return [], []
    # Teams of one cost nothing where the library is GCC's and the linker can wrap its way into a region (openmp.h).
    define, wrap = "-DTD_TEAMS_OF_ONE", "-Wl,--wrap=GOMP_parallel"
    region = '#include "src/openmp.h"\nint main(void) {\n#pragma omp parallel num_threads(1)\n{}\nreturn 0; }\n'
    if not is_clang() and probe(region, f"-I{CORE}", define, wrap, *compiled, *linked) is not None:
        return [*compiled, define], [*linked, wrap]
    return compiled, linked
