"""From Cython to C: what is read for a module, and one C file for each, on all cores.

Cython's own `cythonize` looks for what each file depends on first, for a second on one core, and forks the same
processes afterwards. setup.py is the only user; the functions stand here because a process finds them by the name of
their module, which setup.py has not under pip.
"""

import functools
import gc
import multiprocessing
import os
import re
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

__all__ = ["sources_of", "translate"]

CIMPORTED = re.compile(r"^(?:from|cimport) (tinydl\._core\.[\w.]+)", re.MULTILINE)


def sources_of(pyx):
    """A module's source and the .pxd files that Cython reads with it, those that these cimport among them."""
    found, left = set(), [pyx, pyx.with_suffix(".pxd")]
    while left:
        file = left.pop()
        if file not in found and file.exists():
            found.add(file)
            left += [Path(name.replace(".", "/") + ".pxd") for name in CIMPORTED.findall(file.read_text())]
    return found


def translate(names, directives):
    """Make the C file beside each source; `names` holds the name of the module that each .pyx is."""
    import Cython.Compiler.Main  # noqa: F401 - once, before processes are forked

    # A long one begun last would keep one core at work after the others.
    tasks = sorted(names.items(), key=lambda task: -task[0].stat().st_size)
    one = functools.partial(_translate_one, directives)
    # Looking for rubbish among live parse trees would be a quarter of the work.
    gc.disable()
    if sys.platform == "linux" and len(tasks) > 1:
        # Started in any other way, each process would run setup.py again.
        with ProcessPoolExecutor(os.cpu_count(), multiprocessing.get_context("fork")) as processes:
            list(processes.map(one, tasks))
    else:
        list(map(one, tasks))
    gc.enable()


def _translate_one(directives, task):
    from Cython.Compiler.Main import CompilationOptions, compile

    pyx, name = task
    options = CompilationOptions(compiler_directives=directives, include_path=["."],
                                 output_file=str(pyx.with_suffix(".c")))
    result = compile(str(pyx), options, full_module_name=name)
    if result.num_errors:
        raise RuntimeError(f"{pyx} is not translated: Cython found {result.num_errors} errors, see above")
