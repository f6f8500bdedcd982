"""Weights and checkpoints on disk: safetensors plus JSON, written whole or not at all, no pickle anywhere.

A checkpoint is one safetensors file. Its arrays are all arrays of the state (weights, batch-norm statistics, optimizer
moments, best weights so far); its metadata hold the rest as JSON (epoch, batch, seed, history, schedule, counters),
with each array replaced by a reference to its name. One file and one rename make it all or nothing.
"""

from __future__ import annotations

import json
import math
import os
from typing import TYPE_CHECKING

import numpy as np

from tinydl._check import path_of
from tinydl._files import atomic_write
from tinydl.train.tensorfile import TensorFileError, read_tensors, with_tied, write_tensors

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tinydl._types import Array, Path, State
    from tinydl.nn.module import Module

__all__ = ["CheckpointError", "load_checkpoint", "load_weights", "previous_path", "save_checkpoint", "save_weights"]

_FORMAT = "tinydl-checkpoint-1"


class CheckpointError(ValueError):
    """A checkpoint or weights file that cannot be used; the message names file, fault and cure."""


def previous_path(path):
    """Where the checkpoint before the one at `path` is kept: ``name.previous.ext``."""
    stem, extension = os.path.splitext(path_of(path))
    return f"{stem}.previous{extension}"


# --- a tree of plain values and arrays <-> JSON and named arrays ----------------------------------------------------

def _pack(value, name, arrays):
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, np.ndarray):
        arrays[name] = value
        return {"$array": name}
    if isinstance(value, (np.bool_, np.integer, np.floating)):
        value = value.item()
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"$float": repr(value)}
    if isinstance(value, (list, tuple)):
        items = [_pack(v, f"{name}.{i}", arrays) for i, v in enumerate(value)]
        return items if isinstance(value, list) else {"$tuple": items}
    if isinstance(value, dict):
        items = {k: _pack(v, f"{name}.{k}" if name else str(k), arrays) for k, v in value.items()}
        if all(isinstance(k, str) and not k.startswith("$") for k in items):
            return items
        return {"$items": [[k, v] for k, v in items.items()]}
    raise TypeError(f"a checkpoint cannot hold {name}, a {type(value).__name__}; use numbers, strings, arrays, lists "
                    "and dicts of them")


def _unpack(value, arrays):
    if isinstance(value, list):
        return [_unpack(v, arrays) for v in value]
    if not isinstance(value, dict):
        return value
    special = next((k for k in value if k.startswith("$")), None)
    if special is None:
        return {k: _unpack(v, arrays) for k, v in value.items()}
    inner = value[special]
    if special == "$array":
        return arrays[inner]
    if special == "$float":
        return {"inf": math.inf, "-inf": -math.inf, "nan": math.nan}[inner]
    if special == "$tuple":
        return tuple(_unpack(v, arrays) for v in inner)
    if special == "$items":
        return {k: _unpack(v, arrays) for k, v in inner}
    raise KeyError(special)


def save_checkpoint(path: Path, state: State, *, keep_previous: bool = True) -> None:
    """Write a tree of arrays, numbers, strings, lists, tuples and dicts to one file, whole or not at all.

    Parameters
    ----------
    path : path-like
    state : dict
        For example ``Trainer.state_dict()``. Floats come back exactly.
    keep_previous : bool
        Let the file that is replaced stay at `previous_path`.

    Raises
    ------
    TypeError
        The state holds something else, which would need pickle.
    OSError
        The file cannot be written; what was there is unchanged.
    """
    arrays: dict[str, Array] = {}
    tree = json.dumps(_pack(state, "", arrays), allow_nan=False)
    with atomic_write(path, previous=previous_path(path) if keep_previous else None) as file:
        write_tensors(file, arrays, {"format": _FORMAT, "state": tree})


def _read(path):
    try:
        return read_tensors(path)
    except TensorFileError as error:
        raise CheckpointError(str(error)) from None
    except OSError as error:
        raise CheckpointError(f"{path_of(path)}: {error.strerror or error}") from None


def load_checkpoint(path: Path) -> State:
    """Read what `save_checkpoint` wrote.

    Returns
    -------
    dict
        The state, with fresh arrays.

    Raises
    ------
    CheckpointError
        The file is missing, not a checkpoint, truncated, or any of its bytes has changed.
    """
    arrays, metadata = _read(path)
    if metadata.get("format") != _FORMAT or metadata.get("writer") != "tinydl":
        raise CheckpointError(f"{path_of(path)}: not a tinydl checkpoint (format {metadata.get('format')!r}); "
                              "load_weights reads weights alone")
    try:
        state = _unpack(json.loads(metadata["state"]), arrays)
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{path_of(path)}: damaged checkpoint ({type(error).__name__}: {error})") from None
    if not isinstance(state, dict):
        raise CheckpointError(f"{path_of(path)}: damaged checkpoint (no state in it)")
    return state


# --- weights alone -------------------------------------------------------------------------------------------------

def save_weights(path: Path, net: Module, metadata: Mapping[str, str] | None = None) -> None:
    """Write the state dict of `net` (parameters and batch-norm statistics) as a safetensors file.

    Any tool that reads safetensors reads it; names and shapes are PyTorch's. A shared parameter is stored once, which
    ``safetensors.torch.load_model(model, path)`` takes for a PyTorch model that shares it too.

    Parameters
    ----------
    path : path-like
    net : nn.Module
    metadata : dict of str to str, optional
        Stored beside the arrays.
    """
    with atomic_write(path) as file:
        write_tensors(file, net.state_dict(), {"format": "pt", **(metadata or {})})


def load_weights(path: Path, net: Module, strict: bool = True) -> dict[str, str]:
    """Load weights into `net` from a safetensors file of any writer, a tinydl checkpoint included.

    Names of wrapped PyTorch models, tied names, float16 and bfloat16 are taken: `nn.Module.load_state_dict`.

    Parameters
    ----------
    path : path-like
    net : nn.Module
        Unchanged when anything is wrong.
    strict : bool
        Whether names must match one to one.

    Returns
    -------
    dict of str to str
        The file's metadata.

    Raises
    ------
    CheckpointError
        The file is missing or damaged, or its arrays do not fit `net`; the message names every such array.
    """
    arrays, metadata = _read(path)
    if metadata.get("format") == _FORMAT:
        arrays = {name.removeprefix("model."): a for name, a in arrays.items() if name.startswith("model.")}
    try:
        net.load_state_dict(with_tied(arrays, metadata), strict=strict)
    except (KeyError, ValueError, TypeError, RuntimeError) as error:
        raise CheckpointError(f"{path_of(path)}: {error.args[0] if error.args else error}") from None
    return metadata
