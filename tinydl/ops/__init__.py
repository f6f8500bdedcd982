"""The mathematics: one operation a file, each a pair of a forward and a backward pass on plain arrays."""

import importlib
from typing import TYPE_CHECKING

from tinydl.ops import activations, methods
from tinydl.ops.adaptive_pool import (
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    adaptive_max_pool1d,
    adaptive_max_pool2d,
    global_avg_pool,
)
from tinydl.ops.add import add
from tinydl.ops.arithmetic import div, mul, neg, power, sub
from tinydl.ops.avg_pool import avg_pool1d, avg_pool2d
from tinydl.ops.batch_norm import batch_norm
from tinydl.ops.bce_with_logits import bce_with_logits
from tinydl.ops.conv import conv1d, conv2d
from tinydl.ops.conv_transpose import conv_transpose1d, conv_transpose2d
from tinydl.ops.cross_entropy import cross_entropy
from tinydl.ops.dropout import dropout
from tinydl.ops.elementwise import abs, clip, cos, exp, log, maximum, minimum, sign, sin, sqrt, where
from tinydl.ops.group_norm import group_norm
from tinydl.ops.huber import huber
from tinydl.ops.indexing import concatenate, index, stack
from tinydl.ops.layer_norm import layer_norm
from tinydl.ops.linear import linear
from tinydl.ops.matmul import matmul
from tinydl.ops.max_pool import max_pool1d, max_pool2d
from tinydl.ops.mse import mse
from tinydl.ops.nll import nll
from tinydl.ops.reductions import argmax, argmin, max, mean, min, std, sum, var
from tinydl.ops.relu import relu
from tinydl.ops.shape import (
    astype,
    broadcast_to,
    flatten,
    pad,
    permute,
    reshape,
    squeeze,
    transpose,
    unsqueeze,
)
from tinydl.ops.softmax import log_softmax, softmax
from tinydl.ops.unfold import fold, unfold

__all__ = [
    "abs", "adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_max_pool1d", "adaptive_max_pool2d", "add", "argmax",
    "argmin", "astype", "avg_pool1d", "avg_pool2d", "batch_norm", "bce_with_logits", "broadcast_to", "clip",
    "concatenate", "conv1d", "conv2d", "conv_transpose1d", "conv_transpose2d", "cos", "cross_entropy", "div", "dropout",
    "exp", "flatten", "fold", "global_avg_pool", "group_norm", "huber", "index", "layer_norm", "linear", "log",
    "log_softmax", "matmul", "max", "max_pool1d", "max_pool2d", "maximum", "mean", "min", "minimum", "mse", "mul",
    "neg", "nll", "pad", "permute", "power", "relu", "reshape", "sign", "sin", "softmax", "sqrt", "squeeze",
    "stack", "std", "sub", "sum", "transpose", "unfold", "unsqueeze", "var", "where",
]

# Activations are what activations.py makes of its table; type checkers see the rows themselves.
globals().update(activations.OPERATIONS)
__all__ += activations.OPERATIONS
if TYPE_CHECKING:
    from tinydl._core.reference.activations import *  # noqa: F403

methods.install()
importlib.import_module("tinydl.ops.numpy_functions").install()  # reads the names above
