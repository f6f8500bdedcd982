"""The stubs of the compiled modules of the core: the signatures that Cython writes into the docstrings.

C's numbers are Python's, an argument without a type is an array or None, unless it is said here what it is, and a
function gives None, unless it is said here what it gives.

    python tools/core_stubs.py               # writes them anew, after a build
    python tools/core_stubs.py --check       # fails when one would change
"""

import importlib
import re
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))

from tools import stubs as tables
from tools.written import ROOT, write_or_check

__all__ = ["made", "main"]

HEAD = '"""For type checkers: what of `{}` Python calls. Written by tools/core_stubs.py."""\n\n'

NUMBERS = {"bool": "bool", "double": "float", "str": "str", "list": "list[Any]", "tuple": "tuple[Any, ...]",
           **dict.fromkeys(("int", "int64_t", "long long", "Py_ssize_t", "size_t", "uint64_t"), "int")}
# Of classes of the core: which may be None.
OPTIONAL = {"Map", "Moments"}
# Arguments without a type that are no arrays, or not always.
UNTYPED = {"dtype": "npt.DTypeLike", "dy": "Array | Pending", "axes": "Sequence[Any]", "geometry": "tuple[int, ...]",
           "grads": "Any", "order": "Sequence[int] | None", "params": "Any", "shape": "Sequence[int]",
           "slots": "Any", "fill": "Any", "modes": "Any", "black": "Any", "scale": "Any", "shift": "Any",
           "value": "Any"}
RESULTS = {
    r"memory\.empty.*": "Array", r"memory\.scratch": "Block",
    r"array\.(alike|is_channels_last|may_share)": "bool", r"operands\.are_sizes": "bool",
    r"memory\.statistics": "dict[str, int]", r"memory\.release_cached": "None",
    r"parallel\.(has_openmp|cpu_supports)": "bool", r"parallel\.(get_num_threads|team|step_team|team_size)": "int",
    r"update\.rules\.(?!step)\w+": "Rule", r"inference\.\w+\.\w+_step": "Step",
    r"inference\.\w+\.\w+_filters": "Filters", r"update\.gradients\.norms": "Any", r"peak\..*": "float", r".*": "None",
}
# What a module has besides functions.
CLASSES = {
    "elementwise": "ACTIVATIONS: Any\n", "parallel": "LATEST: Any\nWINDOW: Any\n",
    "memory": '''class Block:
    def __new__(cls, n_bytes: int) -> Block: ...
    @property
    def pointer(self) -> int: ...
''',
    "operands": '''class Map:
    scale: Array | None
    shift: Array | None
    centre: Array | None
    activation: str
    parameter: float
    def __init__(self, scale: Array | None = None, shift: Array | None = None, centre: Array | None = None,
                 activation: str = "", parameter: float = 0) -> None: ...
    def followed_by(self, activation: str, parameter: float = 0) -> Map: ...
    @property
    def loads(self) -> bool: ...
    def __eq__(self, other: object) -> bool: ...

class Pending:
    dz: Array
    y: Array | None
    a: Array | None
    b: Array | None
    c: Array | None
    mask: Map
    def __init__(self, dz: Any, y: Any, mask: Map, a: Any = None, b: Any = None, c: Any = None) -> None: ...

class Moments:
    about: Array
    sums: Array
    def __init__(self, about: Any, sums: Any) -> None: ...
''',
    "inference.program": '''FLOAT: Any
PLACES: Any

class Filters:
    shape: tuple[int, ...]

class Step:
    n_in: int
    n_out: int
    scratch: int
    takes_residual: bool

class Program:
    def __init__(self, stages: list[Any], row_major: bool, n_in: int, shape: tuple[int, ...], shared: int, private: int,
                 threaded: bool) -> None: ...
    def predict(self, x: Array, n_threads: int) -> Array: ...
''',
    "update.segments": "class Segments:\n    def __new__(cls, n: int) -> Segments: ...\n",
    "update.rules": "class Rule:\n    uses: tuple[Any, ...]\n",
}
# Where a class is, for those who take or give it.
HOMES = {"Block": "memory", "Map": "operands", "Moments": "operands", "Pending": "operands",
         "Filters": "inference.program", "Step": "inference.program", "Rule": "update.rules"}


def typed(part):
    """A parameter as Cython shows it, as Python writes it."""
    declared, _, default = part.strip().partition("=")
    if declared == "/":
        return declared
    *kind, name = declared.split()
    kind = " ".join(kind)
    if not kind:
        kind = UNTYPED.get(name, "Array | None")
    elif kind in NUMBERS:
        kind = NUMBERS[kind]
    elif kind.startswith("("):
        kind = "tuple[float, float, float]"
    elif kind in OPTIONAL:
        kind += " | None"
    return f"{name}: {kind}" + (" = ..." if default else "")


def made():
    """{path: text} of the stub of every compiled module that Python calls."""
    from tinydl.testing.entries import entries

    bodies = {}
    for entry in entries():
        line = entry.function.__doc__.split("\n")[0]
        inside = line[line.index("(") + 1:line.rindex(")")]
        parts = [typed(part) for part in re.split(r",(?![^(\[]*[)\]])", inside) if part.strip()]
        result = next(kind for name, kind in RESULTS.items() if re.fullmatch(name, f"{entry.module}.{entry.name}"))
        bodies.setdefault(entry.module, []).append(tables.definition(entry.name, parts, result))
    texts = {}
    for module in sorted(bodies.keys() | CLASSES.keys()):
        body = "\n".join(filter(None, [CLASSES.get(module, ""), "".join(bodies.get(module, []))]))
        further = {}
        for name, home in HOMES.items():
            if home != module and re.search(rf"\b{name}\b", body):
                further.setdefault(f"tinydl._core.{home}", set()).add(name)
        needed = tables.imports(body, **further).strip()
        if "npt." in body:  # behind the standard library, before the library
            needed = re.sub("^(?=from tinydl)", "import numpy.typing as npt\n\n", needed, count=1, flags=re.M)
        names = getattr(importlib.import_module(f"tinydl._core.{module}"), "__all__", None)
        listed = tables.listed(names) if names else ""
        texts[f"tinydl/_core/{module.replace('.', '/')}.pyi"] = (
            HEAD.format(module) + (needed + "\n\n" if needed else "") + listed + body)
    return texts


def main(argv=None):
    """Write or check the stubs; returns the exit code."""
    files = {ROOT / path: text for path, text in made().items()}
    return write_or_check(files, "tools/core_stubs.py", __doc__, argv)


if __name__ == "__main__":
    sys.exit(main())
