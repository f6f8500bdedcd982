"""Choice of the ISA level whose kernels are used: the best the CPU has, or the one TINYDL_ISA names."""

import os
from importlib.machinery import EXTENSION_SUFFIXES

from tinydl._core import parallel

__all__ = ["built_levels", "level", "supported_levels"]

# From the most capable down; "base" is the only level of a build for another architecture than x86-64.
_ORDER = ("v4", "v3", "v2", "base")


def built_levels():
    """Levels this build contains, best first."""
    here = os.path.dirname(__file__)
    return [name for name in _ORDER
            if any(os.path.exists(os.path.join(here, name, "conv" + suffix)) for suffix in EXTENSION_SUFFIXES)]


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
    return wanted or supported[0]


level = _choose()
