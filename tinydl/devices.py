"""The device that scripts name: the CPU, the only one there is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinydl.tensor import Tensor

if TYPE_CHECKING:
    from typing import Any, Self

__all__ = ["accelerator", "backends", "cuda", "device", "device_or_dtype"]


class device(str):
    """A device, which equals its name.

    Parameters
    ----------
    name : str
        'cpu', also with a number behind a colon.
    """

    __slots__ = ()
    index = None  # type: ignore[assignment]

    def __new__(cls, name: str = "cpu") -> Self:
        if not isinstance(name, str) or name.partition(":")[0] != "cpu":
            raise ValueError(f"tinydl computes on the CPU: device {name!r} does not exist here; use 'cpu', or leave "
                             "the device out")
        return super().__new__(cls, "cpu")

    @property
    def type(self) -> str:
        """'cpu'."""
        return "cpu"

    def __repr__(self) -> str:
        return "device(type='cpu')"


class _Absent:
    """What scripts ask of a kind of device that is not there; settings are taken and have no effect."""

    def is_available(self) -> bool:
        """False: there is no such device."""
        return False

    def device_count(self) -> int:
        """0."""
        return 0


    def manual_seed(self, seed: int) -> None:
        """Nothing: `manual_seed` seeds all there is."""

    manual_seed_all = manual_seed

    if TYPE_CHECKING:
        def __setattr__(self, name: str, value: bool) -> None: ...


class _Backends:
    """Libraries of devices: none of them is there."""

    cudnn, mps = _Absent(), _Absent()


accelerator, backends, cuda = _Absent(), _Backends(), _Absent()


def device_or_dtype(args: tuple[Any, ...], dtype: Any = None, place: Any = None) -> Any:
    """The dtype that arguments of `to` ask for, or None; a device other than the CPU is an error."""
    for arg in args:
        if isinstance(arg, Tensor):
            dtype = arg.dtype
        elif isinstance(arg, str) and not _is_dtype(arg):
            place = arg
        else:
            dtype = arg
    if place is not None:
        device(place)
    return dtype


def _is_dtype(text):
    if isinstance(text, device):
        return False
    try:
        np.dtype(text)
    except TypeError:
        return False
    return True
