"""The stubs of what is made of tables, for type checkers: names, arguments and types that there are at run time.

    python tools/stubs.py               # writes them anew
    python tools/stubs.py --check       # fails when one would change

A signature is that of the function, with its annotations. Three things are said here: an activation takes array_like
and numbers, `max` and `min` have the overloads of `Extreme`, and Tensor names builtin types by their module, since some
of its methods have their names.
"""

import importlib
import inspect
import re
import sys
import textwrap
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).resolve().parents[1]))

from tools.written import ROOT, write_or_check

__all__ = ["STUBS", "main"]

WIDTH = 120
HEAD = '"""For type checkers: {}. Written by tools/stubs.py."""\n\n'
# Where what annotations name is; the rest is in tinydl._types.
HOMES = {"Any": "typing", "Context": "tinydl.function", "Iterator": "collections.abc", "Literal": "typing",
         "Placed": "tinydl.ops.sorting", "Self": "typing", "Sequence": "collections.abc", "Tensor": "tinydl.tensor",
         "overload": "typing"}
# Modules that have what a word of the top means, in the order in which they are asked.
PLACES = ("creation", "devices", "random", "saving", "config", "ops", "ops.aliases")
# Python's own operators of any object, against which those of tensors are checked.
EXCUSED = {"__eq__": "override", "__ge__": "misc", "__gt__": "misc", "__le__": "misc", "__lt__": "misc",
           "__ne__": "override"}
COUNT = '''class Count(builtins.int):
    """The number of entries; called, the shape or the length of an axis."""

    @overload
    def __call__(self) -> tuple[builtins.int, ...]: ...
    @overload
    def __call__(self, dim: builtins.int) -> builtins.int: ...

'''


def wrapped(opening, parts, closing):
    """`opening`, the parts with commas, `closing`: broken to lines that begin below the first part."""
    text = ", ".join(parts)
    if len(opening + text + closing) <= WIDTH:
        return f"{opening}{text}{closing}\n"
    lines, indent = [opening], " " * len(opening)
    for k, part in enumerate(parts):
        part += closing if k == len(parts) - 1 else ","
        if len(lines[-1]) + 1 + len(part) > WIDTH:
            lines.append(indent)
        lines[-1] += part if lines[-1] in (opening, indent) else f" {part}"
    return "\n".join(lines) + "\n"


def shown(parameter):
    """A parameter with its annotation and default."""
    star = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}.get(parameter.kind, "")
    text = f"{star}{parameter.name}: {parameter.annotation}"
    if parameter.default is not inspect.Parameter.empty:
        text += f" = {parameter.default!r}"
    return text.replace("'", '"')


def definition(name, parameters, result, method=False):
    """`def name(parameters) -> result: ...`, the parameters given as text."""
    if method:
        parameters, result = [qualified(text) for text in parameters], qualified(result)
    closing = f") -> {result}: ..." + (f"  # type: ignore[{EXCUSED[name]}]" if name in EXCUSED else "")
    return wrapped(f"{'    ' * method}def {name}(", parameters, closing)


def qualified(text):
    """Types with the module of those that are builtin."""
    return re.sub(r"(?<![\w.])(int|float|bool)\b", r"builtins.\1", text)


def parameters_of(function, first="x: ArrayLike"):
    """The parameters of a function as text, `first` in the place of the first one, and its result."""
    from tinydl.ops.activations import ROWS

    signature = inspect.signature(function)
    own, *others = signature.parameters.values()
    if function.__name__ in ROWS and own.annotation is inspect.Parameter.empty:
        return [first, *(f"{p.name}: float = {p.default!r}" for p in others)], "Tensor"
    positional = ["/"] if own.kind is inspect.Parameter.POSITIONAL_ONLY and others else []
    return [first, *map(shown, others), *positional], signature.return_annotation


def imports(body, **further):
    """The import lines of what the names in a text need; `further` are lines of a module."""
    types = (ROOT / "tinydl/_types.pyi").read_text()
    known = dict.fromkeys(re.findall(r"^(?:class )?(\w+)(?:: TypeAlias| = (?:ParamSpec|TypeVar)|\()", types, re.M),
                          "tinydl._types")
    places = dict(further)
    for name in set(re.findall(r"\w+", re.sub(r"def \w+", "", body))) & {*known, *HOMES}:
        places.setdefault(HOMES.get(name, known.get(name)), set()).add(name)
    rows = []
    for module in sorted(places):
        names = sorted(places[module], key=lambda name: (name[0].islower(), name.lower()))
        line = f"from {module} import {', '.join(names)}"
        rows.append(line if len(line) <= WIDTH
                    else f"from {module} import (\n" + "".join(f"    {name},\n" for name in names) + ")")
    blocks = [[row for row in rows if row.startswith("from tinydl") == own] for own in (False, True)]
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n\n"


def listed(names):
    """The list of all names."""
    text = ", ".join(f'"{name}"' for name in sorted(names))
    return "__all__ = [\n" + textwrap.fill(text, WIDTH - 5, initial_indent="    ", subsequent_indent="    ") + "\n]\n\n"


def worded(function, parameters):
    """The parameters, with `dim` and `keepdim` where the function takes them for `axis` and `keepdims`."""
    names = [text.split(":")[0] for text in parameters]
    if not hasattr(function, "__wrapped__") or "axis" not in names:
        return parameters
    place = names.index("axis")
    words = [parameters[place].replace("axis", "dim").split(" = ")[0] + " = ..."]
    if "keepdims" in names:
        words.append("keepdim: bool = ...")
    given = [text if k < place or " = " in text else f"{text} = ..." for k, text in enumerate(parameters)]
    return [*given, "*", *words]


