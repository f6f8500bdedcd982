"""A trained net with all that belongs to it: what it takes are raw samples, what it gives are names or values."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import numpy as np

from tinydl import nn, random
from tinydl._check import path_of
from tinydl.data import ArrayDataset, DataError
from tinydl.train.building import RunError, build_net, check_data, check_settings, viewed
from tinydl.train.checkpoint import CheckpointError, load_weights
from tinydl.train.evaluation import predict
from tinydl.train.task import output_names, unscaled
from tinydl.train.tensorfile import TensorFileError, read_tensors

if TYPE_CHECKING:
    from typing import Any

    from tinydl._types import Array, ArrayLike, Path
    from tinydl.nn.container import Sequential
    from tinydl.nn.module import Module

__all__ = ["Model", "load_model"]


class Model:
    """A net, and how its inputs are normalised and its outputs read.

    Parameters
    ----------
    net : nn.Module
    card : dict
        As `Run.card` makes it.

    Attributes
    ----------
    net : nn.Module
        Takes normalised samples.
    card : dict
    """

    def __init__(self, net: Module, card: dict[str, Any]) -> None:
        self.net, self.card = net, card

    def __repr__(self) -> str:
        shape = "x".join(map(str, self.card["image_shape"]))
        return f"Model({self.card['model']}: {shape} to {', '.join(output_names(self.card))})"

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """Names of the classes; () of a regression."""
        return tuple(self.card["class_names"])

    def outputs(self, x: ArrayLike) -> Array:
        """What the net gives for raw samples: logits, or the values of a regression in the user's units.

        Parameters
        ----------
        x : array, shape (N, ...) or that of one sample
            Values as they were in the files: 0 to 255 for pictures, whatever their dtype.

        Returns
        -------
        array of float64, shape (N, K)

        Raises
        ------
        DataError
            Another shape than that of the training; nan; floats from 0 to 1 where the training had 0 to 255.
        """
        shape, x = tuple(self.card["image_shape"]), np.asarray(x)
        x = x[None] if x.shape == shape else x
        if x.shape[1:] != shape or len(x) == 0:
            raise DataError(f"samples must have shape (N, {', '.join(map(str, shape))}), got {x.shape}")
        if x.dtype.kind == "f":
            if not np.isfinite(x).all():
                raise DataError(f"sample {np.argwhere(~np.isfinite(x))[0][0]} holds nan or infinity")
            if self.card.get("images") == "uint8" and x.min() >= 0 and 0 < x.max() <= 1 < 1 / self.card["scale"]:
                raise DataError(f"the values run from {x.min():g} to {x.max():g}, those of the training from 0 to "
                                f"{1 / self.card['scale']:g}: multiply by {1 / self.card['scale']:g}")
        data = ArrayDataset(x, mean=self.card["mean"], std=self.card["std"], scale=self.card["scale"])
        return unscaled(predict(self.net, data), self.card)

    def __call__(self, x: ArrayLike) -> Any:
        """The answers to raw samples: a class name each, a tuple of names of several classes, or an array of values."""
        outputs = self.outputs(x)
        task, names = self.card.get("task", "classes"), self.card.get("class_names", ())
        if task == "regression":
            return outputs
        if task == "labels":
            return [tuple(name for name, logit in zip(names, row, strict=True) if logit > 0)
                    for row in outputs]
        return [names[k] for k in outputs.argmax(axis=1)]

    def whole(self) -> Sequential:
        """The net with its normalisation as a first layer, and of a regression the scaling of targets as a last one.

        It takes raw values as floats, for `tinydl.freeze` and whatever writes nets for other programs: ``(x * scale -
        mean) / std`` is a batch norm with fixed statistics.

        Returns
        -------
        nn.Sequential
            In evaluation mode, in which it must stay.
        """
        c = self.card
        scale, shape = c["scale"], c["image_shape"]
        mean, std = np.array(c["mean"]), np.array(c["std"])
        kind = nn.BatchNorm2d if len(shape) == 3 else nn.BatchNorm1d
        layers = [_affine(kind(shape[0]), mean / scale, scale / std, 0.0), self.net]
        if c.get("task") == "regression":
            layers.append(_affine(nn.BatchNorm1d(len(c["target_std"])), 0.0, c["target_std"], c["target_mean"]))
        return nn.Sequential(*layers).eval()


def _affine(norm, mean, weight, bias):
    """A batch norm that computes (x - mean) * weight + bias in evaluation."""
    norm.running_mean[:], norm.running_var[:] = mean, 1 - norm.eps
    norm.weight.data[:], norm.bias.data[:] = weight, bias
    return norm


def load_model(path: Path) -> Model:
    """The trained net of a run, with its normalisation and classes.

    Parameters
    ----------
    path : path-like
        A run folder, or the weights.safetensors in it.

    Returns
    -------
    Model

    Raises
    ------
    RunError, CheckpointError
        No such file, one without the facts that `tinydl train` writes, or damaged ones.

    Examples
    --------
    >>> model = td.train.load_model("runs/digits-digits_cnn")
    >>> model(images)
    ['3', '7']
    """
    path = path_of(path)
    if os.path.isdir(path):
        path = os.path.join(path, "weights.safetensors")
    try:
        _, metadata = read_tensors(path)
    except TensorFileError as error:
        raise CheckpointError(str(error)) from None
    except OSError as error:
        raise CheckpointError(f"{path}: {error.strerror or error}") from None
    if "tinydl" not in metadata:
        raise RunError(f"{path}: weights alone, without the network they belong to; tinydl train writes it with them, "
                       "td.train.load_weights reads weights into a net")
    try:
        card = json.loads(metadata["tinydl"])
        check_settings(card)
        check_data(card)
        with random.stream(0):  # the program's random numbers stay where they are
            net = build_net(card["model"], card["image_shape"], len(output_names(card)))
    except (ValueError, KeyError, TypeError) as error:
        raise RunError(f"{path}: what it says of its network cannot be ({error})") from None
    load_weights(path, net)
    return Model(viewed(card, net), card)
