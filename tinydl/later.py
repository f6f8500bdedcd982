"""Names of a package that are imported when they are asked for, since a first step does not need them."""

import importlib
import os
import sys

__all__ = ["is_module", "later"]


def is_module(package, name):
    """Whether a package has a module of this name: Python asks for it as an attribute before it imports it."""
    folder = os.path.dirname(sys.modules[package].__file__)
    return os.path.exists(f"{folder}/{name}.py") or os.path.isdir(f"{folder}/{name}")


def later(package, places, modules=()):
    """The `__getattr__` and the `__dir__` of a package.

    Parameters
    ----------
    package : str
    places : dict of str to str
        Module below the package: the names that it has, separated by spaces.
    modules : sequence of str
        Modules that are names themselves.

    Returns
    -------
    (callable, callable)
    """
    where = {name: module for module, names in places.items() for name in names.split()}
    if both := where.keys() & places.keys():  # whoever imports the module would put it where the name is
        raise ValueError(f"{package}: {', '.join(both)} cannot be the name of a module and what is in it")

    def __getattr__(name):
        if name in where:
            found = getattr(importlib.import_module(f"{package}.{where[name]}"), name)
            setattr(sys.modules[package], name, found)
            return found
        if name in modules:
            return importlib.import_module(f"{package}.{name}")
        if name.startswith("_") or is_module(package, name):
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        from tinydl.instead import message

        raise AttributeError(message(package, name))

    def __dir__():
        return sorted({*vars(sys.modules[package]), *where, *modules})

    return __getattr__, __dir__
