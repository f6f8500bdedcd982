"""Choice of the ISA level whose kernels are used: the best the CPU has, or the one TINYDL_ISA names."""

import os
import warnings
from importlib.machinery import EXTENSION_SUFFIXES

from tinydl._core import parallel

__all__ = ["built_levels", "level", "search_path", "supported_levels"]

# From the most capable down; "base" is the only level of a build for another architecture than x86-64.
_ORDER = ("v4", "v3", "v2", "base")
_HERE = os.path.dirname(__file__)


def built_levels():
    """Levels this build contains, best first."""
    return [name for name in _ORDER
            if any(file.endswith(tuple(EXTENSION_SUFFIXES))
                   for _, _, files in os.walk(os.path.join(_HERE, name)) for file in files)]


def supported_levels():
    """Levels that this build contains and this CPU runs, best first."""
    return [name for name in built_levels() if parallel.cpu_supports(name)]


def _choose():
    supported = supported_levels()
    wanted = os.environ.get("TINYDL_ISA", "").strip()
    if wanted and wanted not in supported:
        raise ImportError(
            f"TINYDL_ISA={wanted!r} cannot be used here: this CPU and this build support {', '.join(supported)}; "
            "unset TINYDL_ISA to take the best")
    if not supported:
        raise ImportError(f"no kernels for this CPU: the build contains {', '.join(built_levels()) or 'none'}; "
                          "rebuild tinydl on this machine")
    best = next(name for name in _ORDER if parallel.cpu_supports(name))
    if not wanted and best != supported[0]:
        warnings.warn(f"this CPU runs the ISA level {best}, but tinydl was built elsewhere, for "
                      f"{', '.join(built_levels())}: kernels are slower than they need to be; build it on this "
                      f"machine, or with TINYDL_LEVELS=all", RuntimeWarning, stacklevel=2)
    return wanted or supported[0]


level = _choose()


def search_path(package):
    """Folders that hold the modules of `package`, `tinydl._core` or a room of it: its own, and that of the level."""
    room = package.split(".")[2:]
    return [os.path.join(_HERE, *room), os.path.join(_HERE, level, *room)]
