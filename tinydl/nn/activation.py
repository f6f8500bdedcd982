"""Activations as layers: one for each operation that is an activation, and softmax."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tinydl import ops
from tinydl._check import integer, one_of
from tinydl.nn.module import Module
from tinydl.ops.activations import OPERATIONS, ROWS, Row, without_inplace
from tinydl.ops.checks import as_input

if TYPE_CHECKING:
    from typing import Literal

    from tinydl._types import ArrayLike
    from tinydl.tensor import Tensor


class Activation(Module):
    """Base of the layers that apply one function to each element.

    The layer of an operation takes the arguments that the operation takes after x; its text is the operation's. It also
    takes `inplace`, the last one, which is of no effect: an input is never written.
    """

    _row: Row
    _op: Any

    def __init__(self, *args: float, inplace: bool = False, **kwargs: float) -> None:
        number = self._row.given(without_inplace(self._row, args), kwargs)
        if self._row.parameter:
            setattr(self, self._row.parameter, number)

    def forward(self, x: ArrayLike) -> Tensor:
        """Any shape to the same shape."""
        name = self._row.parameter
        return self._op(as_input(x), getattr(self, name)) if name else self._op(as_input(x))

    def extra_repr(self) -> str:
        """The parameter."""
        name = self._row.parameter
        return f"{name}={getattr(self, name)}" if name else ""


class ReLU(Activation):
    """y = max(x, 0).

    Parameters
    ----------
    inplace : bool
        Of no effect: an input is never written, and a net computes this in the pass of the next layer anyway.
    """

    _row = ROWS["relu"]

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()

    def forward(self, x: ArrayLike) -> Tensor:
        """Any shape to the same shape."""
        return ops.relu(as_input(x))


class GELU(Activation):
    """y = x Phi(x), Phi the normal distribution function, or the form with tanh that approximates it.

    Any shape to the same shape.

    Parameters
    ----------
    approximate : {'none', 'tanh'}
        'tanh' is `ops.gelu_tanh`, for weights that were trained with it.
    """

    _row = ROWS["gelu"]

    def __init__(self, approximate: Literal["none", "tanh"] = "none") -> None:
        super().__init__()
        self.approximate = one_of("GELU", "approximate", approximate, ("none", "tanh"))

    def forward(self, x: ArrayLike) -> Tensor:
        """Any shape to the same shape."""
        return (ops.gelu if self.approximate == "none" else ops.gelu_tanh)(as_input(x))

    def extra_repr(self) -> str:
        """The form."""
        return f"approximate={self.approximate!r}"


class Softplus(Activation):
    """y = log(1 + exp(beta x)) / beta, x where beta x > threshold.

    Any shape to the same shape.

    Parameters
    ----------
    beta : float
        How sharp the bend is, > 0.
    threshold : float
        20: beyond it the difference is less than 3e-9.
    """

    _row = ROWS["softplus"]
    _op = staticmethod(ops.softplus)

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__(beta)
        if not self.beta > 0:
            raise ValueError(f"Softplus: beta must be a finite number > 0, got {beta!r}")
        if threshold != 20:
            raise ValueError(f"Softplus: threshold is 20, got {threshold!r}; the line begins where it makes no "
                             "difference")

    def extra_repr(self) -> str:
        """The settings."""
        return f"beta={self.beta}, threshold=20.0"


def _layer(row, operation):
    """The class of a row's layer."""
    def __init__(self, *args, **kwargs):
        Activation.__init__(self, *args, **kwargs)

    # The signature that inspect and help show is the row's, with self in the place of x.
    __init__.__wrapped__ = row.value
    text, own = operation.__doc__.split("\n\nParameters\n")[0], ""
    if row.parameter:
        own = f"\n\nParameters\n----------\n{row.parameter} : float\n    {row.about}"
    return type(row.layer, (Activation,), {
        "__doc__": f"y = {text}\n\nAny shape to the same shape.{own}\n", "__init__": __init__, "__module__": __name__,
        "_op": staticmethod(operation), "_row": row})


_OF_ITS_OWN = {"ReLU": ReLU, "GELU": GELU, "Softplus": Softplus}
LAYERS = {"ReLU": ReLU, **{ROWS[name].layer: _OF_ITS_OWN.get(ROWS[name].layer) or _layer(ROWS[name], operation)
                           for name, operation in OPERATIONS.items()}}
globals().update(LAYERS)


class Softmax(Module):
    """y_i = exp(x_i) / sum_j exp(x_j) along one axis. Not before CrossEntropyLoss, which takes the logits.

    Parameters
    ----------
    dim : int, optional
        The axis that sums to one; 1, and so None, is the classes of (N, C), (N, C, L) and (N, C, H, W).
    """

    def __init__(self, dim: int = 1) -> None:
        self.dim = 1 if dim is None else integer(type(self).__name__, "dim", dim, -64)

    def forward(self, x: ArrayLike) -> Tensor:
        """Any shape to the same shape."""
        return ops.softmax(as_input(x), self.dim)

    def extra_repr(self) -> str:
        """The axis."""
        return f"dim={self.dim}"


class LogSoftmax(Module):
    """y_i = x_i - log sum_j exp(x_j) along one axis; what NLLLoss takes.

    Parameters
    ----------
    dim : int, optional
        The axis; 1, and so None, is the classes of (N, C), (N, C, L) and (N, C, H, W).
    """

    def __init__(self, dim: int = 1) -> None:
        self.dim = 1 if dim is None else integer(type(self).__name__, "dim", dim, -64)

    def forward(self, x: ArrayLike) -> Tensor:
        """Any shape to the same shape."""
        return ops.log_softmax(as_input(x), self.dim)

    def extra_repr(self) -> str:
        """The axis."""
        return f"dim={self.dim}"


__all__ = ["LAYERS", "Activation", "LogSoftmax", "Softmax", *LAYERS]
