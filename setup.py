"""The extension table: which Cython modules there are, at which ISA levels they are compiled, with which flags.

Every .pyx below `tinydl/_core` is a module. Kernels are compiled once per ISA level, from one C file each, into the
folder of the level, which repeats the rooms of the source (`tinydl/_core/v3/gemm/forward.so`); `tinydl/_core/isa.py`
puts the folder of one level on the path at import. Built are the level of this machine and the lowest, which runs
anywhere. Environment: TINYDL_LEVELS=all builds every level (for a wheel that others install), TINYDL_LEVELS=v3,v4
these; TINYDL_NO_OPENMP=1 builds without threads, TINYDL_DEBUG=1 with assertions and without optimisation, CC=clang
with another compiler than Python's own (tools/compiler.py).

What a step makes is kept in `build` with a key of everything it was made from, and made again only when the key or the
file is another one (tools/kept.py): a second `pip install`, which has an environment of its own, compiles nothing. With
`-e` pip builds in a folder of its own, which keeps nothing.
"""

import functools
import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "tools"))

import compiler
from kept import forget, is_kept, keep, key_of, remove_unless
from translation import sources_of, translate

CORE = Path("tinydl/_core")
MODULES = sorted(p.relative_to(CORE).with_suffix("").as_posix() for p in CORE.rglob("*.pyx"))
# One build for all levels: what these do is copying, or too little for wider vectors to count.
COMMON = {"array", "augment", "conv/geometry", "im2col", "inference/copy", "inference/elementwise", "inference/pool",
          "inference/program", "inference/transpose", "loss/cross_entropy", "loss/softmax", "memory", "operands",
          "parallel", "update/segments", "warp"}
# Checks of arguments and lists of work to do: nothing in them is a loop that counts, and -O1 takes half the time.
GLUE = {"array", "conv/geometry", "inference/program", "memory", "operands", "parallel", "update/segments"}
# -O3 pays where short loops over channels are the work. Elsewhere kernels are no faster with it, those of weight
# gradients slower, and it takes a third longer to compile.
THOROUGH = {"batchnorm", "batchnorm_backward", "pool/max"}
# Their loops are strip's, written in vectors (src/*.h), short or plain, and as fast with less effort. Others are not:
# cross-entropy and softmax take up to a quarter longer, activations, im2col and rules of optimisers up to a sixth.
WRITTEN = {"augment", "dropout", "gemm/backward_input", "gemm/forward", "groupnorm", "inference/conv",
           "inference/copy", "inference/linear", "inference/transpose", "inference/winograd", "peak", "pool/image_mean",
           "pool/mean", "pool/windows", "update/gradients", "warp"}
X86 = {"v2": ["-march=x86-64-v2", "-O1", "-ftree-vectorize"], "v3": ["-march=x86-64-v3"],
       "v4": ["-march=x86-64-v4", "-mprefer-vector-width=512"]}
LEVELS = X86 if compiler.makes_x86() else {"base": []}
DEBUG = os.environ.get("TINYDL_DEBUG") == "1"
# Kernels index raw pointers, which Cython never checks; its checks of lists and tuples stay on. What modules keep for
# all threads has locks of its own: a free-threaded Python need not switch its global one on (CONTRIBUTING.md).
DIRECTIVES = {"language_level": 3, "cdivision": True, "initializedcheck": False, "binding": False,
              "embedsignature": True, "auto_pickle": False, "freethreading_compatible": True}
# Of Cython's ways through Python's insides, those that no call here is faster with; the last three take a twentieth of
# the time to compile.
UNUSED = ("CYTHON_USE_TYPE_SPECS", "CYTHON_USE_PYLONG_INTERNALS", "CYTHON_USE_UNICODE_INTERNALS",
          "CYTHON_USE_DICT_VERSIONS")


# --- levels --------------------------------------------------------------------------------------------------------

def levels():
    """The levels to build, best last: what TINYDL_LEVELS names, or the lowest and the best that this machine runs."""
    wanted = os.environ.get("TINYDL_LEVELS", "").strip()
    if wanted == "all":
        return list(LEVELS)
    if wanted:
        if not set(wanted.split(",")) <= set(LEVELS):
            raise ValueError(f"TINYDL_LEVELS={wanted}: this architecture has {', '.join(LEVELS)}, or all")
        return wanted.split(",")
    tests = "".join(f'if (td_cpu_supports("{level}")) puts("{level}");' for level in LEVELS)
    runs = compiler.probe(f'#include <stdio.h>\n#include "cpu.h"\nint main(void) {{ {tests} return 0; }}\n',
                          f"-I{CORE / 'src'}", run=True)
    if not runs:  # made for another machine, of which nothing is known
        return list(LEVELS)
    return list(dict.fromkeys([next(iter(LEVELS)), runs.split()[-1]]))


# --- what is made, unless it is kept ---------------------------------------------------------------------------------

def c_files():
    """One C file a module, beside its source."""
    import Cython

    # Cython's own .pxd files go by its version.
    keys = {module: key_of(sources_of(CORE / f"{module}.pyx"), Cython.__version__, DIRECTIVES) for module in MODULES}
    wanted = [module for module in MODULES if not is_kept(CORE / f"{module}.c", dotted(module) + ".c", keys[module])]
    for module in wanted:
        forget(dotted(module) + ".c")
    translate({CORE / f"{module}.pyx": dotted(module) for module in wanted}, DIRECTIVES)
    for module in wanted:
        keep(CORE / f"{module}.c", dotted(module) + ".c", keys[module])


