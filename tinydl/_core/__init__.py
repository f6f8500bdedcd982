"""The arithmetic: Cython kernels, compiled once per ISA level, and their NumPy twins in `reference`.

`from tinydl._core import conv` gives the kernels of the level in use (`tinydl._core.isa.level`): the level's folder is
on the path of this package, and on that of each room below it. What has little to gain from a level is compiled once
and lies beside its source; setup.py lists it.
"""

import os
import sys
from importlib.machinery import EXTENSION_SUFFIXES

if not any(os.path.exists(os.path.join(__path__[0], f"parallel{suffix}")) for suffix in EXTENSION_SUFFIXES):
    raise ImportError("no compiled kernels for Python {}.{} in {}: if this is the source, which hides the tinydl that "
                      "is installed, start Python in another folder or as 'python -P', or let 'pip install -e .' build "
                      "the kernels here; else install tinydl again".format(*sys.version_info[:2], __path__[0]))

from tinydl._core.isa import level, search_path

__path__ = search_path(__name__)

__all__ = ["level"]
