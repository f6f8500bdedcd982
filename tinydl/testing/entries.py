"""What of the compiled core Python can call: found by looking, so that no list of kernels needs to be kept.

Cython writes the signature of a function into the first line of its docstring; that is where arguments are read from.
"""

import importlib
import pkgutil
import re
from dataclasses import dataclass
from importlib.machinery import EXTENSION_SUFFIXES

from tinydl import _core

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
    """{name below tinydl._core: module} of the compiled modules, those of the level in use among them."""
    found = {}
    for info in pkgutil.walk_packages(_core.__path__, _core.__name__ + "."):
        module = importlib.import_module(info.name)
        if (module.__file__ or "").endswith(tuple(EXTENSION_SUFFIXES)):
            found[info.name.removeprefix(_core.__name__ + ".")] = module
    return found


def _own(module_name, value):
    return getattr(value, "__module__", None) == f"{_core.__name__}.{module_name}"


def entries():
    """Every function that a compiled module of the core defines for Python."""
    return [Entry(name, value.__name__, value, parameters(value.__doc__))
            for name, module in modules().items() for value in dict(vars(module)).values()
            if isinstance(value, _FUNCTION) and _own(name, value)]


def classes():
    """[(module, class)]: every class that a compiled module of the core defines."""
    return [(name, value) for name, module in modules().items() for value in dict(vars(module)).values()
            if isinstance(value, type) and _own(name, value)]

