"""Batch normalisation."""

import numpy as np

from tinydl import layout
from tinydl._core import batchnorm
from tinydl._core.parallel import get_num_threads
from tinydl.function import Function
from tinydl.graph import Description
from tinydl.ops.checks import as_input
from tinydl.ops.conv import Conv
from tinydl.ops.deferred import Affine, ConvResult, DeferredGradient, array_of
from tinydl.tensor import Parameter

__all__ = ["BatchNorm", "batch_norm"]


class BatchNorm(Function):
    """y = gamma (x - mu) / sqrt(var + eps) + beta, per channel.

    In training mu and var are the mean and the biased variance of the channel over N (x of shape (N, C)), N x L
    ((N, C, L)) or N x H x W ((N, C, H, W)); M is their number. In evaluation they are the running statistics.

    With r = 1/sqrt(var + eps), S1 = sum dy, S2 = sum dy (x - mu): dbeta = S1, dgamma = r S2 and, in training,
    dx = gamma r (dy - S1/M - (x - mu) r^2 S2/M) = a dy + b x + c with a = gamma r, b = -gamma r^3 S2/M and
    c = -a S1/M - b mu.

    Forward leaves the map gamma r x + (beta - gamma r mu), backward the map a dy + b x + c to the next operation.

    Source: S. Ioffe and C. Szegedy, Batch normalization, ICML 2015.
    """

    takes_deferred = True
    takes_deferred_gradient = True
    fresh_gradients = True
    trusted = True

    @staticmethod
    def forward(ctx, x, gamma, beta, mean, rstd, scale, shift, training, *, var, eps):
        y = Affine(layout.channels_last(array_of(x)), scale, shift, mean)
        ctx.save_for_backward(y, gamma, mean, rstd, training)
        return y

    @staticmethod
    def backward(ctx, dy):
        y, gamma, mean, rstd, training = ctx.saved_tensors
        x = y.x
        M = x.size // x.shape[1]
        relu, sums, affine = False, None, y
        if isinstance(dy, DeferredGradient) and dy.coefficients is None and dy.affine.x is x:
            relu, sums, affine, dz = dy.relu, dy.sums, dy.affine, dy.dz
        else:
            dz = layout.channels_last(array_of(dy))
        if sums is None:
            sums = np.empty((1, 2, x.shape[1]), x.dtype)
            batchnorm.backward_reduce(dz, x, mean, affine.scale, affine.shift, relu, sums[0, 0], sums[0, 1],
                                      get_num_threads())
        dgamma, dbeta = (np.empty_like(mean) if needed else None for needed in ctx.needs_input_grad[1:3])
        a, b, c = np.empty((3, *mean.shape), x.dtype)
        batchnorm.gradient_map(sums, M, mean, rstd, gamma, training, dgamma, dbeta, a, b, c)
        if not ctx.needs_input_grad[0]:
            return None, dgamma, dbeta, None, None, None, None, None
        dx = DeferredGradient(dz, affine, relu=relu, coefficients=(a, b, c))
        return dx, dgamma, dbeta, None, None, None, None, None

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
            scale = 1 / np.sqrt(node["var"].astype(np.float64) + node["eps"]) * gamma
        return builder.channelwise(node["x"], scale, beta, node["mean"])


def _statistics(x, origin, mean, var):
    """Mean and biased variance of x's channels into `mean` and `var`; summed about `origin`, which is near the mean."""
    raw, creator = x.raw, x.creator
    rows = x.size // x.shape[1]
    if creator is not None and creator.function is Conv:
        # The sums are defined by the convolution's tiles, so that they have the same bits whether it made them or not.
        weight = creator.edges[1]
        if isinstance(weight, Parameter):
            weight.follower = origin
        if isinstance(raw, ConvResult) and raw.sums is not None and np.array_equal(raw.origin, origin):
            sums = raw.sums
        else:
            y = array_of(raw)
            sums = np.empty((y.shape[0], 2, y.shape[1]), y.dtype)
            creator.kernels.statistics(y, origin, sums, creator.geometry, get_num_threads())
        batchnorm.finish_statistics(sums, rows, origin, mean, var)
    else:
        batchnorm.statistics(layout.channels_last(array_of(raw)), origin, mean, var, get_num_threads())


def _update_running(mean, var, M, momentum, running_mean, running_var):
    """Blend in place: the arrays are the module's buffers."""
    own = [v if v.dtype == mean.dtype and v.flags.c_contiguous else v.astype(mean.dtype)
           for v in (running_mean, running_var)]
    batchnorm.update_running(mean, var, M, momentum, *own)
    for kept, new in zip((running_mean, running_var), own, strict=True):
        if new is not kept:
            kept[...] = new


def batch_norm(x, weight=None, bias=None, running_mean=None, running_var=None, training=True, momentum=0.1, eps=1e-5):
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
    x = as_input(x)
    shape = x.shape
    if len(shape) not in (2, 3, 4):
        raise ValueError(f"batch_norm takes (N, C), (N, C, L) or (N, C, H, W), got shape {shape}")
    C, dtype = shape[1], x.dtype
    for array in (weight, bias, running_mean, running_var):
        if array is not None and array.shape != (C,):
            named = {"weight": weight, "bias": bias, "running_mean": running_mean, "running_var": running_var}
            name = next(name for name, value in named.items() if value is array)
            raise ValueError(f"batch_norm: the input of shape {shape} has {C} channels, {name} has shape {array.shape}")
    if weight is not None and weight.dtype != dtype:
        raise TypeError(f"batch_norm got {dtype} input and {weight.dtype} parameters; convert one with .astype()")
    M = layout.size(shape) // C if C else 0
    if training:
        if M == 1:
            raise ValueError(f"Expected more than 1 value per channel when training, got input of shape {shape}: use a "
                             "larger batch, drop the last short one (drop_last=True), or call eval()")
        origin = running_mean
        if origin is None or origin.dtype != dtype:
            origin = np.zeros(C, dtype) if origin is None else origin.astype(dtype)
        mean, var = np.empty((2, C), dtype)
        _statistics(x, origin, mean, var)
        if running_mean is not None and M > 1:
            _update_running(mean, var, M, momentum, running_mean, running_var)
    else:
        if running_mean is None:
            raise ValueError("batch_norm in evaluation needs running statistics; call train(), or build the layer with "
                             "track_running_stats=True")
        mean, var = running_mean.astype(dtype), running_var.astype(dtype)
    rstd, scale, shift = np.empty((3, C), dtype)
    batchnorm.forward_map(mean, var, None if weight is None else weight.data, None if bias is None else bias.data, eps,
                          rstd, scale, shift)
    return BatchNorm.apply(x, weight, bias, mean, rstd, scale, shift, training, var=var, eps=eps)
