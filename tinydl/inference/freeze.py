"""freeze: a trained model as one call of compiled code."""

import copy

import numpy as np

from tinydl import config, layout
from tinydl.inference.lowering import Unfit, lower
from tinydl.inference.network import Call, read
from tinydl.nn.module import Module
from tinydl.ops.checks import as_input
from tinydl.tensor import Tensor

__all__ = ["Predictor", "freeze"]

_KEPT = 8  # shapes whose programs are kept
_FLOAT = np.dtype(np.float32)


class _Run:
    """Nodes without calls: a function of one float32 array."""

    def __init__(self, nodes, algorithm):
        self.nodes, self.algorithm = nodes, algorithm
        self.programs = {}

    def __call__(self, x):
        found = self.programs.get(x.shape)
        if found is None:
            found = self.plan(x.shape)
        channels_last, row_major = found
        y = channels_last.predict(x, config.get_num_threads())
        if y is None and row_major is not None:
            y = row_major.predict(x, config.get_num_threads())
        return channels_last.predict(layout.channels_last(x), config.get_num_threads()) if y is None else y

    def plan(self, shape):
        """The programs for one shape, for channels-last and row-major inputs where these differ."""
        try:
            found = (lower(self.nodes, shape, False, self.algorithm),
                     lower(self.nodes, shape, True, self.algorithm) if len(shape) > 2 and shape[1] > 1 else None)
        except ValueError as error:
            raise Unfit from error
        for old in list(self.programs)[:1 - _KEPT]:
            self.programs.pop(old, None)  # another thread may have been first
        self.programs[shape] = found
        return found


class _Layer:
    """A layer called as it is: a function of one float32 array."""

    def __init__(self, layer, algorithm):
        self.layer, self.algorithm = layer, algorithm

    def __call__(self, x):
        with config.no_grad(), config.conv_algorithm(self.algorithm):
            return self.layer(x).data


class Predictor:
    """What `freeze` returns: a function of an array of inputs."""

    def __init__(self, model, nodes, algorithm):
        self._model, self._algorithm = model, algorithm
        runs = [[]]
        for node in nodes:
            if isinstance(node, Call):
                runs += [_Layer(node.layer, algorithm), []]
            else:
                runs[-1].append(node)
        self._runs = [run if isinstance(run, _Layer) else _Run(run, algorithm) for run in runs if run != []]
        self._any_type = next(model.parameters(), None) is None  # what has no parameters computes in the input's type

    def __call__(self, x):
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
        """
        try:
            if not self._runs:
                raise Unfit
            if type(x) is np.ndarray and x.dtype == _FLOAT:
                y = given = x
            elif self._any_type:
                raise Unfit
            else:
                y = given = _as_float32(x)
            for run in self._runs:
                y = run(y)
            if isinstance(run, _Layer) and np.may_share_memory(y, given):
                return y.copy(order="K")
            return y
        except Unfit:
            # The model says what is wrong with the shape or type, or computes what no program does.
            with config.no_grad(), config.conv_algorithm(self._algorithm):
                return self._model(x).numpy().copy(order="K")

    def __reduce__(self):
        # Packed filters belong to one process; the model they come from can go anywhere.
        return _frozen_under, (self._model, self._algorithm)

    def __repr__(self):
        return f"Predictor({self._model!r})"


def _frozen_under(model, algorithm):
    with config.conv_algorithm(algorithm):
        return freeze(model)


def _as_float32(x):
    if isinstance(x, Tensor):
        if x.dtype != _FLOAT:
            raise Unfit
        return x.data
    return as_input(x, _FLOAT).data


def freeze(model):
    """A snapshot of a model that only predicts, in one call of compiled code.

    Evaluation needs less than training: batch norms are folded into the weights before them, bias, residual sum and
    ReLU happen while a result is in registers, filters are packed once, nothing is recorded, and no Python runs
    between the layers. Results equal those of ``model.eval()`` inside `no_grad` to rounding.

    Parameters
    ----------
    model : Module
        With float32 parameters. It is copied as it would be in evaluation mode, whatever its mode is: training it later
        changes nothing here. Layers of `tinydl.nn` and networks of `tinydl.models`; `Sequential` puts them in a row.

    Returns
    -------
    Predictor
        ``predictor(x)`` takes an array of any number of samples and returns an array. Several threads may call one
        predictor. The setting of `conv_algorithm` at the time of freezing holds.

    Raises
    ------
    TypeError
        If the model holds a module of your own, whose `forward` could be anything, a forward hook, or float64
        parameters.

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
    if not isinstance(model, Module):
        raise TypeError(f"freeze takes a module, got {type(model).__name__}")
    for name, parameter in model.named_parameters():
        if parameter.dtype != _FLOAT:
            raise TypeError(f"freeze computes in float32, {name} is {parameter.dtype}; convert with model.float()")
    model = copy.deepcopy(model).eval().requires_grad_(False)
    return Predictor(model, read(model), config.mode.algorithm)
