"""Every public name has a docstring: modules, classes, their public methods, functions."""

import ast
import pathlib

import tinydl
from tinydl.instead import INSTEAD

ROOT = pathlib.Path(tinydl.__file__).parent


def is_public(name):
    return not name.startswith("_")


def offenders(tree, where, classes):
    if not ast.get_docstring(tree) and is_public(where.rpartition("/")[2].removesuffix("__init__.py")):
        yield where
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and is_public(node.name):
            yield from undocumented(node, where, classes)


def has_docstring(node):
    """A docstring, or one that the body of a class puts together."""
    return ast.get_docstring(node) or any(isinstance(inner, ast.Assign) and ast.unparse(inner.targets[0]) == "__doc__"
                                          for inner in node.body)


def undocumented(node, where, classes):
    if not has_docstring(node):
        yield f"{where}: {node.name} (line {node.lineno})"
    if isinstance(node, ast.ClassDef) and not is_function(node):  # the class of an operation gives the formula
        for inner in node.body:
            if (
                isinstance(inner, ast.FunctionDef)
                and is_public(inner.name)
                and not is_setter_or_getter(inner)
                and inner.name not in inherited(node, classes)
            ):
                yield from undocumented(inner, f"{where}: {node.name}", classes)


def inherited(node, classes):
    """Names of the methods that a base class documents."""
    names = set()
    for base in node.bases:
        name = base.attr if isinstance(base, ast.Attribute) else getattr(base, "id", "")
        if name in classes and classes[name] is not node:
            names |= {f.name for f in classes[name].body if isinstance(f, ast.FunctionDef) and ast.get_docstring(f)}
            names |= inherited(classes[name], classes)
    return names


def is_function(node):
    names = {inner.name for inner in node.body if isinstance(inner, ast.FunctionDef)}
    return names <= {"forward", "backward", "describe", "lower"} and all(
        any(isinstance(d, ast.Name) and d.id == "staticmethod" for d in inner.decorator_list)
        for inner in node.body
        if isinstance(inner, ast.FunctionDef)
    )


def is_setter_or_getter(node):
    """Properties: the class's docstring lists attributes."""
    return any(
        isinstance(d, ast.Attribute)
        and d.attr in ("setter", "deleter")
        or isinstance(d, ast.Name)
        and d.id == "property"
        for d in node.decorator_list
    )


def test_public_names_have_docstrings():
    trees = {
        path: ast.parse(path.read_text()) for path in sorted(ROOT.rglob("*.py")) if "__pycache__" not in path.parts
    }
    classes = {node.name: node for tree in trees.values() for node in tree.body if isinstance(node, ast.ClassDef)}
    found = [
        name
        for path, tree in trees.items()
        for name in offenders(tree, path.relative_to(ROOT.parent).as_posix(), classes)
    ]
    assert not found, "without docstring:\n" + "\n".join(found)


def test_tensor_methods_have_docstrings():
    names = [name for name in dir(tinydl.Tensor) if is_public(name) and name not in INSTEAD["Tensor"]]
    properties = {"data", "raw", "shape", "dtype", "ndim", "size", "grad", "requires_grad", "creator"}
    bare = [name for name in names if name not in properties and not getattr(tinydl.Tensor, name).__doc__]
    assert not bare
