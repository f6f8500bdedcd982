"""The extension table: which Cython modules there are, at which ISA levels they are compiled, with which flags.

Every .pyx below `tinydl/_core` is a module. Kernels are compiled once per ISA level, from one C file each, into the
folder of the level, which repeats the rooms of the source (`tinydl/_core/v3/inference/gemm.so`); `tinydl/_core/isa.py`
puts the folder of one level on the path at import. Environment: TINYDL_NO_OPENMP=1 builds without threads,
TINYDL_DEBUG=1 with assertions and without optimisation, TINYDL_LEVELS=v3,v4 only some levels.
"""

import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy
from Cython.Build import cythonize
from setuptools import Extension, setup

CORE = Path("tinydl/_core")
MODULES = sorted(p.relative_to(CORE).with_suffix("").as_posix() for p in CORE.rglob("*.pyx"))
# One build for all levels: what these do is copying, or too little for wider vectors to count.
COMMON = {"augment", "im2col", "inference/program", "loss", "memory", "operands", "parallel"}
X86 = {"v2": ["-march=x86-64-v2", "-O1", "-ftree-vectorize"], "v3": ["-march=x86-64-v3"],
       "v4": ["-march=x86-64-v4", "-mprefer-vector-width=512"]}
COMMON_ARGS = [] if sys.platform == "win32" else ["-O2", "-ftree-vectorize"]
LEVELS = X86 if platform.machine().lower() in ("x86_64", "amd64") else {"base": []}
DEBUG = os.environ.get("TINYDL_DEBUG") == "1"


def flags():
    """Compiler and linker flags; never -ffast-math, which switches the whole process to flush-to-zero."""
    if sys.platform == "win32":
        return ["/O2", "/std:c11"], []
    speed = ["-O1", "-g"] if DEBUG else ["-O3", "-g0"]
    return [*speed, "-std=gnu11", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=fast", "-fvisibility=hidden",
            "-Wno-unused-function", "-Wno-psabi"], []


def openmp_flags():
    """Flags that switch OpenMP on, or none where the compiler has none or TINYDL_NO_OPENMP=1 forbids it."""
    if os.environ.get("TINYDL_NO_OPENMP") == "1":
        return [], []
    if sys.platform == "win32":
        return ["/openmp"], []
    tried = ["-fopenmp"] if sys.platform != "darwin" else ["-Xpreprocessor", "-fopenmp"]
    linked = ["-fopenmp"] if sys.platform != "darwin" else ["-lomp"]
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "probe.c")
        source.write_text("#include <omp.h>\nint main(void) { return omp_get_max_threads() < 1; }\n")
        command = [*os.environ.get("CC", "cc").split(), *tried, str(source), "-o", str(Path(folder, "probe")), *linked]
        try:
            if subprocess.run(command, capture_output=True).returncode == 0:
                return tried, linked
        except OSError:
            pass
    print("tinydl: the compiler has no OpenMP; building for one thread", file=sys.stderr)
    return [], []


def dotted(module):
    return f"tinydl._core.{module.replace('/', '.')}"


def extensions():
    if unknown := COMMON - set(MODULES):
        raise FileNotFoundError(f"COMMON names modules without a source: {', '.join(sorted(unknown))}")
    compile_args, link_args = flags()
    omp_compile, omp_link = openmp_flags()
    options = {
        "include_dirs": [numpy.get_include(), ".", str(CORE)],
        "define_macros": [("NPY_NO_DEPRECATED_API", "NPY_1_7_API_VERSION"), ("CYTHON_USE_TYPE_SPECS", "0")],
        "extra_link_args": link_args + omp_link,
    }
    compile_args = compile_args + omp_compile
    # Kernels index raw pointers, which Cython never checks; its checks of lists and tuples stay on.
    directives = {"language_level": 3, "cdivision": True, "initializedcheck": False, "binding": False,
                  "embedsignature": True, "auto_pickle": False}
    table = [Extension(dotted(module), [str(CORE / f"{module}.pyx")]) for module in MODULES]
    workers = (os.cpu_count() or 1) if sys.platform == "linux" else 0
    table = cythonize(table, compiler_directives=directives, nthreads=workers, quiet=True)
    headers = [str(p) for p in sorted(CORE.glob("src/*.h"))]
    built = []
    for module, extension in zip(MODULES, table, strict=True):
        if module in COMMON:
            extension.extra_compile_args = compile_args + COMMON_ARGS
            extension.depends = [*extension.depends, *headers]
            vars(extension).update(options)
            built.append(extension)
            continue
        for level, level_args in LEVELS.items():
            if level not in os.environ.get("TINYDL_LEVELS", ",".join(LEVELS)).split(","):
                continue
            # One C file, several objects: distutils names an object after its source, so each level gets a shim.
            shim = Path("build", "levels", level, f"{module}.c")
            for folder in (shim.parent, (CORE / level / module).parent):
                folder.mkdir(parents=True, exist_ok=True)
            text = f'#include "tinydl/_core/{module}.c"\n'
            if not shim.exists() or shim.read_text() != text:
                shim.write_text(text)
            built.append(Extension(
                dotted(f"{level}/{module}"), [str(shim)], extra_compile_args=compile_args + level_args,
                depends=[*extension.depends, str(CORE / f"{module}.c"), *headers], **options))
    return built


setup(ext_modules=extensions(), options={"build_ext": {"parallel": os.cpu_count() or 1}})
