"""The arithmetic: Cython kernels, compiled once per ISA level, and their NumPy twins in `reference`.

`from tinydl._core import conv` gives the kernels of the level in use (`tinydl._core.isa.level`): the level's folder is
on the path of this package, and on that of each room below it. What has little to gain from a level is compiled once
and lies beside its source; setup.py lists it.
"""

from tinydl._core.waiting import short_spins

with short_spins():  # the first compiled module loads the OpenMP runtime
    from tinydl._core.isa import level, search_path

__path__ = search_path(__name__)

__all__ = ["level"]
