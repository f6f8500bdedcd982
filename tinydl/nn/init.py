"""Initial values of parameters. Every function fills its tensor in place and returns it.

fan_in is the number of inputs one output sums over, fan_out the number of outputs one input feeds: for a weight of
shape (O, C, *window), fan_in = C * prod(window) and fan_out = O * prod(window).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from tinydl import changes, config, ops, random
from tinydl._check import integer, number, one_of
from tinydl.tensor import Tensor

if TYPE_CHECKING:
    from typing import Literal

    from tinydl._types import AnyTensor, Array

__all__ = [
    "calculate_gain", "constant_", "default_", "dirac_", "kaiming_normal_", "kaiming_uniform_", "normal_", "ones_",
    "orthogonal_", "scale_", "small_", "trunc_normal_", "uniform_", "whitening_", "xavier_normal_",
    "xavier_uniform_", "zeros_",
]


def _generator():
    return random.generator(random.next_key())


def _number(owner, name, value):
    """A finite number of either sign."""
    return number(owner, name, value, low=-math.inf, open_low=True)


def _fill(tensor, values):
    if not isinstance(tensor, Tensor):
        raise TypeError(f"initialisation fills a Tensor or Parameter, got {type(tensor).__name__}")
    values = np.asarray(values)
    if values.dtype.kind not in "fiub":
        raise TypeError(f"an initial value is a number, got {values.dtype}")
    tensor.data[...] = values
    changes.written([tensor])
    return tensor


def _shape(tensor):
    if not isinstance(tensor, Tensor):
        raise TypeError(f"initialisation fills a Tensor or Parameter, got {type(tensor).__name__}")
    return tensor.shape


def _fans(tensor):
    shape = _shape(tensor)
    if len(shape) < 2:
        raise ValueError(f"fan_in and fan_out need a weight with at least 2 axes, got shape {shape}")
    window = math.prod(shape[2:])
    if 0 in shape:
        raise ValueError(f"fan_in and fan_out of a weight without entries, shape {shape}")
    return shape[1] * window, shape[0] * window


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor that keeps the variance through an activation.

    1 for 'linear', 'conv1d', 'conv2d' and 'sigmoid', 5/3 for 'tanh', sqrt(2) for 'relu', sqrt(2 / (1 + slope^2)) for
    'leaky_relu' (`param` is the slope, default 0.01), 3/4 for 'selu'.
    """
    gains = {"linear": 1.0, "conv1d": 1.0, "conv2d": 1.0, "sigmoid": 1.0, "tanh": 5 / 3, "relu": math.sqrt(2),
             "selu": 0.75}
    if one_of("calculate_gain", "nonlinearity", nonlinearity, [*gains, "leaky_relu"]) != "leaky_relu":
        return gains[nonlinearity]
    slope = 0.01 if param is None else _number("calculate_gain", "param", param)
    return math.sqrt(2) / math.hypot(1, slope)


def uniform_(tensor: AnyTensor, a: float = 0.0, b: float = 1.0) -> AnyTensor:
    """Uniform in [a, b)."""
    a, b = (_number("uniform_", name, value) for name, value in (("a", a), ("b", b)))
    if not (a <= b and b - a < math.inf):
        raise ValueError(f"uniform_: the interval [{a}, {b}] is empty or endless")
    return _fill(tensor, _generator().uniform(a, b, _shape(tensor)))


def normal_(tensor: AnyTensor, mean: float = 0.0, std: float = 1.0) -> AnyTensor:
    """Normal with the given mean and standard deviation."""
    mean, std = _number("normal_", "mean", mean), number("normal_", "std", std)
    return _fill(tensor, _generator().normal(mean, std, _shape(tensor)))


def trunc_normal_(tensor: AnyTensor, mean: float = 0.0, std: float = 1.0, a: float = -2.0, b: float = 2.0) -> AnyTensor:
    """Normal, drawn again where a value falls outside [a, b]."""
    mean, std = _number("trunc_normal_", "mean", mean), number("trunc_normal_", "std", std)
    a, b = (number("trunc_normal_", name, value, finite=False) for name, value in (("a", a), ("b", b)))
    if not a < b:
        raise ValueError(f"the interval [{a}, {b}] is empty")
    generator = _generator()
    values = generator.normal(mean, std, _shape(tensor))
    for _ in range(1000):
        outside = ~((values >= a) & (values <= b))
        n = int(outside.sum())
        if not n:
            return _fill(tensor, values)
        values[outside] = generator.normal(mean, std, n)
    raise ValueError(f"a normal with mean {mean} and standard deviation {std} hardly ever falls in [{a}, {b}]")


