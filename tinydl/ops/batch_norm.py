"""Batch normalisation."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from tinydl import config, layout
from tinydl._check import flag, number
from tinydl._core import batchnorm, batchnorm_backward
from tinydl._core.operands import Map, Pending
from tinydl._core.parallel import team
from tinydl.function import ValueOperation
from tinydl.gradient import Gradient
from tinydl.graph import Description
from tinydl.ops.checks import beside
from tinydl.tensor import Tensor

if TYPE_CHECKING:
    from tinydl._types import Array, ArrayLike

__all__ = ["BatchNorm", "batch_norm"]


class BatchNorm(ValueOperation):
    """y = gamma (x - mu) / sqrt(var + eps) + beta, per channel.

    In training mu and var are the mean and the biased variance of the channel over N (x of shape (N, C)), N x L
    ((N, C, L)) or N x H x W ((N, C, H, W)); M is their number. In evaluation they are the running statistics.

    With r = 1/sqrt(var + eps), S1 = sum dy, S2 = sum dy (x - mu): dbeta = S1, dgamma = r S2 and, in training,
    dx = gamma r (dy - S1/M - (x - mu) r^2 S2/M) = a dy + b (x - k) + c with a = gamma r, b = -gamma r^3 S2/M and
    c = -a S1/M - b (mu - k), for any k near mu.

    Forward leaves the map gamma r (x - k) + (beta - gamma r (mu - k)), backward the map a dy + b (x - k) + c to the
    next operation. k is mu as the type of x holds it: x - k is then exact where it matters, and output and gradients
    lie within 1e-5 (float32) of those of exact arithmetic, as multiples of their own spread, for any mu.

    Source: S. Ioffe and C. Szegedy, Batch normalization, ICML 2015.
    """

    @staticmethod
    def forward(ctx, x, gamma, beta, running_mean, running_var, training, momentum, eps):
        x = x.laid()
        C = x.shape[1]
        mean, var, rstd = np.empty((3, C))
        batch = config.mode.batch if training else None
        if training:
            _batch_statistics(x, running_mean, mean, var)
            M = layout.size(x.shape) // C if C else 0
            if batch is not None:
                M = batch.moments(mean, var, M)
                _need_several(M, x.shape)
            if running_mean is not None and M > 1:
                _update_running(mean, var, M, momentum, running_mean, running_var)
        else:
            mean[...], var[...] = running_mean, running_var
        gamma = None if gamma is None else np.ascontiguousarray(gamma)
        on_x = Map(*np.empty((3, C), x.dtype))
        batchnorm.forward_map(mean, var, gamma, None if beta is None else np.ascontiguousarray(beta), eps, rstd, on_x)
        ctx.save_for_backward(x, on_x, gamma, mean, rstd, training, None if batch is None else (batch, M))
        return x.mapped(on_x)

    @staticmethod
    def backward(ctx, dy):
        x, on_x, gamma, mean, rstd, training, batch = ctx.saved_tensors
        array, C = x.array(), x.shape[1]
        waiting, sums = dy.pending, dy.sums if dy.summed is x else None
        if waiting is not None and waiting.y is array and waiting.a is None:
            dz, mask = waiting.dz, waiting.mask
        else:
            dz, mask = layout.channels_last(dy.array()), on_x
        pending = Pending(dz, array, mask, *np.empty((3, C), x.dtype))
        if sums is None:
            sums = np.empty((1, 2, C))
            batchnorm_backward.backward_reduce(Pending(dz, array, mask), array, on_x.centre, sums, None,
                                               team())
        need_x, need_gamma, need_beta = ctx.needs_input_grad
        dgamma = ctx.room(1, np.empty(C, x.dtype)) if need_gamma else None
        dbeta = ctx.room(2, np.empty(C, x.dtype)) if need_beta else None
        batchnorm_backward.gradient_map(sums, array.size // C if C else 0, mean, rstd, gamma, training, dgamma, dbeta,
                                        pending)
        if batch is not None:  # its parameters have the gradient of the shard, its input that of the batch
            batch_norms, M = batch
            batchnorm_backward.gradient_map(batch_norms.sums(sums), M, mean, rstd, gamma, training, None, None, pending)
        return Gradient.waiting(pending) if need_x else None, dgamma, dbeta

    @staticmethod
    def describe(node):
        return Description(kind="" if node["training"] else "affine")

    @staticmethod
    def lower(node, builder):
        if node["training"]:
            return None
        C = node["x"].shape[1]
        gamma, beta = (default if given is None else builder.constant(given)
                       for given, default in ((node["gamma"], np.ones(C)), (node["beta"], np.zeros(C))))
        if gamma is None or beta is None:
            return None
        with np.errstate(divide="ignore", invalid="ignore"):
            scale = 1 / np.sqrt(node["running_var"].astype(np.float64) + node["eps"]) * gamma
        return builder.channelwise(node["x"], scale, beta, node["running_mean"])


def _need_several(M, shape):
    if M == 1:
        raise ValueError(f"Expected more than 1 value per channel when training, got input of shape {shape}: use a "
                         "larger batch, drop the last short one (drop_last=True), or call eval()")


def _batch_statistics(x, running_mean, mean, var):
    """Mean and biased variance of x's channels into `mean` and `var`."""
    if x.moments is not None:
        batchnorm.finish_statistics(x.array(), x.moments, mean, var, team())
        return
    if running_mean is None:
        about = np.zeros(mean.shape, x.dtype)
    elif running_mean.dtype == x.dtype and layout.is_channels_last(running_mean):
        about = running_mean
    else:
        about = np.array(running_mean, x.dtype)
    batchnorm.statistics(x.array(), about, mean, var, team())


_FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


def _update_running(mean, var, M, momentum, running_mean, running_var):
    """Blend in place: the arrays are the module's buffers."""
    dtype = running_mean.dtype
    if dtype in _FLOATS and running_var.dtype == dtype and layout.is_channels_last(running_mean) \
            and layout.is_channels_last(running_var):
        batchnorm.update_running(mean, var, M, momentum, running_mean, running_var)
        return
    own = [running_mean.astype(np.float64), running_var.astype(np.float64)]
    batchnorm.update_running(mean, var, M, momentum, *own)
    running_mean[...], running_var[...] = own


def _statistic(array, name):
    """A running statistic as an array that can be updated in place."""
    values = array.data if isinstance(array, Tensor) else array
    if values is None or isinstance(values, np.ndarray) and values.dtype.kind == "f":
        return values
    if isinstance(values, np.ndarray):
        raise TypeError(f"batch_norm: {name} must hold floats, which training blends, got {values.dtype}; convert with "
                        f"{name}.astype('float32')")
    raise TypeError(f"batch_norm: {name} must be a NumPy array, which training updates in place, got {array!r}")


def batch_norm(x: ArrayLike, weight: ArrayLike | None = None, bias: ArrayLike | None = None,
               running_mean: Array | None = None, running_var: Array | None = None, training: bool = True,
               momentum: float = 0.1, eps: float = 1e-5) -> Tensor:
    """Normalise each channel of x (N, C), (N, C, L) or (N, C, H, W). See `BatchNorm`.

    Parameters
    ----------
    x : Tensor
    weight, bias : Tensor (C,), optional
        gamma and beta; 1 and 0 where absent.
    running_mean, running_var : numpy.ndarray (C,), optional
        Updated in place in training: (1 - momentum) * running + momentum * batch, the variance unbiased (M - 1).
        Used in place of the batch's in evaluation.
    training : bool
    momentum : float
    eps : float

    Raises
    ------
    ValueError
        In training with one value per channel, whose variance is zero; and in evaluation without running statistics.
    """
    if not isinstance(x, Tensor):
        x = beside(x, weight.dtype if isinstance(weight, Tensor) else None)
    shape, dtype = x.shape, x.dtype
    if weight is not None and not isinstance(weight, Tensor):
        weight = beside(weight, dtype)
    if bias is not None and not isinstance(bias, Tensor):
        bias = beside(bias, dtype)
    training = flag("batch_norm", "training", training)
    momentum = number("batch_norm", "momentum", momentum, low=-math.inf, open_low=True)
    eps = number("batch_norm", "eps", eps)
    running_mean, running_var = _statistic(running_mean, "running_mean"), _statistic(running_var, "running_var")
    if len(shape) not in (2, 3, 4):
        raise ValueError(f"batch_norm takes (N, C), (N, C, L) or (N, C, H, W), got shape {shape}")
    C = shape[1]
    for name, array in (("weight", weight), ("bias", bias), ("running_mean", running_mean),
                        ("running_var", running_var)):
        if array is None:
            continue
        if array.shape != (C,):
            raise ValueError(f"batch_norm: the input of shape {shape} has {C} channels, {name} has shape {array.shape}")
        if array.dtype != dtype and isinstance(array, Tensor):
            raise TypeError(f"batch_norm got {dtype} input and {array.dtype} parameters; convert one with .astype()")
    M = layout.size(shape) // C if C else 0
    if (running_mean is None) != (running_var is None):
        given, absent = ("mean", "var") if running_var is None else ("var", "mean")
        raise ValueError(f"batch_norm got running_{given} and running_{absent}=None; pass both or neither")
    if training and config.mode.batch is None:
        _need_several(M, shape)
    if not training and running_mean is None:
        raise ValueError("batch_norm in evaluation needs running statistics; call train(), or build the layer with "
                         "track_running_stats=True")
    return BatchNorm.apply(x, weight, bias, running_mean=running_mean, running_var=running_var, training=training,
                           momentum=momentum, eps=eps)
