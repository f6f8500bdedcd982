"""Muon: momentum whose matrix is made orthogonal before it is a step."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from tinydl import changes
from tinydl._check import integer, number
from tinydl._core import gemm, update
from tinydl.optim.optimizer import Optimizer
from tinydl.tensor import Tensor

if TYPE_CHECKING:
    from typing import Literal

    from tinydl._types import Group, Params

__all__ = ["Muon", "orthogonalised"]

_ADJUSTMENTS = {
    "original": lambda rows, columns: math.sqrt(max(1.0, rows / columns)),
    "match_rms_adamw": lambda rows, columns: 0.2 * math.sqrt(max(rows, columns)),
}


def orthogonalised(matrix, coefficients, steps, eps, n_threads):
    """About u v' for a matrix u s v', by Newton-Schulz steps.

    ::

        x = matrix / max(|matrix|, eps)                       (Frobenius norm)
        g = x x';  x = a x + (b g + c g g) x                  (`steps` times; x' x where that is smaller)

    A step takes every singular value s to ``a s + b s^3 + c s^5`` and leaves the singular vectors alone.

    Parameters
    ----------
    matrix : array, shape (M, N), row-major
        float32 or float64; not written.
    coefficients : (float, float, float)
        a, b, c.
    steps : int
    eps : float
    n_threads : int
        The bits do not depend on it: all sums are those of the library's own kernels.

    Returns
    -------
    array, shape (M, N)
    """
    a, b, c = coefficients
    wide = matrix.shape[0] < matrix.shape[1]
    x, other = np.empty_like(matrix), np.empty_like(matrix)
    np.multiply(matrix, 1 / max(update.norms([matrix], 2, n_threads), eps), out=x)
    gram, square = np.empty((2, min(matrix.shape), min(matrix.shape)), matrix.dtype)
    for _ in range(steps):
        if wide:
            gemm.linear_backward_input(x, x.T, gram, n_threads)
        else:
            gemm.linear_backward_weight(x, x, gram.T, None, n_threads)
        gemm.matmul(gram, gram, square, n_threads)
        square *= c
        gram *= b
        square += gram
        gemm.matmul(*((square, x) if wide else (x, square)), other, n_threads)
        x *= a
        x += other
    return x


class Muon(Optimizer):
    r"""Muon: the momentum of a weight matrix, made orthogonal.

    ::

        m = momentum * m + (1 - momentum) * dL/dw             (m = 0 at first)
        d = (1 - momentum) * dL/dw + momentum * m             (nesterov; else d = m)
        w = w * sqrt(out) / |w|                               (renormalise)
        w = w * (1 - lr * weight_decay) - lr * adjusted * u v'

    where u s v' is the singular value decomposition of d and u v' is approached by Newton-Schulz steps, whose factors
    are chosen to grow small singular values fast and leave them all between about 0.7 and 1.2. The filters of a
    convolution (out, in, \*window) are the rows of a matrix (out, in * window).

    It is meant for the weights inside a net. Biases, norms and the last layer belong to another optimiser, and
    `MultiOptimizer` joins the two.

    Parameters
    ----------
    params : iterable of Tensor or of dict
        See `Optimizer`; each with at least two axes.
    lr : float
        Learning rate, >= 0.
    weight_decay : float
        Decoupled: a share of the weights that lr multiplies, >= 0.
    momentum : float
        In [0, 1).
    nesterov : bool
    ns_coefficients : (float, float, float)
        Of s, s^3 and s^5 in a Newton-Schulz step.
    eps : float
        The least norm that d is divided by, > 0.
    ns_steps : int
        Newton-Schulz steps, >= 1.
    adjust_lr_fn : {None, 'original', 'match_rms_adamw'}
        ``adjusted`` above for a matrix (A, B): sqrt(max(1, A/B)), which None is too, or 0.2 sqrt(max(A, B)), with which
        learning rate and decay of AdamW fit.
    renormalise : bool
        Bring the weights to the norm sqrt(out) before each step, so that lr is that of a direction alone.

    Notes
    -----
    PyTorch's Muon takes matrices only and rounds the Newton-Schulz steps to bfloat16; here they have the type of the
    weights. `renormalise` is not PyTorch's.

    References
    ----------
    K. Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024. 'match_rms_adamw': J. Liu et al.,
    "Muon is scalable for LLM training", arXiv:2502.16982.
    """

    _slots = ("momentum_buffer",)

    def __init__(self, params: Params, lr: float = 1e-3, weight_decay: float = 0.1, momentum: float = 0.95,
                 nesterov: bool = True, ns_coefficients: tuple[float, float, float] = (3.4445, -4.7750, 2.0315),
                 eps: float = 1e-7, ns_steps: int = 5,
                 adjust_lr_fn: Literal["original", "match_rms_adamw"] | None = None, renormalise: bool = False) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum, "nesterov": nesterov,
                                  "ns_coefficients": ns_coefficients, "eps": eps, "ns_steps": ns_steps,
                                  "adjust_lr_fn": adjust_lr_fn, "renormalise": renormalise})

    def add_param_group(self, group: Group) -> None:
        """Add a group of parameters, each with at least two axes; see `Optimizer.add_param_group`."""
        if isinstance(group, dict) and "params" in group:
            params = group["params"]
            params = [params] if isinstance(params, Tensor) else list(params)
            for k, p in enumerate(params):
                if isinstance(p, Tensor) and p.ndim < 2:
                    raise ValueError(f"Muon: parameter {k} has shape {p.shape}, which is no matrix; give biases and "
                                     "norms to another optimiser, and join the two with MultiOptimizer")
            group = {**group, "params": params}
        super().add_param_group(group)

    def _check_group(self, group):
        for name in ("lr", "weight_decay"):
            number("Muon", name, group[name])
        number("Muon", "momentum", group["momentum"], high=1.0)
        number("Muon", "eps", group["eps"], open_low=True)
        integer("Muon", "ns_steps", group["ns_steps"])
        try:
            a, b, c = group["ns_coefficients"]
        except (TypeError, ValueError):
            raise ValueError(f"Muon: ns_coefficients must be three numbers, got {group['ns_coefficients']!r}") from None
        for k, value in enumerate((a, b, c)):
            number("Muon", f"ns_coefficients[{k}]", value, low=-math.inf, open_low=True)
        if group["adjust_lr_fn"] is not None and group["adjust_lr_fn"] not in _ADJUSTMENTS:
            raise ValueError(f"Muon: adjust_lr_fn must be None, {' or '.join(map(repr, _ADJUSTMENTS))}, got "
                             f"{group['adjust_lr_fn']!r}")

    def _saved(self, state_dict):
        groups, state = super()._saved(state_dict)
        return [{"renormalise": False, **group} for group in groups], state  # PyTorch's groups lack it

    def _update(self, group, n_threads):
        found = [(p, p.data, self._fitting(p.grad, p.data)) for p in group["params"] if p.grad is not None]
        for p, values, grad in found:
            state = self.state.setdefault(p, {})
            buffer = state.get("momentum_buffer")
            if buffer is None or buffer.strides != values.strides or buffer.dtype != values.dtype:
                buffer = state["momentum_buffer"] = self._slot(group, buffer, values, "momentum_buffer")
            momentum = group["momentum"]
            grad *= 1 - momentum
            buffer *= momentum
            buffer += grad
            if group["nesterov"]:
                grad += momentum * buffer
            direction = grad if group["nesterov"] else buffer
            self._move(values, direction, group, n_threads)
        changes.written([p for p, _, _ in found])

    def _move(self, values, direction, group, n_threads):
        """Take the step along the orthogonal matrix of `direction`, which is not written."""
        if values.size == 0:
            return
        out, lr = values.shape[0], group["lr"]
        # Filters are columns, as they lie in the memory of a parameter: (*window, in, out).
        order = (*range(2, values.ndim), 1, 0)
        columns = direction.transpose(order)
        matrix = np.ascontiguousarray(columns).reshape(values.size // out, out)
        step = orthogonalised(matrix, group["ns_coefficients"], group["ns_steps"], group["eps"], n_threads)
        step = step.reshape(columns.shape).transpose(np.argsort(order))
        kept = 1 - lr * group["weight_decay"]
        if group["renormalise"]:
            kept *= math.sqrt(out) / max(update.norms([values], 2, n_threads), group["eps"])
        step *= lr * _ADJUSTMENTS[group["adjust_lr_fn"] or "original"](out, matrix.shape[0])
        values *= kept
        values -= step
