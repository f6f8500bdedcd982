"""Batch normalisation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tinydl import ops
from tinydl._check import flag, number
from tinydl.nn import init
from tinydl.nn.module import Module
from tinydl.ops.checks import as_input, integers, need_rank
from tinydl.tensor import Parameter

if TYPE_CHECKING:
    from tinydl._types import ArrayLike
    from tinydl.tensor import Tensor

__all__ = ["BatchNorm1d", "BatchNorm2d", "about_of", "normalised"]


def about_of(layer, norm):
    """What a convolution shall sum its results about for `norm`, which reads them next; None where nobody asks.

    A batch norm sums its input about its running mean. A convolution that knows it has the sums while its results are
    in registers, which saves a pass over them.
    """
    if not isinstance(norm, _BatchNorm) or not norm.training:
        return None
    kind = type(layer)
    if kind.forward is not getattr(kind, "_forward_about", None) or "forward" in layer.__dict__:
        return None
    about = norm.running_mean
    if about is None or about.dtype != layer.weight.dtype or about.shape != (layer.out_channels,):
        return None
    return about


def normalised(layer, norm, x):
    """norm(layer(x)), or layer(x) where `norm` is None."""
    about = about_of(layer, norm)
    y = layer(x) if about is None else layer(x, about=about)
    return y if norm is None else norm(y)


class _BatchNorm(Module):
    """What BatchNorm1d and BatchNorm2d share."""

    _ranks: tuple = ()
    _layout = ""
    weight: Parameter | None
    bias: Parameter | None
    running_mean: Any
    running_var: Any
    num_batches_tracked: Any

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float | None = 0.1, affine: bool = True,
                 track_running_stats: bool = True) -> None:
        (self.num_features,) = integers(num_features, 1, "num_features", 1)
        n = self.num_features
        name = type(self).__name__
        self.eps = number(name, "eps", eps, open_low=True)  # 0 divides by the 0 of a constant channel
        # None is a plain average.
        self.momentum = None if momentum is None else number(name, "momentum", momentum, high=1.0, open_high=False)
        self.affine = flag(name, "affine", affine)
        self.track_running_stats = tracked = flag(name, "track_running_stats", track_running_stats)
        self.weight = Parameter(np.ones(n, np.float32)) if self.affine else None
        self.bias = Parameter(np.zeros(n, np.float32)) if self.affine else None
        self.register_buffer("running_mean", np.zeros(n, np.float32) if tracked else None)
        self.register_buffer("running_var", np.ones(n, np.float32) if tracked else None)
        self.register_buffer("num_batches_tracked", np.array(0, np.int64) if tracked else None)

    @property
    def _optional_state(self):
        """States of PyTorch before 0.4.1 lack the count, which nothing but a plain average reads."""
        return () if self.momentum is None else ("num_batches_tracked",)

    def reset_running_stats(self) -> None:
        """Forget the running statistics: mean 0, variance 1, no batches."""
        if self.track_running_stats:
            self.running_mean[...] = 0
            self.running_var[...] = 1
            self.num_batches_tracked[...] = 0

    def reset_parameters(self) -> None:
        """Weight 1, bias 0, running statistics forgotten."""
        self.reset_running_stats()
        if self.weight is not None and self.bias is not None:
            init.ones_(self.weight)
            init.zeros_(self.bias)

    def forward(self, x: ArrayLike) -> Tensor:
        """Normalise by the batch in training, by the running statistics in evaluation."""
        x = as_input(x, None if self.weight is None else self.weight.dtype)
        shape = x.shape
        if len(shape) not in self._ranks or shape[1] != self.num_features:
            self._refuse(shape)
        momentum = self.momentum
        if self.training and self.track_running_stats:
            self.num_batches_tracked += 1
            if momentum is None:
                momentum = 1 / int(self.num_batches_tracked)
        elif momentum is None:
            momentum = 0.0  # nothing is updated
        return ops.batch_norm(x, self.weight, self.bias, self.running_mean, self.running_var,
                              self.training or not self.track_running_stats, momentum, self.eps)

    def _refuse(self, shape):
        name = type(self).__name__
        need_rank(shape, self._ranks, name, self._layout.format(self.num_features))
        raise ValueError(f"{name}({self.num_features}) takes {self._layout.format(self.num_features)}, got shape "
                         f"{shape}; this input would need {name}({shape[1]})")

    def extra_repr(self) -> str:
        """The settings."""
        return (f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
                f"track_running_stats={self.track_running_stats}")


class BatchNorm2d(_BatchNorm):
    """Batch normalisation of (N, C, H, W): y = (x - mean) / sqrt(var + eps) * weight + bias per channel.

    In training mean and (biased) variance are those over N x H x W of the batch, and the running statistics follow
    them: running = (1 - momentum) * running + momentum * batch, with the unbiased variance. In evaluation the running
    statistics are used (Ioffe and Szegedy, 2015).

    Parameters
    ----------
    num_features : int
        Channels C.
    eps : float
    momentum : float or None
        None makes the running statistics the plain average over all batches.
    affine : bool
        Whether there are weight and bias.
    track_running_stats : bool
        False uses the batch in evaluation too.

    Attributes
    ----------
    weight, bias : Parameter of shape (C,), or None
        1 and 0 at the start.
    running_mean, running_var : ndarray of shape (C,), or None
        0 and 1 at the start.
    num_batches_tracked : ndarray of shape (), or None
    """

    _ranks = (4,)
    _layout = "(N, {}, H, W)"


class BatchNorm1d(_BatchNorm):
    """Batch normalisation of (N, C) or (N, C, L): y = (x - mean) / sqrt(var + eps) * weight + bias per channel.

    In training mean and (biased) variance are those over N (or N x L) of the batch, and the running statistics follow
    them: running = (1 - momentum) * running + momentum * batch, with the unbiased variance. In evaluation the running
    statistics are used (Ioffe and Szegedy, 2015).

    Parameters
    ----------
    num_features : int
        Channels C.
    eps : float
    momentum : float or None
        None makes the running statistics the plain average over all batches.
    affine : bool
        Whether there are weight and bias.
    track_running_stats : bool
        False uses the batch in evaluation too.

    Attributes
    ----------
    weight, bias : Parameter of shape (C,), or None
        1 and 0 at the start.
    running_mean, running_var : ndarray of shape (C,), or None
        0 and 1 at the start.
    num_batches_tracked : ndarray of shape (), or None
    """

    _ranks = (2, 3)
    _layout = "(N, {0}) or (N, {0}, L)"
