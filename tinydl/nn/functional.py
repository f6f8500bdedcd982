"""The operations under the names and with the arguments of torch.nn.functional; nothing is computed here.

A name is the operation itself where the two agree. Where PyTorch orders arguments otherwise, or has one that is of no
effect here, a short function hands them on.
"""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING

from tinydl import ops
from tinydl.later import later
from tinydl.ops.activations import ROWS, without_inplace
from tinydl.ops.checks import integers

if TYPE_CHECKING:
    from typing import Literal

    from tinydl._types import Array, ArrayLike, Ints, Reduction
    from tinydl.tensor import Tensor

_SAME = {
    "adaptive_avg_pool1d": "adaptive_avg_pool1d", "adaptive_avg_pool2d": "adaptive_avg_pool2d",
    "adaptive_max_pool1d": "adaptive_max_pool1d", "adaptive_max_pool2d": "adaptive_max_pool2d",
    "avg_pool1d": "avg_pool1d", "binary_cross_entropy": "bce", "conv1d": "conv1d", "conv2d": "conv2d",
    "conv_transpose1d": "conv_transpose1d", "conv_transpose2d": "conv_transpose2d",
    "cosine_embedding_loss": "cosine_embedding", "cosine_similarity": "cosine_similarity",
    "cross_entropy": "cross_entropy", "embedding": "embedding", "fold": "fold", "glu": "glu",
    "group_norm": "group_norm", "huber_loss": "huber", "interpolate": "interpolate", "kl_div": "kl_div",
    "l1_loss": "l1", "layer_norm": "layer_norm", "linear": "linear", "local_response_norm": "local_response_norm",
    "log_softmax": "log_softmax", "logsigmoid": "log_sigmoid", "lp_pool2d": "lp_pool2d", "max_pool1d": "max_pool1d",
    "max_pool2d": "max_pool2d", "mse_loss": "mse", "multilabel_soft_margin_loss": "multilabel_soft_margin",
    "nll_loss": "nll", "normalize": "normalize", "one_hot": "one_hot", "pad": "pad", "pixel_shuffle": "pixel_shuffle",
    "prelu": "prelu", "sigmoid": "sigmoid", "sigmoid_focal_loss": "focal", "smooth_l1_loss": "smooth_l1",
    "softmax": "softmax", "softplus": "softplus", "softsign": "softsign", "tanh": "tanh",
    "triplet_margin_loss": "triplet_margin", "unfold": "unfold",
}
_ACTIVATIONS = sorted(ROWS.keys() - {*_SAME.values(), "gelu", "gelu_tanh"})

__all__ = [
    *_SAME, *_ACTIVATIONS, "avg_pool2d", "batch_norm", "binary_cross_entropy_with_logits", "dropout", "dropout1d",
    "dropout2d", "gelu", "instance_norm",
]


def _named(name):
    """The operation of a name of PyTorch."""
    return getattr(ops, _SAME[name])


def _activation(name):
    """An activation that takes `inplace`, which is of no effect: an input is never written."""
    operation = getattr(ops, name)

    @functools.wraps(operation)
    def activation(x, *args, inplace=False, **kwargs):
        return operation(x, *without_inplace(ROWS[name], args), **kwargs)

    return activation


globals().update({name: _named(name) for name in _SAME}, **{name: _activation(name) for name in _ACTIVATIONS})


def gelu(x: ArrayLike, approximate: Literal["none", "tanh"] = "none") -> Tensor:
    """x Phi(x), or with approximate='tanh' the form that approximates it; see `ops.gelu` and `ops.gelu_tanh`."""
    if approximate not in ("none", "tanh"):
        raise ValueError(f"gelu: approximate must be 'none' or 'tanh', got {approximate!r}")
    return (ops.gelu if approximate == "none" else ops.gelu_tanh)(x)


def avg_pool2d(x: ArrayLike, kernel_size: Ints, stride: Ints | None = None, padding: Ints = 0, ceil_mode: bool = False,
               count_include_pad: bool = True, divisor_override: int | None = None) -> Tensor:
    """The mean of each window; see `ops.avg_pool2d`. With `divisor_override` the sum divided by it."""
    y = ops.avg_pool2d(x, kernel_size, stride, padding, ceil_mode, count_include_pad or divisor_override is not None)
    if divisor_override is None:
        return y
    return y * (math.prod(integers(kernel_size, 2, "kernel_size", 1)) / divisor_override)


def batch_norm(x: ArrayLike, running_mean: Array | None = None, running_var: Array | None = None,
               weight: ArrayLike | None = None, bias: ArrayLike | None = None, training: bool = False,
               momentum: float = 0.1, eps: float = 1e-5) -> Tensor:
    """Each channel by the batch's mean and variance in training, else by the running ones; see `ops.batch_norm`."""
    return ops.batch_norm(x, weight, bias, running_mean, running_var, training, momentum, eps)


def instance_norm(x: ArrayLike, running_mean: Array | None = None, running_var: Array | None = None,
                  weight: ArrayLike | None = None, bias: ArrayLike | None = None, use_input_stats: bool = True,
                  momentum: float = 0.1, eps: float = 1e-5) -> Tensor:
    """Each channel of each sample by its own mean and variance; see `ops.instance_norm`."""
    if running_mean is not None or running_var is not None or not use_input_stats:
        raise ValueError("instance_norm goes by each sample's own statistics; leave the running ones out")
    return ops.instance_norm(x, weight, bias, eps)


def dropout(x: ArrayLike, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Entries are 0 with probability p; see `ops.dropout`."""
    return ops.dropout(x, p, training)


def dropout1d(x: ArrayLike, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Whole channels of (N, C, L) are 0 with probability p; see `ops.channel_dropout`."""
    return ops.channel_dropout(x, p, training)


def dropout2d(x: ArrayLike, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Whole channels of (N, C, H, W) are 0 with probability p; see `ops.channel_dropout`."""
    return ops.channel_dropout(x, p, training)


def binary_cross_entropy_with_logits(x: ArrayLike, target: ArrayLike, weight: ArrayLike | None = None,
                                     reduction: Reduction = "mean", pos_weight: ArrayLike | None = None) -> Tensor:
    """Binary cross-entropy of logits; see `ops.bce_with_logits`."""
    return ops.bce_with_logits(x, target, weight, reduction, pos_weight)


__getattr__, __dir__ = later("tinydl.nn.functional", {})
