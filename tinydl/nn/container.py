"""Containers: modules in a row, modules in a list."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinydl._check import integer, items
from tinydl.nn.batchnorm import _BatchNorm, normalised
from tinydl.nn.module import Module
from tinydl.ops.checks import as_input
from tinydl.tensor import Parameter, Tensor

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Any, Self

__all__ = ["ModuleDict", "ModuleList", "ParameterList", "Sequential"]


def _checked(module, where):
    if not isinstance(module, Module):
        hint = f"; write {module.__name__}() to make one" if isinstance(module, type) else ""
        raise TypeError(f"{where} holds modules, got {module!r}{hint}")
    return module


class _Indexed(Module):
    """Modules under the names '0', '1', ... (or given ones), indexed like a list."""

    def __len__(self) -> int:
        return sum(1 for _ in self.named_children())

    def __iter__(self) -> Iterator[Module]:
        return iter(list(self.children()))

    def __getitem__(self, index: Any) -> Any:
        modules = list(self.children())
        if isinstance(index, slice):
            return Sequential(*modules[index]) if isinstance(self, Sequential) else ModuleList(modules[index])
        return modules[index]

    def __setitem__(self, index: int, module: Module) -> None:
        names = [name for name, _ in self.named_children()]
        setattr(self, names[index], _checked(module, type(self).__name__))

    def append(self, module: Module) -> Self:
        """Add a module at the end; returns the container."""
        setattr(self, str(len(self)), _checked(module, type(self).__name__))
        return self

    def extend(self, modules: Iterable[Module]) -> Self:
        """Add modules at the end; returns the container."""
        for module in items(type(self).__name__, "the argument", modules):
            self.append(module)
        return self


class Sequential(_Indexed):
    """Modules in a row: y = f_n(... f_2(f_1(x))).

    Parameters
    ----------
    *modules : Module, or one dict
        The modules in order, named '0', '1', ...; or one dict of names and modules.

    Notes
    -----
    A plain array is converted to the type of the first parameter.
    """

    def __init__(self, *modules: Module | Mapping[str, Module]) -> None:
        if len(modules) == 1 and isinstance(modules[0], dict):
            for name, module in modules[0].items():
                if hasattr(self, name) or "." in name or not name:
                    raise ValueError(f"{name!r} cannot name a module of Sequential")
                setattr(self, name, _checked(module, "Sequential"))
        else:
            for k, module in enumerate(modules):
                setattr(self, str(k), _checked(module, "Sequential"))

    def forward(self, x: Any) -> Tensor:
        """Pass `x` through the modules in order."""
        if not isinstance(x, Tensor):
            x = self._converted(x)
        module = None
        for reader in list(self.__dict__.values()):
            if isinstance(reader, Module):
                if module is not None:
                    if isinstance(reader, _BatchNorm):
                        x, reader = normalised(module, reader, x), None
                    else:
                        x = module(x)
                module = reader
        return x if module is None else module(x)

    def _converted(self, x):
        parameter = _first_parameter(self, set())
        return as_input(x) if parameter is None else as_input(x, parameter.dtype)


def _first_parameter(module, seen):
    """The first of `module.parameters()`, without their names; called at every forward."""
    seen.add(id(module))
    values = module.__dict__.values()
    for value in values:
        if isinstance(value, Parameter):
            return value
    for value in values:
        if isinstance(value, Module) and id(value) not in seen:
            parameter = _first_parameter(value, seen)
            if parameter is not None:
                return parameter
    return None


class ModuleList(_Indexed):
    """A list of modules that `parameters()` and `state_dict()` see; it has no forward of its own.

    Parameters
    ----------
    modules : iterable of Module
    """

    def __init__(self, modules: Iterable[Module] = ()) -> None:
        if isinstance(modules, (Module, Parameter)):
            raise TypeError("ModuleList takes a list of modules; write ModuleList([module])")
        self.extend(modules)

    def insert(self, index: int, module: Module) -> None:
        """Put a module before position `index`."""
        modules = list(self.children())
        index = min(integer("ModuleList", "index", index, -len(modules)), len(modules))
        modules.insert(index, _checked(module, "ModuleList"))
        for k, each in enumerate(modules):
            setattr(self, str(k), each)


class ModuleDict(Module):
    """Modules by name that `parameters()` and `state_dict()` see; it has no forward of its own.

    Parameters
    ----------
    modules : mapping of str to Module, or pairs, optional
    """

    def __init__(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]] | None = None) -> None:
        self.update(modules or {})

    def __setitem__(self, name: str, module: Module) -> None:
        if not isinstance(name, str) or not name or "." in name or name not in self and hasattr(self, name):
            raise ValueError(f"{name!r} cannot name a module of ModuleDict")
        setattr(self, name, _checked(module, "ModuleDict"))

    def __getitem__(self, name: str) -> Module:
        return dict(self.named_children())[name]

    def __delitem__(self, name: str) -> None:
        delattr(self, next(own for own in self if own == name))

    def __contains__(self, name: object) -> bool:
        return any(own == name for own in self)

    def __iter__(self) -> Iterator[str]:
        return iter([name for name, _ in self.named_children()])

    def __len__(self) -> int:
        return len(list(self.named_children()))

    def keys(self) -> list[str]:
        """The names."""
        return list(self)

    def values(self) -> list[Module]:
        """The modules."""
        return list(self.children())

    def items(self) -> list[tuple[str, Module]]:
        """Pairs (name, module)."""
        return list(self.named_children())

    def update(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]]) -> None:
        """Add the modules of a mapping, or of pairs."""
        for name, module in dict(modules).items():
            self[name] = module


class ParameterList(Module):
    """A list of Parameters that `parameters()` and `state_dict()` see.

    Parameters
    ----------
    values : iterable of Parameter
        Other tensors and arrays become Parameters.
    """

    def __init__(self, values: Iterable[Parameter] = ()) -> None:
        self.extend(values)

    def __len__(self) -> int:
        return len(self._own(Parameter))

    def __iter__(self) -> Iterator[Parameter]:
        return iter([parameter for _, parameter in self._own(Parameter)])

    def __getitem__(self, index: int) -> Parameter:
        found = list(self)[index]
        return ParameterList(found) if isinstance(index, slice) else found

    def append(self, value: Parameter) -> Self:
        """Add a Parameter at the end; returns the list."""
        setattr(self, str(len(self)), value if isinstance(value, Parameter) else Parameter(value))
        return self

    def extend(self, values: Iterable[Parameter]) -> Self:
        """Add Parameters at the end; returns the list."""
        for value in items("ParameterList", "the argument", values):
            self.append(value)
        return self

    def extra_repr(self) -> str:
        """A line a Parameter."""
        return "".join(f"\n  ({k}): Parameter of shape {tuple(p.shape)}" for k, p in enumerate(self)) + (
            "\n" if len(self) else "")
