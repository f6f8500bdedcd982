"""For type checkers: the names of `functional.py`, most of which it takes from a table. Written by tools/stubs.py."""

from typing import Literal

from tinydl._types import Array, ArrayLike, Ints, Reduction
from tinydl.ops import (
    adaptive_avg_pool1d as adaptive_avg_pool1d,
    adaptive_avg_pool2d as adaptive_avg_pool2d,
    adaptive_max_pool1d as adaptive_max_pool1d,
    adaptive_max_pool2d as adaptive_max_pool2d,
    avg_pool1d as avg_pool1d,
    bce as binary_cross_entropy,
    conv1d as conv1d,
    conv2d as conv2d,
    conv_transpose1d as conv_transpose1d,
    conv_transpose2d as conv_transpose2d,
    cosine_embedding as cosine_embedding_loss,
    cosine_similarity as cosine_similarity,
    cross_entropy as cross_entropy,
    embedding as embedding,
    focal as sigmoid_focal_loss,
    fold as fold,
    glu as glu,
    group_norm as group_norm,
    huber as huber_loss,
    interpolate as interpolate,
    kl_div as kl_div,
    l1 as l1_loss,
    layer_norm as layer_norm,
    linear as linear,
    local_response_norm as local_response_norm,
    log_sigmoid as logsigmoid,
    log_softmax as log_softmax,
    lp_pool2d as lp_pool2d,
    max_pool1d as max_pool1d,
    max_pool2d as max_pool2d,
    mse as mse_loss,
    multilabel_soft_margin as multilabel_soft_margin_loss,
    nll as nll_loss,
    normalize as normalize,
    one_hot as one_hot,
    pad as pad,
    pixel_shuffle as pixel_shuffle,
    prelu as prelu,
    sigmoid as sigmoid,
    smooth_l1 as smooth_l1_loss,
    softmax as softmax,
    softplus as softplus,
    softsign as softsign,
    tanh as tanh,
    triplet_margin as triplet_margin_loss,
    unfold as unfold,
)
from tinydl.tensor import Tensor

__all__ = [
    "adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_max_pool1d", "adaptive_max_pool2d", "avg_pool1d",
    "avg_pool2d", "batch_norm", "binary_cross_entropy", "binary_cross_entropy_with_logits", "conv1d", "conv2d",
    "conv_transpose1d", "conv_transpose2d", "cosine_embedding_loss", "cosine_similarity", "cross_entropy",
    "dropout", "dropout1d", "dropout2d", "elu", "embedding", "fold", "gelu", "glu", "group_norm", "hardsigmoid",
    "hardswish", "huber_loss", "instance_norm", "interpolate", "kl_div", "l1_loss", "layer_norm", "leaky_relu",
    "linear", "local_response_norm", "log_softmax", "logsigmoid", "lp_pool2d", "max_pool1d", "max_pool2d", "mish",
    "mse_loss", "multilabel_soft_margin_loss", "nll_loss", "normalize", "one_hot", "pad", "pixel_shuffle", "prelu",
    "relu", "relu6", "selu", "sigmoid", "sigmoid_focal_loss", "silu", "smooth_l1_loss", "softmax", "softplus",
    "softsign", "tanh", "triplet_margin_loss", "unfold"
]

def elu(x: ArrayLike, alpha: float = 1.0, inplace: bool = False) -> Tensor: ...
def hardsigmoid(x: ArrayLike, inplace: bool = False) -> Tensor: ...
def hardswish(x: ArrayLike, inplace: bool = False) -> Tensor: ...
def leaky_relu(x: ArrayLike, negative_slope: float = 0.01, inplace: bool = False) -> Tensor: ...
def mish(x: ArrayLike, inplace: bool = False) -> Tensor: ...
def relu(x: ArrayLike, inplace: bool = False) -> Tensor: ...
def relu6(x: ArrayLike, inplace: bool = False) -> Tensor: ...
def selu(x: ArrayLike, inplace: bool = False) -> Tensor: ...
def silu(x: ArrayLike, inplace: bool = False) -> Tensor: ...
def avg_pool2d(x: ArrayLike, kernel_size: Ints, stride: Ints | None = None, padding: Ints = 0, ceil_mode: bool = False,
               count_include_pad: bool = True, divisor_override: int | None = None) -> Tensor: ...
def batch_norm(x: ArrayLike, running_mean: Array | None = None, running_var: Array | None = None,
               weight: ArrayLike | None = None, bias: ArrayLike | None = None, training: bool = False,
               momentum: float = 0.1, eps: float = 1e-05) -> Tensor: ...
def binary_cross_entropy_with_logits(x: ArrayLike, target: ArrayLike, weight: ArrayLike | None = None,
                                     reduction: Reduction = "mean", pos_weight: ArrayLike | None = None) -> Tensor: ...
def dropout(x: ArrayLike, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor: ...
def dropout1d(x: ArrayLike, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor: ...
def dropout2d(x: ArrayLike, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor: ...
def gelu(x: ArrayLike, approximate: Literal["none", "tanh"] = "none") -> Tensor: ...
def instance_norm(x: ArrayLike, running_mean: Array | None = None, running_var: Array | None = None,
                  weight: ArrayLike | None = None, bias: ArrayLike | None = None, use_input_stats: bool = True,
                  momentum: float = 0.1, eps: float = 1e-05) -> Tensor: ...
