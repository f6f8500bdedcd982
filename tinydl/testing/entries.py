"""What of the compiled core Python can call: found by looking, so that no list of kernels needs to be kept.

Cython writes the signature of a function into the first line of its docstring; that is where arguments are read from.
"""

import re
import sys
from dataclasses import dataclass
from importlib.machinery import EXTENSION_SUFFIXES

import tinydl._core  # noqa: F401 - loads the modules
from tinydl._core.isa import built_levels

__all__ = ["Entry", "classes", "entries", "modules", "parameters"]

_FUNCTION = type(len)


@dataclass(frozen=True)
class Entry:
    """A function of the core: `parameters` holds (name, default) pairs, the default as text or None."""

    module: str
    name: str
    function: object
    parameters: tuple

    @property
    def names(self):
        """Names of the arguments, in order."""
        return tuple(name for name, _ in self.parameters)


def parameters(doc):
    """((name, default or None), ...) of the signature that a docstring's first line holds.

    Examples
    --------
    >>> parameters("add(a, b, double p, int n_threads=1)\\n\\ny = a + b.")
    (('a', None), ('b', None), ('p', None), ('n_threads', '1'))
    """
    line = (doc or "").split("\n")[0]
    if not re.fullmatch(r"[\w.]+\(.*\)( -> .*)?", line):
        raise ValueError(f"no signature in {line!r}")
    inside = line[line.index("(") + 1:line.rindex(")")]
    found = []
    for part in re.split(r",(?![^(\[]*[)\]])", inside):
        declared, _, default = part.partition("=")
        words = declared.split()
        if words and words[-1] not in ("self", "*", "/"):
            found.append((words[-1].lstrip("*"), default.strip() or None))
    return tuple(found)


def modules():
    """{name below tinydl._core: module}, the compiled modules of the level in use."""
    found = {}
    for name, module in sorted(sys.modules.items()):
        parts = name.split(".")
        path = getattr(module, "__file__", None) or ""
        if parts[:2] == ["tinydl", "_core"] and path.endswith(tuple(EXTENSION_SUFFIXES)):
            found[_without_level(name)] = module
    return found


def _without_level(name):
    return ".".join(part for part in name.split(".")[2:] if part not in built_levels())


def _own(module_name, value):
    return _without_level(getattr(value, "__module__", None) or "") == module_name


def entries():
    """Every function that a compiled module of the core defines for Python."""
    return [Entry(name, value.__name__, value, parameters(value.__doc__))
            for name, module in modules().items() for value in dict(vars(module)).values()
            if isinstance(value, _FUNCTION) and _own(name, value)]


def classes():
    """[(module, class)]: every class that a compiled module of the core defines."""
    return [(name, value) for name, module in modules().items() for value in dict(vars(module)).values()
            if isinstance(value, type) and _own(name, value)]