def headers_of(file):
    """The headers of src that a C file or a header includes, and those that these include."""
    found = {CORE / name for name in re.findall(r'#include "(src/\w+\.h)"', Path(file).read_text())}
    return found.union(*map(headers_of, found))


class Build(build_ext):
    """Compile what has another key than last time, and remove what no source makes any more."""

    def finalize_options(self):
        # An editable install forgets the options that `setup` is given.
        self.parallel = self.parallel or os.cpu_count() or 1
        self.force = True  # what is copied into the source is not to be judged by its time
        super().finalize_options()

    def run(self):
        compiler.require()
        import numpy

        self.distribution.ext_modules = extensions(numpy.get_include())
        self.numpy_version = numpy.__version__
        self.swig_opts = None  # a second time, setuptools takes what it made of it for a string
        self.finalize_options()
        wanted = {extension.name.removeprefix("tinydl._core.").replace(".", "/") for extension in self.extensions}
        suffix = sysconfig.get_config_var("EXT_SUFFIX")
        # What is left of a module that moved would hide the new one, and an old level the new ones. Kernels in the
        # source are those of an editable install, which no other build has a say in.
        for root in [Path(self.build_lib, CORE), CORE] if self.inplace else [Path(self.build_lib, CORE)]:
            remove_unless(lambda file: not file.name.endswith(suffix) or
                          file.as_posix().removesuffix(suffix) in wanted, root)
        super().run()

    def build_extensions(self):
        if compiler.WINDOWS:  # setuptools finds MSVC's cl, whose options clang-cl takes
            self.compiler.initialize()
            self.compiler.cc = compiler.COMMAND[0]
        super().build_extensions()

    def build_extension(self, extension):
        made = Path(self.get_ext_fullpath(extension.name))
        tools = [getattr(self.compiler, tool, None) for tool in ("compiler_so", "linker_so")]
        key = key_of({extension.c_file, *headers_of(extension.c_file)}, tools, compiler_version(tuple(tools[0] or ())),
                     sys.version, self.numpy_version, extension.extra_compile_args, extension.extra_link_args,
                     extension.define_macros)
        name = extension.name + sysconfig.get_config_var("EXT_SUFFIX")  # each Python has its own
        if is_kept(made, name, key):
            return
        made.unlink(missing_ok=True)
        forget(name)
        super().build_extension(extension)
        keep(made, name, key)


class Packages(build_py):
    """Copy the other files, and remove those of an earlier build whose source is gone: wheels would hold them."""

    def run(self):
        if not self.editable_mode:
            remove_unless(lambda file: file.suffix in (".so", ".pyd") or Path("tinydl", file).exists(),
                          Path(self.build_lib, "tinydl"))
        super().run()


@functools.cache
def compiler_version(command):
    try:
        return subprocess.run([*command, "--version"], capture_output=True, text=True).stdout
    except (OSError, TypeError):
        return None


# --- the table -----------------------------------------------------------------------------------------------------

def dotted(module):
    return f"tinydl._core.{module.replace('/', '.')}"


def effort_of(module):
    """Flags for how much the compiler tries, where it is not as in most modules."""
    if DEBUG:
        return []
    if module in WRITTEN:
        return compiler.less_effort()
    return compiler.options(["-O1"] if module in GLUE else ["-O3"] if module in THOROUGH else [])


def extensions(numpy_headers):
    if unknown := (COMMON | GLUE | THOROUGH | WRITTEN) - set(MODULES):
        raise FileNotFoundError(f"setup.py names modules without a source: {', '.join(sorted(unknown))}")
    omp_compile, omp_link = compiler.openmp_flags()
    options = {
        "include_dirs": [numpy_headers, ".", str(CORE)],
        "define_macros": [("NPY_NO_DEPRECATED_API", "NPY_1_7_API_VERSION"), *((name, "0") for name in UNUSED)],
        "extra_link_args": omp_link,
    }
    compile_args = compiler.common_flags(DEBUG) + omp_compile
    built_levels, built = levels(), []
    c_files()
    for module in MODULES:
        c_file = str(CORE / f"{module}.c")
        flags = compile_args + effort_of(module)
        if module in COMMON:
            built.append(Extension(dotted(module), [c_file], extra_compile_args=flags, **options))
            built[-1].c_file = c_file
            continue
        for level in built_levels:
            # One C file, several objects: distutils names an object after its source, so each level gets a shim.
            shim = Path("build", "levels", level, f"{module}.c")
            for folder in (shim.parent, (CORE / level / module).parent):
                folder.mkdir(parents=True, exist_ok=True)
            shim.write_text(f'#include "{c_file}"\n')
            built.append(Extension(dotted(f"{level}/{module}"), [str(shim)],
                                   extra_compile_args=flags + compiler.options(LEVELS[level]), **options))
            built[-1].c_file = c_file
    # The longest by far: begun last, it would keep one core at work after the others.
    return sorted(built, key=lambda extension: not extension.name.endswith(".strip"))


# An sdist needs no compiler: what stands here says that there are extensions, and build_ext finds out which.
setup(ext_modules=[Extension("tinydl._core", [])], cmdclass={"build_ext": Build, "build_py": Packages})