def operations():
    """ops/_activations.pyi: the rows of the table of activations that activations.py makes operations of."""
    from tinydl.ops.activations import OPERATIONS

    body = "".join(definition(name, *parameters_of(function)) for name, function in OPERATIONS.items())
    return (HEAD.format("the operations that `activations.py` makes of its table") + imports(body) + listed(OPERATIONS)
            + body)


def layers():
    """nn/_activations.pyi: the layers that activation.py makes of the same rows."""
    from tinydl.nn.activation import LAYERS
    from tinydl.ops.activations import ROWS

    made = [row for row in ROWS.values() if hasattr(LAYERS[row.layer].__init__, "__wrapped__")]
    parts = []
    for row in made:
        setting = [f"{row.parameter}: float = {row.default!r}"] if row.parameter else []
        field = f"    {row.parameter}: float\n" if row.parameter else ""
        init = definition("__init__", ["self", *setting, "inplace: bool = False"], "None")
        parts.append(f"class {row.layer}(Activation):\n{field}    {init}")
    head = HEAD.format("the layers that `activation.py` makes of the table of activations")
    return (head + "from tinydl.nn.activation import Activation\n\n" + listed([row.layer for row in made])
            + "\n".join(parts))


def functional():
    """nn/functional.pyi: the names of functional.py, most of which it takes from a table."""
    from tinydl import ops
    from tinydl.nn import functional as table

    same, body = set(), ""
    for name in table.__all__:
        function = getattr(table, name)
        if own := name_in(ops, function, name):
            same.add(f"{own} as {name}")
            continue
        parameters, result = parameters_of(function)
        if hasattr(function, "__wrapped__"):
            parameters.append("inplace: bool = False")
        body += definition(name, parameters, result)
    return (HEAD.format("the names of `functional.py`, most of which it takes from a table")
            + imports(body, **{"tinydl.ops": same}) + listed(table.__all__) + body)


def name_in(module, value, wanted):
    """The public name that a thing has in a module, the wanted one if it has several; None without any."""
    found = [name for name in module.__all__ if getattr(module, name) is value]
    return wanted if wanted in found else found[0] if found else None


def words():
    """_words.pyi: what each word at the top is."""
    from tinydl import words as table

    modules = {f"tinydl.{place}": importlib.import_module(f"tinydl.{place}") for place in PLACES}
    taken, defined, types = {}, "", ""
    for name in sorted(table.names()):
        value = table.word(name)
        found = [(place, own) for place, module in modules.items() if (own := name_in(module, value, name))]
        if isinstance(value, np.dtype):
            types += f"{name}: np.dtype[np.{value.name.removesuffix('_')}{'_' * (value.kind == 'b')}]\n"
        elif inspect.isclass(value) and value.__module__ in ("builtins", "numpy"):
            prefix = "" if value.__module__ == "builtins" else "np."
            types += f"{name} = {prefix}{value.__name__}\n"
        elif found:
            place, own = min(found, key=lambda pair: pair[1] != name)
            taken.setdefault(place, set()).add(own if own == name else f"{own} as {name}")
        else:
            parameters, result = parameters_of(value, "x: Tensor")
            defined += definition(name, parameters, qualified(result))
    return (HEAD.format("the names that `tinydl.words` finds, each with the thing that it is")
            + "import builtins\n\nimport numpy as np\n\n" + imports(defined, **taken) + listed(table.names()) + defined
            + "\n" + types)


def methods():
    """_methods.pyi: the operators, properties and methods that methods.py attaches to Tensor."""
    from tinydl.ops.methods import METHODS
    from tinydl.tensor import Tensor

    body = "class Methods:\n"
    for name, value in sorted(vars(Tensor).items()):
        if isinstance(value, property) and value.fget.__module__ == "tinydl.ops.methods":
            result = inspect.signature(value.fget).return_annotation
            body += "    @property\n" + definition(name, ["self"], "_Device" if result == "device" else result, True)
    overloads = (ROOT / "tinydl/_types.pyi").read_text().split("class Extreme(Protocol):")[1].split('"""\n\n')[1]
    overloads = qualified(overloads.partition("\n\n")[0].rstrip() + "\n").replace(", /", "")
    for name in sorted(METHODS):
        function = METHODS[name]
        function = function.resolve() if hasattr(function, "resolve") else function
        if name in ("max", "min"):
            body += overloads.replace("__call__(self, x: ArrayLike", f"{name}(self")
            continue
        parameters, result = parameters_of(function, "self")
        itself = result == "AnyTensor" or re.search("[a-z]_$", name)  # what it is, or what is done in place
        body += definition(name, worded(function, parameters), "Self" if itself else result, True)
    head = HEAD.format("the methods that `tinydl.ops.methods` attaches to Tensor") + "import builtins\n"
    return head + imports(COUNT + body, **{"tinydl.devices": {"device as _Device"}}) + COUNT + body


STUBS = {"tinydl/_methods.pyi": methods, "tinydl/_words.pyi": words, "tinydl/nn/_activations.pyi": layers,
         "tinydl/nn/functional.pyi": functional, "tinydl/ops/_activations.pyi": operations}


def main(argv=None):
    """Write or check the stubs; returns the exit code."""
    return write_or_check({ROOT / path: make() for path, make in STUBS.items()}, "tools/stubs.py", __doc__, argv)


if __name__ == "__main__":
    sys.exit(main())
