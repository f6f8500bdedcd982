"""The API reference: a page a module, made of signatures and numpydoc docstrings."""

import importlib
import inspect
import re

from mkdocs.structure.files import File

from tools.reference import CONSTANTS, MODULES
from tools.website.numpydoc import rendered, text

__all__ = ["entry", "module_page", "place"]

PAGE = "reference.md"
PLUMBING = ("backward", "describe", "extra_repr", "forward", "lower")  # what others call


def place(module):
    """The page of a module in the site."""
    return f"api/{module.rpartition('.')[2]}.md"


def anchor(full):
    """Where on its page a name is; underscores around a word would be read as emphasis."""
    return full.replace("__", "")


def _signature(name, thing):
    """How a thing is called, with a line for each argument where one line is too long."""
    try:
        signature = inspect.signature(thing)
    except (TypeError, ValueError):  # compiled ones begin their docstring with it
        first = (inspect.getdoc(thing) or "").split("\n", 1)[0]
        return first if first.startswith(f"{name}(") else f"{name}()"
    kept = [p.replace(annotation=p.empty) for p in signature.parameters.values() if p.name != "self"]
    short = f"{name}{signature.replace(parameters=kept, return_annotation=signature.empty)}"
    if len(short) <= 90:
        return short
    inner = re.sub(r", (?=\*{0,2}\w+(?:[=,)]|$)|[*/],)", ",\n    ", short[len(name) + 1:-1])
    return f"{name}(\n    {inner},\n)"


def _source(thing):
    """A link to where a thing is defined, as pages of docs/ write it; nothing for what is made by a table."""
    try:
        module = importlib.import_module(inspect.unwrap(thing).__module__)
        code = inspect.getsource(module)
    except (TypeError, OSError, AttributeError, ImportError):
        return ""
    if not re.search(rf"^(?:def|class) {thing.__name__}\b", code, re.MULTILINE):
        return ""
    path = module.__name__.replace(".", "/") + ("/__init__.py" if hasattr(module, "__path__") else ".py")
    return f"\n\nDefined in [`{thing.__name__}`](../../{path})."


def _methods(thing):
    """(name, what) of the public methods and properties that a class itself documents."""
    for name, member in vars(thing).items():
        bare = member.__func__ if isinstance(member, staticmethod | classmethod) else member
        public = name[0] != "_" and name not in PLUMBING and bare.__doc__
        if public and (inspect.isfunction(bare) or isinstance(bare, property)):
            yield name, bare


def entry(module, name):
    """Markdown of one public name."""
    full, place_of_it = f"{module}.{name}", anchor(f"{module}.{name}")
    thing = getattr(importlib.import_module(module), name)
    lines = [f"## {name} {{#{place_of_it}}}\n"]
    if inspect.ismodule(thing) or full in CONSTANTS or not callable(thing):
        lines.append(text(CONSTANTS.get(full) or (inspect.getdoc(thing) or "").split("\n\n")[0]))
        if inspect.ismodule(thing):
            names = ", ".join(f"`{each}`" for each in sorted(getattr(thing, "__all__", ())))
            lines.append(f"\n\nSee [{full}]({place(full).removeprefix('api/')})." if full in MODULES
                         else f"\n\nIts names: {names}.")
        return "".join(lines) + "\n\n"
    lines.append(f"```python\n{_signature(name, thing)}\n```\n\n")
    doc = inspect.getdoc(thing) or ""
    if doc.startswith(f"{name}("):
        doc = doc.partition("\n")[2]
    lines.append(rendered(doc) + _source(thing) + "\n\n")
    if inspect.isclass(thing) and not issubclass(thing, Exception):
        for method, member in _methods(thing):
            lines.append(f"### {name}.{method} {{#{full}.{method}}}\n\n")
            if not isinstance(member, property):
                lines.append(f"```python\n{_signature(method, member)}\n```\n\n")
            lines.append(rendered(inspect.getdoc(member)) + "\n\n")
    return "".join(lines)


def module_page(module):
    """Markdown of the page of a module."""
    found = importlib.import_module(module)
    names = sorted(found.__all__, key=lambda name: (name.lower(), name))
    return f"# {module}\n\n{rendered(inspect.getdoc(found))}\n\n" + "".join(entry(module, name) for name in names)


def on_files(files, config):
    for module in MODULES:
        files.append(File.generated(config, place(module), content=module_page(module)))
    return files


def on_page_markdown(markdown, page):
    """The list of all names leads to what is said of each."""
    if page.file.src_uri != PAGE:
        return markdown
    module, lines = None, []
    for line in markdown.splitlines():
        module = line[3:] if line.startswith("## ") else module
        name = re.match(r"\| `(\w+)` \|", line)
        if name and module:
            line = line.replace(f"`{name[1]}`", f"[`{name[1]}`]({place(module)}#{anchor(f'{module}.{name[1]}')})", 1)
        lines.append(line)
    return "\n".join(lines)
