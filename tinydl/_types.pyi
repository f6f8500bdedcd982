"""For type checkers: the words of the annotations. Nothing imports this at run time."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, ParamSpec, Protocol, TypeAlias, TypeVar, overload

import numpy as np
import numpy.typing as npt

from tinydl.data.augment import Augment
from tinydl.data.collection import Dataset
from tinydl.data.dataset import ArrayDataset
from tinydl.devices import device
from tinydl.nn.module import Module
from tinydl.ops.sorting import Placed
from tinydl.tensor import Tensor

class SupportsArray(Protocol):
    """What NumPy takes for an array."""

    def __array__(self) -> Array: ...

Array: TypeAlias = npt.NDArray[Any]
ArrayLike: TypeAlias = Tensor | Array | np.generic | float | list[Any] | tuple[Any, ...] | SupportsArray
Number: TypeAlias = float | np.number[Any] | np.bool_
Operand: TypeAlias = Tensor | Array | Number
DType: TypeAlias = npt.DTypeLike | None
Device: TypeAlias = str | device
Path: TypeAlias = str | os.PathLike[str]

Shape: TypeAlias = tuple[int, ...]
Ints: TypeAlias = int | Sequence[int]
Floats: TypeAlias = float | Sequence[float]
Reduction: TypeAlias = Literal["mean", "sum", "none"]

Logs: TypeAlias = dict[str, Any]
State: TypeAlias = dict[str, Any]
Group: TypeAlias = dict[str, Any]
Params: TypeAlias = Tensor | Iterable[Tensor] | Iterable[Group]
Loss: TypeAlias = Callable[..., Tensor]
MetricFunction: TypeAlias = Callable[..., Any]
Metrics: TypeAlias = str | MetricFunction | Sequence[str | MetricFunction] | Mapping[str, MetricFunction | None]

Samples: TypeAlias = ArrayDataset | Dataset | tuple[Any, Any] | Iterable[Any] | Callable[[], Iterable[Any]]
Split: TypeAlias = tuple[ArrayDataset, ArrayDataset]
Augments: TypeAlias = Augment | str | Callable[..., Any]
ClassWeight: TypeAlias = Mapping[int, float] | Sequence[float] | Array | Literal["balanced"]
Report: TypeAlias = Callable[[int, int], object]

P = ParamSpec("P")
R = TypeVar("R")
Result = TypeVar("Result", covariant=True)
T = TypeVar("T")
AnyTensor = TypeVar("AnyTensor", bound=Tensor)
AnyModule = TypeVar("AnyModule", bound=Module)
AnyFunction = TypeVar("AnyFunction", bound=Callable[..., Any])

class Forward(Protocol[P, Result]):
    """A module as its call sees it: what `forward` takes and returns."""

    def forward(self, *args: P.args, **kwargs: P.kwargs) -> Result: ...

class Worded(Protocol[P, Result]):
    """An operation that takes `dim` and `keepdim` for `axis` and `keepdims`."""

    @property
    def __name__(self) -> str: ...
    @overload
    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Result: ...
    @overload
    def __call__(self, x: Any, /, *args: Any, dim: Ints | None, keepdim: bool = ..., **kwargs: Any) -> Result: ...
    @overload
    def __call__(self, x: Any, axis: Ints | None = None, /, *, keepdim: bool) -> Result: ...

class Like(Protocol):
    """What makes a tensor of the shape and type of another."""

    def __call__(self, x: ArrayLike, *args: Any, dtype: DType = None, device: Device | None = None,
                 requires_grad: bool = False) -> Tensor: ...

class Extreme(Protocol):
    """`max` and `min`, which give values and places along a `dim`."""

    @overload
    def __call__(self, x: ArrayLike, /) -> Tensor: ...
    @overload
    def __call__(self, x: ArrayLike, dim: int, keepdim: bool = False) -> Placed: ...
    @overload
    def __call__(self, x: ArrayLike, dim: Tensor | Array) -> Tensor: ...
    @overload
    def __call__(self, x: ArrayLike, *, axis: Ints | None = None, keepdims: bool = False) -> Tensor: ...
