"""The mathematics: one operation a file, each a pair of a forward and a backward pass on plain arrays."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from tinydl.later import later
from tinydl.ops import activations, methods
from tinydl.ops.add import add
from tinydl.ops.arithmetic import div, mul, neg, power, sub
from tinydl.ops.batch_norm import batch_norm
from tinydl.ops.bce import bce
from tinydl.ops.bce_with_logits import bce_with_logits
from tinydl.ops.cross_entropy import cross_entropy
from tinydl.ops.dropout import channel_dropout, dropout
from tinydl.ops.elementwise import abs, clip, cos, exp, log, maximum, minimum, sign, sin, sqrt, where
from tinydl.ops.group_norm import group_norm
from tinydl.ops.huber import huber
from tinydl.ops.indexing import concatenate, index, stack
from tinydl.ops.layer_norm import layer_norm
from tinydl.ops.linear import linear
from tinydl.ops.matmul import matmul
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
from tinydl.ops.truth import (
    all,
    any,
    ceil,
    eq,
    floor,
    ge,
    gt,
    isfinite,
    isinf,
    isnan,
    le,
    logical_and,
    logical_not,
    logical_or,
    lt,
    ne,
    round,
    trunc,
)

__all__: list[str] = [
    "abs", "adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_max_pool1d", "adaptive_max_pool2d", "add", "all",
    "any", "argmax", "argmin", "argsort", "astype", "avg_pool1d", "avg_pool2d", "batch_norm", "bce", "bce_with_logits",
    "broadcast_to", "ceil", "channel_dropout", "chunk", "clip", "concatenate", "conv1d", "conv2d", "conv_transpose1d",
    "conv_transpose2d", "cos", "cosine_embedding", "cosine_similarity", "cross_entropy", "cumsum", "div", "dropout",
    "embedding", "eq", "exp", "expand", "flatten", "flip", "floor", "focal", "fold", "gather", "ge", "global_avg_pool",
    "glu", "group_norm", "gt", "huber", "index", "instance_norm", "interpolate", "isfinite", "isinf", "isnan", "kl_div",
    "l1", "layer_norm", "le", "linear", "local_response_norm", "log", "log_softmax", "logical_and", "logical_not",
    "logical_or", "lp_pool2d", "lt", "matmul", "max", "max_pool1d", "max_pool2d", "maximum", "mean", "min", "minimum",
    "mse", "mul", "multilabel_soft_margin", "ne", "neg", "nll", "norm", "normalize", "one_hot", "pad", "permute",
    "pixel_shuffle", "power", "prelu", "prod", "relu", "repeat", "reshape", "round", "sign", "sin", "smooth_l1",
    "softmax", "sort", "split", "sqrt", "squeeze", "stack", "std", "sub", "sum", "topk", "transpose", "triplet_margin",
    "trunc", "unbind", "unfold", "unsqueeze", "var", "where",
]

# Activations are what activations.py makes of its table; type checkers see the rows themselves.
if TYPE_CHECKING:
    from tinydl.ops import _activations
    from tinydl.ops._activations import *  # noqa: F403
    from tinydl.ops.adaptive_pool import (
        adaptive_avg_pool1d,
        adaptive_avg_pool2d,
        adaptive_max_pool1d,
        adaptive_max_pool2d,
        global_avg_pool,
    )
    from tinydl.ops.avg_pool import avg_pool1d, avg_pool2d
    from tinydl.ops.channels import (
        embedding,
        glu,
        instance_norm,
        local_response_norm,
        lp_pool2d,
        one_hot,
        pixel_shuffle,
        prelu,
    )
    from tinydl.ops.columns import fold, unfold
    from tinydl.ops.conv import conv1d, conv2d
    from tinydl.ops.conv_transpose import conv_transpose1d, conv_transpose2d
    from tinydl.ops.cumulative import cumsum, prod
    from tinydl.ops.losses import (
        cosine_embedding,
        focal,
        kl_div,
        l1,
        multilabel_soft_margin,
        smooth_l1,
        triplet_margin,
    )
    from tinydl.ops.max_pool import max_pool1d, max_pool2d
    from tinydl.ops.norms import cosine_similarity, norm, normalize
    from tinydl.ops.parts import chunk, expand, flip, repeat, split, unbind
    from tinydl.ops.resampling import interpolate
    from tinydl.ops.sorting import argsort, gather, sort, topk

    __all__ += _activations.__all__  # type: ignore[has-type]  # mypy meets it in a circle of imports
else:
    globals().update(activations.OPERATIONS)
    __all__ += activations.OPERATIONS
    __getattr__, __dir__ = later("tinydl.ops", {
        "adaptive_pool": "adaptive_avg_pool1d adaptive_avg_pool2d adaptive_max_pool1d adaptive_max_pool2d "
                         "global_avg_pool",
        "avg_pool": "avg_pool1d avg_pool2d",
        "channels": "embedding glu instance_norm local_response_norm lp_pool2d one_hot pixel_shuffle prelu",
        "columns": "fold unfold",
        "conv": "conv1d conv2d",
        "conv_transpose": "conv_transpose1d conv_transpose2d",
        "cumulative": "cumsum prod",
        "losses": "cosine_embedding focal kl_div l1 multilabel_soft_margin smooth_l1 triplet_margin",
        "max_pool": "max_pool1d max_pool2d",
        "norms": "cosine_similarity norm normalize",
        "parts": "chunk expand flip repeat split unbind",
        "resampling": "interpolate",
        "sorting": "argsort gather sort topk",
    })

methods.install()
importlib.import_module("tinydl.ops.numpy_functions").install()  # reads the names above
