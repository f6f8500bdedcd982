"""Arrays by name in a safetensors file, which holds numbers and no code: what `save` writes and `load` reads."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from tinydl._check import path_of
from tinydl._files import atomic_write
from tinydl.devices import device
from tinydl.tensor import Tensor
from tinydl.train.tensorfile import read_tensors, with_tied, write_tensors

if TYPE_CHECKING:
    from tinydl._types import Array, ArrayLike, Device, Path

__all__ = ["load", "save"]

_PICKLED = (".pt", ".pth", ".bin", ".ckpt", ".pkl")


def _better_name(path):
    """The name of the safetensors file in the place of a pickle of PyTorch; None for other names."""
    stem, kind = os.path.splitext(path)
    return f"{stem}.safetensors" if kind.lower() in _PICKLED else None


def _refuse_pickle(path, better):
    there = f" (or load {better!r}, which is there too)" if os.path.exists(better) else ""
    raise ValueError(
        f"load reads safetensors, not PyTorch's pickle, which can run code as it is read{there}. Two lines convert "
        f"{path!r} where PyTorch is installed:\n    import torch, safetensors.torch\n"
        f"    safetensors.torch.save_file({{k: v.contiguous().clone() for k, v in torch.load({path!r}, "
        f"weights_only=True).items()}}, {better!r})")


def save(state: Mapping[str, ArrayLike], path: Path) -> None:
    """Write a state dict, or any tensors by name, as a safetensors file, whole or not at all.

    Parameters
    ----------
    state : mapping of str to Tensor or array
        What `Module.state_dict` gives, for example.
    path : path-like
        Ends in .safetensors, by custom. A name of PyTorch's pickles (.pt, .pth) gets that ending, with a warning: no
        file pretends to be a pickle, and a script that saves so still runs.

    Raises
    ------
    TypeError
        For anything but a mapping of names to numbers: a `Trainer` writes checkpoints of training.
    """
    path = path_of(path)
    if not isinstance(state, Mapping) or not all(isinstance(name, str) for name in state):
        raise TypeError(f"save takes names and tensors, such as net.state_dict(), got {type(state).__name__}; a tensor "
                        "alone is saved as {'x': x}")
    arrays = {}
    for name, value in state.items():
        array = value.data if isinstance(value, Tensor) else np.asarray(value)
        if array.dtype.kind not in "fiub":
            raise TypeError(f"save: {name!r} is no array of numbers but {type(value).__name__}; "
                            "td.train.save_checkpoint(path, state) writes trees of arrays and numbers")
        arrays[name] = array
    if better := _better_name(path):
        warnings.warn(f"save writes safetensors, not PyTorch's pickle: {path!r} becomes {better!r}", stacklevel=2)
        path = better
    with atomic_write(path) as file:
        write_tensors(file, arrays)


def load(path: Path, map_location: Device | None = None, weights_only: bool = True) -> dict[str, Array]:
    """Read a safetensors file: a dict of names and arrays, as `Module.load_state_dict` takes it.

    bfloat16 becomes float32, which holds the same numbers. Tied tensors that `safetensors.torch.save_model` stored once
    are there under each of their names.

    Parameters
    ----------
    path : path-like
        The name of a pickle (.pt, .pth) that is not there stands for what `save` made of it.
    map_location : 'cpu', optional
        The only device.
    weights_only : bool
        Of no effect: such a file holds nothing else.

    Raises
    ------
    ValueError
        For a pickle of PyTorch (.pt, .pth); the message has the two lines that convert it.
    tinydl.train.tensorfile.TensorFileError
        For a file that is not a whole safetensors file.
    """
    path = path_of(path)
    if better := _better_name(path):
        if os.path.exists(path) or not os.path.exists(better):
            _refuse_pickle(path, better)
        warnings.warn(f"load reads {better!r}, as there is no {path!r}", stacklevel=2)
        path = better
    if map_location is not None:
        device(map_location)
    return with_tied(*read_tensors(path))