def constant_(tensor: AnyTensor, value: float) -> AnyTensor:
    """Every entry `value`."""
    return _fill(tensor, number("constant_", "value", value, finite=False))


def zeros_(tensor: AnyTensor) -> AnyTensor:
    """Every entry 0."""
    return _fill(tensor, 0)


def ones_(tensor: AnyTensor) -> AnyTensor:
    """Every entry 1."""
    return _fill(tensor, 1)


def xavier_uniform_(tensor: AnyTensor, gain: float = 1.0) -> AnyTensor:
    """Uniform in +-gain * sqrt(6 / (fan_in + fan_out)) (Glorot and Bengio, 2010)."""
    bound = number("xavier_uniform_", "gain", gain) * math.sqrt(6 / sum(_fans(tensor)))
    return uniform_(tensor, -bound, bound)


def xavier_normal_(tensor: AnyTensor, gain: float = 1.0) -> AnyTensor:
    """Normal with standard deviation gain * sqrt(2 / (fan_in + fan_out)) (Glorot and Bengio, 2010)."""
    return normal_(tensor, 0.0, number("xavier_normal_", "gain", gain) * math.sqrt(2 / sum(_fans(tensor))))


def _kaiming_std(tensor, a, mode, nonlinearity):
    one_of("kaiming", "mode", mode, ("fan_in", "fan_out"))
    return calculate_gain(nonlinearity, a) / math.sqrt(_fans(tensor)[mode == "fan_out"])


def kaiming_uniform_(tensor: AnyTensor, a: float = 0, mode: Literal["fan_in", "fan_out"] = "fan_in",
                     nonlinearity: str = "leaky_relu") -> AnyTensor:
    """Uniform in +-gain * sqrt(3 / fan) (He et al., 2015); `a` is the slope of a leaky ReLU."""
    bound = math.sqrt(3) * _kaiming_std(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound)


def kaiming_normal_(tensor: AnyTensor, a: float = 0, mode: Literal["fan_in", "fan_out"] = "fan_in",
                    nonlinearity: str = "leaky_relu") -> AnyTensor:
    """Normal with standard deviation gain / sqrt(fan) (He et al., 2015); `a` is the slope of a leaky ReLU."""
    return normal_(tensor, 0.0, _kaiming_std(tensor, a, mode, nonlinearity))


def orthogonal_(tensor: AnyTensor, gain: float = 1.0) -> AnyTensor:
    """Rows (or columns, where there are fewer) orthonormal times `gain`, axes after the first flattened.

    QR factorisation of a normal matrix, signs fixed by the diagonal of R so that the result is uniform (Saxe et al.,
    2013).
    """
    shape, gain = _shape(tensor), _number("orthogonal_", "gain", gain)
    if len(shape) < 2:
        raise ValueError(f"an orthogonal matrix needs at least 2 axes, got shape {shape}")
    rows, columns = shape[0], math.prod(shape[1:])
    q, r = np.linalg.qr(_generator().normal(size=(max(rows, columns), min(rows, columns))))
    q *= np.where(np.diag(r) < 0, -1.0, 1.0)
    return _fill(tensor, gain * (q if rows >= columns else q.T).reshape(shape))


