"""freeze: a trained model as one call of compiled code."""

from __future__ import annotations

import functools
import importlib
import os
import threading
import warnings
from typing import TYPE_CHECKING

import numpy as np

from tinydl import config
from tinydl.inference.portable import snapshot
from tinydl.inference.reading import Reader, Whole
from tinydl.inference.segments import Differs, cut
from tinydl.inference.tracing import ModuleCall
from tinydl.inference.weights import Packed
from tinydl.ops.checks import as_input
from tinydl.tensor import Tensor, array_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from tinydl._types import Array, Path
    from tinydl.nn.module import Module

__all__ = ["Predictor", "freeze"]

_KEPT = 8  # shapes whose programs are kept
_FLOAT = np.dtype(np.float32)


class Predictor:
    """What `freeze` returns: a function of an array of inputs."""

    def __init__(self, model: Module, algorithm: str) -> None:
        self._model, self._algorithm = model, algorithm
        self._any_type = next(model.parameters(), None) is None  # what has no parameters computes in the input's type
        self._reader, self._packed = Reader(model), Packed()
        self._plans: dict[Any, Any] = {}
        self._said: set[str] = set()
        self._lock = os.getpid(), threading.Lock()

    def __call__(self, x: Any) -> Array:
        """The model's outputs for `x`.

        Parameters
        ----------
        x : array_like, shape (N, ...)
            Any number of samples; it is not written to. A channels-last array of float32 (`tinydl.layout`) is read
            where it lies, others are re-laid or converted first.

        Returns
        -------
        numpy.ndarray, shape (N, ...)
            A fresh array.

        Raises
        ------
        TypeError
            For arrays of uint8: data sets scale such images, a network does not. And if the model returns anything but
            one tensor.
        ValueError, TypeError
            What the model says to an input that it does not take.
        """
        if type(x) is not np.ndarray or x.dtype != _FLOAT:
            x = self._converted(x)
            if x.dtype != _FLOAT:
                return self._whole(x)
        trusting = True
        while trusting:
            try:
                return (self._plans.get(x.shape) or self._planned(x))(x)
            except Differs:
                self._plans.pop(x.shape, None)
                trusting = self._reader.distrust(x.shape[1:])
        self._say(f"{type(self._model).__name__} has an operation whose shape depends on values, and is computed by "
                  "the ordinary path", 3)
        self._plans[x.shape] = self._whole
        return self._whole(x)

    def save(self, path: Path, input_shape: Sequence[int] | None = None) -> None:
        """Write the predictor as a file for `load_predictor`: arrays and the names of operations, no code.

        Parameters
        ----------
        path : path-like
            A safetensors file, which is written whole or not at all.
        input_shape : tuple of int, optional
            Shape of one sample, without the batch axis; by default that of the samples it was called with.

        Raises
        ------
        ValueError
            If the model's code is more than a graph of operations of tinydl, or no shape is known.
        """
        # The room of files is above this one, and loads when it is asked for.
        importlib.import_module("tinydl.export.predictor").save(self, path, input_shape)

    def _converted(self, x: Any) -> Any:
        """float32 of what is not float32, or the input itself (or its tensor) where the model says what is wrong."""
        if isinstance(x, Tensor):
            return x if x.dtype != _FLOAT else x.data
        array = array_of(x)
        if array.dtype == np.uint8:
            raise TypeError("a predictor takes no uint8: a data set scales such images (by 1/255 unless it says "
                            "otherwise), a network does not; pass x.astype('float32') as the network was trained on it")
        if self._any_type or array.dtype.kind not in "fiub":
            return array
        return as_input(array, _FLOAT).data

    def _whole(self, x):
        """The model called as it is."""
        with config.no_grad(), config.conv_algorithm(self._algorithm):
            y = self._model(Tensor(x) if isinstance(x, np.ndarray) and x.dtype == _FLOAT else x)
        if not isinstance(y, Tensor):
            raise TypeError(f"freeze: {type(self._model).__name__} returns a {type(y).__name__}; a predictor returns "
                            "one array: let forward return one tensor, or predict with model.eval() inside no_grad()")
        return y.numpy().copy(order="K")

    # --- plans -------------------------------------------------------------------------------------------------------

    def _planned(self, x):
        """What computes inputs of this shape; kept for the next ones."""
        process, lock = self._lock
        if process != os.getpid():  # a fork may have copied a lock that a thread held
            self._lock = process, lock = os.getpid(), threading.Lock()
        with lock:
            if x.shape in self._plans:
                return self._plans[x.shape]
            try:
                with config.conv_algorithm(self._algorithm):
                    graph = self._reader.graph(x)
            except Whole as found:
                self._say(f"{type(self._model).__name__} {found} and is computed by the ordinary path")
                plan = self._whole
            except Exception as error:
                return functools.partial(self._untraced, error)
            else:
                plan = cut(graph, graph.result, self._algorithm, self._packed)
                self._tell(plan)
            for old in list(self._plans)[:1 - _KEPT]:
                self._plans.pop(old, None)
            self._plans[x.shape] = plan
            return plan

    def _untraced(self, error, x):
        """The model says itself what is wrong with an input whose trace failed; or it can do with it after all."""
        y = self._whole(x)
        self._say(f"{type(self._model).__name__} could not be traced ({type(error).__name__}: {error}) and is computed "
                  "by the ordinary path", 4)
        return y

    def _tell(self, plan):
        """Say what the plan computes by the ordinary path, as far as it has not been said."""
        for path, (call, why) in self._reader.apart.items():
            self._say(f"{call.__name__} ({path}) {why} and is called as it is", 5)
        names = [f"{node.name} ({node.path or type(self._model).__name__})" for node in plan.unknown
                 if not isinstance(node.function, ModuleCall)]
        new = [name for name in dict.fromkeys(names) if name not in self._said]
        if new:
            self._said.update(new)
            self._say(", ".join(new) + (" has no frozen form and is" if len(new) == 1 else " have no frozen form and "
                                        "are") + " computed by the ordinary path", 5)

    def _say(self, text, frames=4):
        """Warn once, at the line that is so many frames above this one: the call of the predictor."""
        if text not in self._said:
            self._said.add(text)
            warnings.warn(f"freeze: {text}", RuntimeWarning, stacklevel=frames)

    def __reduce__(self) -> tuple[Any, ...]:
        # Packed filters belong to one process; the model they come from can go anywhere.
        return Predictor, (self._model, self._algorithm)

    def __repr__(self) -> str:
        return f"Predictor({self._model!r})"


