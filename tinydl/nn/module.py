"""Module: a container of parameters, buffers and other modules, with a `forward`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tinydl import _html, layout
from tinydl._check import dtype_of, flag
from tinydl.hooks import Handle
from tinydl.instead import Substitute
from tinydl.nn import state
from tinydl.nn.containers import CONTAINERS, contained
from tinydl.nn.evaluating import is_evaluating
from tinydl.tensor import Parameter, Tensor, array_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Self

    from tinydl._types import Array, ArrayLike, Device, DType, Forward, P, Result
    from tinydl.nn.state import IncompatibleKeys

__all__ = ["Module"]


class Module:
    """Base class of layers and networks.

    A subclass assigns parameters (`Parameter`), buffers (`register_buffer`) and modules as attributes and defines
    `forward`. Attributes are found where Python keeps them, so access costs nothing extra. Modules and parameters in a
    plain list, tuple, dict or set would not be found, and are refused; `ModuleList` and `Sequential` hold them::

        class Net(nn.Module):
            def __init__(self):
                self.conv = nn.Conv2d(1, 8, 3)
                self.fc = nn.Linear(8 * 26 * 26, 10)

            def forward(self, x):
                return self.fc(ops.relu(self.conv(x)).flatten(1))

    Attributes
    ----------
    training : bool
        True in training mode: batch norm uses the statistics of the batch, dropout drops. False in a thread that
        evaluates the net (`train.evaluate`, `train.predict`), whatever the mode is.

    Notes
    -----
    One Parameter (or module) may be an attribute in any number of places. It appears once in `parameters()` and once
    in the state dict, under its first name; its gradient is the sum over the places.
    """

    _buffer_names: tuple = ()
    _optional_state: tuple = ()  # names that a state may lack
    _forward_hooks: Any = ()

    if not TYPE_CHECKING:
        def __new__(cls, *args, **kwargs):
            if (args or kwargs) and cls.__init__ is object.__init__:
                raise TypeError(f"{cls.__name__}() takes no arguments")
            module = super().__new__(cls)
            # There from the start: a first call, or train(), in one thread must not add an attribute to those through
            # which another one walks.
            module.__dict__.update(_training=True, _called=False)
            return module

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the module's result; subclasses define it."""
        raise NotImplementedError(f"{type(self).__name__} defines no forward(); write one that takes the input and "
                                  "returns the output")

    if TYPE_CHECKING:
        def __call__(self: Forward[P, Result], *args: P.args, **kwargs: P.kwargs) -> Result: ...

        def __getattr__(self, name: str) -> Any: ...  # layers that a loop made have names no checker knows
    else:
        def __call__(self, *args, **kwargs):
            if not self._called:
                self._refuse_hidden(self.__dict__)
                object.__setattr__(self, "_called", True)
            if self._forward_hooks:
                return self._call_with_hooks(args, kwargs)
            return self.forward(*args, **kwargs)

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, CONTAINERS):
            self._refuse_hidden({name: value})
        object.__setattr__(self, name, value)

    def _refuse_hidden(self, attributes):
        """Raise when a list, dict or set in an attribute holds layers that no walk finds.

        They would silently stay untrained and unsaved. What was appended after the assignment is found at the first
        forward pass and at every walk.
        """
        for name, value in attributes.items():
            if isinstance(value, CONTAINERS):
                hidden = contained(value, (Module, Parameter))
                if hidden and not {id(item) for item in hidden} <= self._registered(set()):
                    raise TypeError(f"{type(self).__name__}.{name}: a plain {type(value).__name__} hides its modules "
                                    "and parameters from parameters() and state_dict(); use nn.ModuleList or "
                                    "nn.Sequential, or one attribute for each")

    def _registered(self, found):
        """Ids of this module and of all modules and parameters below it."""
        if id(self) not in found:
            found.add(id(self))
            for value in self.__dict__.values():
                if isinstance(value, Module):
                    value._registered(found)
                elif isinstance(value, Parameter):
                    found.add(id(value))
        return found

    # --- what the module holds -------------------------------------------------------------------------------------

    def register_buffer(self, name: str, array: ArrayLike | None) -> None:
        """Make `array` part of the state that is saved but not trained (running statistics, for example).

        Parameters
        ----------
        name : str
            Attribute under which the module finds it.
        array : array_like or None
            Its value; None removes it from the state.
        """
        if not isinstance(name, str) or not name.isidentifier():
            raise ValueError(f"a buffer's name must be an identifier, got {name!r}")
        if name not in self._buffer_names and hasattr(self, name):
            raise ValueError(f"{type(self).__name__} has an attribute {name!r} already")
        if name not in self._buffer_names:
            self._buffer_names = (*self._buffer_names, name)
        setattr(self, name, None if array is None else array_of(array.data if isinstance(array, Tensor) else array))

    def register_parameter(self, name: str, parameter: Parameter | None) -> None:
        """Make a Parameter an attribute, as `self.name = parameter` does; None for one that is absent."""
        setattr(self, name, parameter)

    def add_module(self, name: str, module: Module) -> None:
        """Make a module an attribute, as `self.name = module` does."""
        setattr(self, name, module)

    def _own(self, kind):
        return [(name, value) for name, value in self.__dict__.items() if isinstance(value, kind)]

    def _own_buffers(self):
        buffers = ((name, self.__dict__[name]) for name in self._buffer_names)
        return [(name, value) for name, value in buffers if value is not None]

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """Pairs (name, module) of the direct sub-modules."""
        yield from self._own(Module)

    def children(self) -> Iterator[Module]:
        """The direct sub-modules."""
        for _, module in self.named_children():
            yield module

    def named_modules(self, prefix: str = "", remove_duplicate: bool = True,
                      _seen: set[int] | None = None) -> Iterator[tuple[str, Module]]:
        """Pairs (dotted name, module) of this module and all below it, each module once."""
        seen = set() if _seen is None else _seen
        if remove_duplicate:
            if id(self) in seen:
                return
            seen.add(id(self))
        self._refuse_hidden(self.__dict__)
        yield prefix, self
        for name, module in self.named_children():
            yield from module.named_modules(f"{prefix}.{name}" if prefix else name, remove_duplicate, seen)

    def modules(self) -> Iterator[Module]:
        """This module and all below it, each once."""
        for _, module in self.named_modules():
            yield module

    def _walk(self, own, prefix, remove_duplicate):
        seen = set()
        for path, module in self.named_modules(prefix, remove_duplicate):
            for name, value in own(module):
                if remove_duplicate:
                    if id(value) in seen:
                        continue
                    seen.add(id(value))
                yield (f"{path}.{name}" if path else name), value

    def named_parameters(self, prefix: str = "", remove_duplicate: bool = True) -> Iterator[tuple[str, Parameter]]:
        """Pairs (dotted name, Parameter); a shared parameter once, under its first name.

        Parameters
        ----------
        prefix : str
            Put in front of every name.
        remove_duplicate : bool
            False lists a shared parameter under each of its names.
        """
        return self._walk(lambda module: module._own(Parameter), prefix, remove_duplicate)

    def parameters(self) -> Iterator[Parameter]:
        """The Parameters of this module and all below it, each once."""
        for _, parameter in self.named_parameters():
            yield parameter

    def named_buffers(self, prefix: str = "", remove_duplicate: bool = True) -> Iterator[tuple[str, Array]]:
        """Pairs (dotted name, ndarray) of the buffers."""
        return self._walk(Module._own_buffers, prefix, remove_duplicate)

    def buffers(self) -> Iterator[Array]:
        """The buffers of this module and all below it, each once."""
        for _, array in self.named_buffers():
            yield array

    # --- modes -----------------------------------------------------------------------------------------------------

    @property
    def training(self) -> bool:
        return self._training and not is_evaluating()

    @training.setter
    def training(self, mode: bool) -> None:
        self._training = bool(mode)

    def train(self, mode: bool = True) -> Self:
        """Set training mode (or, with False, evaluation mode) here and below; returns the module."""
        if not isinstance(mode, (bool, np.bool_)):
            raise TypeError(f"train() takes True or False, got {mode!r}")
        for module in self.modules():
            module.training = bool(mode)
        return self

    def eval(self) -> Self:
        """Set evaluation mode here and below; returns the module."""
        return self.train(False)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Set the gradient of every parameter to None, or with False to zeros."""
        for parameter in self.parameters():
            parameter.zero_grad(set_to_none)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Freeze (False) or unfreeze every parameter; returns the module."""
        for parameter in self.parameters():
            parameter.requires_grad = flag("requires_grad_()", "requires_grad", requires_grad)
            if not requires_grad:
                parameter.grad = None
        return self

    def apply(self, function: Callable[[Module], Any]) -> Self:
        """Call `function(module)` on every module below and then on this one; returns the module."""
        if not callable(function):
            raise TypeError(f"apply() takes a function of a module, got {function!r}")
        for child in self.children():
            child.apply(function)
        function(self)
        return self

    def to(self, *args: Any, dtype: DType = None, device: Device | None = None, non_blocking: bool = False) -> Self:
        """Convert parameters and floating buffers to float32 or float64 in place; returns the module.

        Parameters
        ----------
        *args : dtype or device
            A device can only be the CPU, and changes nothing.
        dtype, device, non_blocking
            The same by name.
        """
        from tinydl.devices import device_or_dtype

        dtype = device_or_dtype(args, dtype, device)
        if dtype is None:
            return self
        dtype = dtype_of("to()", dtype)
        if dtype not in (np.dtype(np.float32), np.dtype(np.float64)):
            raise TypeError(f"a module computes in float32 or float64, got {dtype}")
        for parameter in self.parameters():
            parameter.data = layout.parameter_like(parameter.data, dtype)
            parameter.grad = None
        for module in self.modules():
            for name, array in module._own_buffers():
                if array.dtype.kind == "f":
                    setattr(module, name, array.astype(dtype))
        return self

    def cpu(self) -> Self:
        """The module: the CPU is the only device."""
        return self

    def float(self) -> Self:
        """Convert to float32 in place; returns the module."""
        return self.to(np.float32)

    def double(self) -> Self:
        """Convert to float64 in place; returns the module."""
        return self.to(np.float64)

    # --- state -----------------------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Array]:
        """The state as a dict of names and arrays: parameters and buffers, PyTorch's names.

        Returns
        -------
        dict of str to numpy.ndarray
            Copies in logical C order, so later training does not change them. A shared parameter is one entry.
        """
        return state.gathered(self)

    def load_state_dict(self, state_dict: Mapping[str, ArrayLike], strict: bool = True) -> IncompatibleKeys:
        """Copy a state into the parameters and buffers.

        Parameters
        ----------
        state_dict : mapping of str to array_like
            What `state_dict` gave, here or in PyTorch. A parameter that is shared here may stand under any (or all) of
            its names. What PyTorch's wrappers put into names, `module.` (DataParallel, AveragedModel, whose n_averaged
            is left out) and `_orig_mod.` (compile), is taken away where the names then fit better. As in PyTorch a
            state may lack `num_batches_tracked`, unless the momentum is None.
        strict : bool
            False ignores missing and unexpected names; a wrong shape is an error always.

        Returns
        -------
        (missing_keys, unexpected_keys)

        Raises
        ------
        ValueError
            Naming every missing, unexpected and mis-shaped key at once. Nothing has been changed then.
        """
        return state.loaded(self, state_dict, flag("load_state_dict()", "strict", strict))

    # --- hooks -----------------------------------------------------------------------------------------------------

    def register_forward_hook(self, hook: Callable[..., Any]) -> Handle:
        """Call `hook(module, inputs, output)` after every forward pass; a result that is not None replaces the output.

        Returns
        -------
        handle
            `handle.remove()` takes the hook away.
        """
        if not isinstance(self._forward_hooks, list):
            self._forward_hooks = []
        self._forward_hooks.append(hook)
        return Handle(self._forward_hooks, hook)

    def _call_with_hooks(self, args, kwargs):
        output = self.forward(*args, **kwargs)
        for hook in tuple(self._forward_hooks):
            replaced = hook(self, args, output)
            if replaced is not None:
                output = replaced
        return output

    # --- display ---------------------------------------------------------------------------------------------------

    def extra_repr(self) -> str:
        """The arguments to print between the parentheses of `repr`."""
        return ""

    _repr_html_ = _html.module

    def __repr__(self) -> str:
        lines = []
        for name, module in self.named_children():
            lines.append(f"  ({name}): " + repr(module).replace("\n", "\n  "))
        head = f"{type(self).__name__}({self.extra_repr()}"
        return head + ("\n" + "\n".join(lines) + "\n)" if lines else ")")


Substitute.install("Module", Module)
