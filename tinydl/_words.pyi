"""For type checkers: the names that `tinydl.words` finds, each with the thing that it is."""

import builtins

import numpy as np

from tinydl.config import no_grad
from tinydl.creation import (
    arange,
    as_tensor,
    empty,
    empty_like,
    eye,
    from_numpy,
    full,
    full_like,
    is_tensor,
    linspace,
    ones,
    ones_like,
    rand,
    rand_like,
    randint,
    randn,
    randn_like,
    randperm,
    zeros,
    zeros_like,
)
from tinydl.devices import cuda, device
from tinydl.ops import (
    abs,
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    adaptive_max_pool1d,
    adaptive_max_pool2d,
    all,
    any,
    argmax,
    argmin,
    argsort,
    astype,
    avg_pool1d,
    avg_pool2d,
    batch_norm,
    bce,
    bce_with_logits,
    broadcast_to,
    ceil,
    channel_dropout,
    chunk,
    clip,
    concatenate,
    conv1d,
    conv2d,
    conv_transpose1d,
    conv_transpose2d,
    cos,
    cosine_embedding,
    cosine_similarity,
    cross_entropy,
    cumsum,
    div,
    dropout,
    elu,
    embedding,
    eq,
    exp,
    expand,
    flatten,
    flip,
    floor,
    focal,
    fold,
    gather,
    ge,
    gelu,
    gelu_tanh,
    global_avg_pool,
    glu,
    group_norm,
    gt,
    hardsigmoid,
    hardswish,
    huber,
    index,
    instance_norm,
    interpolate,
    isfinite,
    isinf,
    isnan,
    kl_div,
    l1,
    layer_norm,
    le,
    leaky_relu,
    linear,
    local_response_norm,
    log,
    log_sigmoid,
    log_softmax,
    logical_and,
    logical_not,
    logical_or,
    lp_pool2d,
    lt,
    matmul,
    max as amax,
    max_pool1d,
    max_pool2d,
    maximum,
    mean,
    min as amin,
    minimum,
    mish,
    mse,
    mul,
    multilabel_soft_margin,
    ne,
    neg,
    nll,
    norm,
    normalize,
    one_hot,
    pad,
    permute,
    pixel_shuffle,
    power,
    prelu,
    prod,
    relu,
    relu6,
    repeat,
    reshape,
    round,
    selu,
    sigmoid,
    sign,
    silu,
    sin,
    smooth_l1,
    softmax,
    softplus,
    softsign,
    sort,
    split,
    sqrt,
    squeeze,
    stack,
    std,
    sub as subtract,
    sum,
    tanh,
    topk,
    transpose,
    triplet_margin,
    trunc,
    unbind,
    unfold,
    unsqueeze,
    var,
    where,
)
from tinydl.ops.aliases import (
    add,
    allclose,
    bmm,
    clamp,
    clone,
    dot,
    einsum,
    equal,
    masked_fill,
    max,
    min,
    mm,
    outer,
    square,
    sub,
)
from tinydl.random import Generator
from tinydl.saving import load, save
from tinydl.tensor import Tensor

__all__ = [
    "Generator", "Size", "abs", "absolute", "adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_max_pool1d",
    "adaptive_max_pool2d", "add", "all", "allclose", "amax", "amin", "any", "arange", "argmax", "argmin",
    "argsort", "as_tensor", "astype", "avg_pool1d", "avg_pool2d", "batch_norm", "bce", "bce_with_logits", "bmm",
    "bool", "broadcast_to", "cat", "ceil", "channel_dropout", "chunk", "clamp", "clip", "clone", "concat",
    "concatenate", "conv1d", "conv2d", "conv_transpose1d", "conv_transpose2d", "cos", "cosine_embedding",
    "cosine_similarity", "cross_entropy", "cuda", "cumsum", "device", "div", "divide", "dot", "double", "dropout",
    "dtype", "einsum", "elu", "embedding", "empty", "empty_like", "eq", "equal", "exp", "expand", "eye", "flatten",
    "flip", "float", "float32", "float64", "floor", "focal", "fold", "from_numpy", "full", "full_like", "gather",
    "ge", "gelu", "gelu_tanh", "global_avg_pool", "glu", "group_norm", "gt", "hardsigmoid", "hardswish", "huber",
    "index", "inference_mode", "instance_norm", "int", "int16", "int32", "int64", "int8", "interpolate",
    "is_tensor", "isfinite", "isinf", "isnan", "kl_div", "l1", "layer_norm", "le", "leaky_relu", "linear",
    "linspace", "load", "local_response_norm", "log", "log_sigmoid", "log_softmax", "logical_and", "logical_not",
    "logical_or", "long", "lp_pool2d", "lt", "masked_fill", "matmul", "max", "max_pool1d", "max_pool2d", "maximum",
    "mean", "min", "minimum", "mish", "mm", "mse", "mul", "multilabel_soft_margin", "multiply", "ne", "neg",
    "negative", "nll", "norm", "normalize", "numel", "one_hot", "ones", "ones_like", "outer", "pad", "permute",
    "pixel_shuffle", "pow", "power", "prelu", "prod", "rand", "rand_like", "randint", "randn", "randn_like",
    "randperm", "relu", "relu6", "repeat", "reshape", "round", "save", "selu", "sigmoid", "sign", "silu", "sin",
    "smooth_l1", "softmax", "softplus", "softsign", "sort", "split", "sqrt", "square", "squeeze", "stack", "std",
    "sub", "subtract", "sum", "swapaxes", "t", "tanh", "topk", "transpose", "triplet_margin", "trunc", "uint8",
    "unbind", "unfold", "unsqueeze", "var", "where", "zeros", "zeros_like"
]

def numel(x: Tensor) -> builtins.int: ...
def t(x: Tensor) -> Tensor: ...

absolute = abs
cat = concatenate
concat = concatenate
divide = div
inference_mode = no_grad
multiply = mul
negative = neg
pow = power
swapaxes = transpose
Size = tuple
dtype = np.dtype

bool: np.dtype[np.bool_]
double: np.dtype[np.float64]
float: np.dtype[np.float32]
float32: np.dtype[np.float32]
float64: np.dtype[np.float64]
int: np.dtype[np.int32]
int16: np.dtype[np.int16]
int32: np.dtype[np.int32]
int64: np.dtype[np.int64]
int8: np.dtype[np.int8]
long: np.dtype[np.int64]
uint8: np.dtype[np.uint8]