def freeze(model: Module) -> Predictor:
    """A snapshot of a model that only predicts, as far as possible in one call of compiled code.

    Evaluation needs less than training: batch norms are folded into the weights before them, bias, residual sum and
    ReLU happen while a result is in registers, filters are packed once, nothing is recorded, and no Python runs
    between the layers. Results equal those of ``model.eval()`` inside `no_grad` to rounding.

    Parameters
    ----------
    model : Module
        With float32 parameters, of any composition of operations. It is copied as it would be in evaluation mode,
        whatever its mode is: training it later changes nothing here.

    Returns
    -------
    Predictor
        ``predictor(x)`` takes an array of any number of samples and returns an array. Several threads may call one
        predictor. The setting of `conv_algorithm` at the time of freezing holds.

    Raises
    ------
    TypeError
        If the model has float64 parameters, a forward hook, which nobody would call, or a module whose `forward` was
        replaced by an attribute, which no copy can be made of.

    Warns
    -----
    RuntimeWarning
        At the first call of a predictor, of what it computes by the ordinary path: an operation that has no frozen
        form (for itself, between compiled parts), a module whose code reads the values of a tensor, draws random
        numbers or changes its state (for itself), or the whole model where that happens outside of its modules.

    Notes
    -----
    The first call with a shape of sample runs the model's code on a few of the samples and records the operations,
    `tinydl.graph`. Each new batch size runs the code again without computing, to see that it does the same, and lays
    out the memory of its program.

    Examples
    --------
    >>> import numpy as np
    >>> import tinydl as td
    >>> net = td.nn.Sequential(td.nn.Conv2d(1, 4, 3), td.nn.BatchNorm2d(4), td.nn.ReLU(), td.nn.Flatten(),
    ...                        td.nn.Linear(4 * 6 * 6, 2))
    >>> predictor = td.freeze(net)
    >>> x = np.ones((5, 1, 8, 8), np.float32)
    >>> predictor(x).shape
    (5, 2)
    >>> with td.no_grad():
    ...     bool(np.allclose(predictor(x), net.eval()(x).numpy(), atol=1e-5))
    True
    """
    return Predictor(snapshot(model, "freeze"), config.mode.algorithm)