def dirac_(tensor: AnyTensor, keep: bool = False) -> AnyTensor:
    """The filters that copy their input: filter k is 1 at the window's centre of channel k, 0 elsewhere.

    Parameters
    ----------
    tensor : Tensor, shape (O, C, *window)
    keep : bool
        Where there are more filters than channels, whether the others keep their values; else they become 0.
    """
    shape = _shape(tensor)
    if len(shape) < 3:
        raise ValueError(f"dirac_ needs a convolution weight (O, C, *window), got shape {shape}")
    values = np.array(tensor.data) if keep else np.zeros(shape)
    if not values.size:
        return _fill(tensor, values)
    centre = tuple(k // 2 for k in shape[2:])
    values[:shape[1]] = 0
    for k in range(min(shape[:2])):
        values[(k, k, *centre)] = 1
    return _fill(tensor, values)


def small_(tensor: AnyTensor, scale: float = 0.01) -> AnyTensor:
    """Normal with standard deviation scale / sqrt(fan_in): near zero, so a residual block starts as the identity."""
    return normal_(tensor, 0.0, number("small_", "scale", scale) / math.sqrt(_fans(tensor)[0]))


def scale_(tensor: AnyTensor, factor: float) -> AnyTensor:
    """Multiply the present values by `factor`."""
    factor = number("scale_", "factor", factor, finite=False)
    _shape(tensor)
    return _fill(tensor, tensor.data * factor)


def whitening_(tensor: AnyTensor, images: Array, eps: float = 5e-4) -> AnyTensor:
    """Filters whose results on windows of `images` are uncorrelated and of about the same size.

    With the second moments of the windows, ``M = mean of v v'`` over all windows v (each C * prod(window) values), and
    its eigenvectors e_k and eigenvalues l_k, ascending, filter k is ``e_k / sqrt(l_k + eps)``; as many again are their
    negatives, so that after a function that cuts off one sign nothing is lost. Of the two signs of an eigenvector, the
    one whose largest entry is positive comes first.

    Parameters
    ----------
    tensor : Tensor, shape (2 * C * prod(window), C, *window)
    images : array, shape (N, C, *spatial)
        Normalised as the net gets them; some thousands are enough.
    eps : float
        Keeps filters of directions in which the windows hardly differ from growing without bound.

    References
    ----------
    K. Jordan, arXiv:2404.00498; the whitening is that of D. Page, "How to train your ResNet", 2018.
    """
    shape, images = _shape(tensor), np.asarray(images)
    size = math.prod(shape[1:])
    if len(shape) < 3 or shape[0] != 2 * size:
        raise ValueError(f"whitening_ needs a convolution weight (O, C, *window) with O = 2 * C * prod(window), got "
                         f"shape {shape}" + (f" instead of {(2 * size, *shape[1:])}" if len(shape) > 2 else ""))
    window = shape[2:]
    if images.ndim != len(shape) or images.shape[1] != shape[1] or len(images) == 0 or any(
            n < k for n, k in zip(images.shape[2:], window, strict=True)):
        raise ValueError(f"whitening_ of a weight of shape {shape} needs images (N, {shape[1]}, ...) with room for its "
                         f"window, got shape {images.shape}")
    number("whitening_", "eps", eps, open_low=True)
    values, vectors = np.linalg.eigh(_second_moments(images, window))
    vectors = vectors.T / np.sqrt(np.maximum(values, 0)[:, None] + eps)
    largest = np.take_along_axis(vectors, np.abs(vectors).argmax(1, keepdims=True), 1)
    vectors *= np.where(largest < 0, -1.0, 1.0)
    return _fill(tensor, np.concatenate([vectors, -vectors]).reshape(shape))


def _second_moments(images, window):
    """The mean of v v' over all windows v of the images."""
    axes = tuple(range(2, images.ndim))
    total, count = 0.0, 0
    for start in range(0, len(images), 256):  # the windows of all images at once would fill the memory
        seen = np.lib.stride_tricks.sliding_window_view(images[start:start + 256], window, axes)
        v = np.moveaxis(seen, 1, images.ndim - 1).astype(np.float64).reshape(-1, images.shape[1] * math.prod(window))
        with config.no_grad():  # the product of the library, whose bits do not depend on threads
            total = total + ops.matmul(Tensor(v.T), Tensor(v)).data
        count += len(v)
    return total / count


def default_(weight: Tensor, bias: Tensor | None, fan_in: int) -> None:
    """What layers start with: weight and bias uniform in +-1/sqrt(fan_in)."""
    bound = 1 / math.sqrt(integer("default_", "fan_in", fan_in))
    uniform_(weight, -bound, bound)
    if bias is not None:
        uniform_(bias, -bound, bound)
