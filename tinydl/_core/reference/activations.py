"""The activations, one row each: what operations, layers and the twin of the kernels are made from.

A row is a NumPy function of its kernel's name with the operation's signature and its text; `activation` says the rest.
The row of the same name in `_core/src/activations.h` is the kernel. There is no third place.

`value` gets x in float64, `gradient` gets what the operation saves, x or y, in float64, and dy. Comparisons are written
so that NaN takes the branch that keeps it.
"""

import math
from collections.abc import Callable
from typing import Any, Concatenate, NamedTuple, ParamSpec

import numpy as np

__all__ = ["ROWS", "Row"]

P = ParamSpec("P")
Operation = Callable[Concatenate[Any, P], Any]


class Row(NamedTuple):
    """One activation.

    Attributes
    ----------
    name, layer : str
        Of the operation and of the layer's class.
    value, gradient : callable
        y of (x, parameter), dx of (saved, dy, parameter); without the parameter where there is none.
    saves : str
        What gradient reads, "x" or "y".
    parameter, about : str
        Name of the parameter and what it is; "" where there is none.
    default : float
    """

    name: str
    layer: str
    value: Callable[..., Any]
    gradient: Callable[..., Any]
    saves: str
    parameter: str
    about: str
    default: float

    def given(self, args, kwargs):
        """The parameter's value, from what a caller gave by position or by name."""
        if len(args) + len(kwargs) > bool(self.parameter) or kwargs.keys() - {self.parameter}:
            takes = f"one more argument, {self.parameter}" if self.parameter else "no other argument"
            raise TypeError(f"{self.name} takes {takes}: got {', '.join([*map(repr, args), *kwargs])}")
        number = args[0] if args else kwargs.get(self.parameter, self.default)
        if type(number) is float:
            return number
        try:
            if isinstance(number, (str, bytes, bool)) or hasattr(number, "requires_grad"):
                raise TypeError
            return float(number)
        except (TypeError, ValueError, OverflowError):
            raise TypeError(f"{self.name}: {self.parameter} must be a number, got {number!r}") from None

    def arguments(self, number):
        """The parameter as `value` and `gradient` take it: a tuple of one or none."""
        return (number,) if self.parameter else ()

    def at(self, x, number):
        """y of x."""
        return self.value(x, *self.arguments(number))

    def masked(self, x, dy, number):
        """dx of x and dy, whatever gradient reads."""
        return self.gradient(x if self.saves == "x" else self.at(x, number), dy, *self.arguments(number))


ROWS: dict[str, Row] = {}


def activation(layer: str, saves: str, gradient: Callable[..., Any],
               about: str = "") -> Callable[[Operation[P]], Operation[P]]:
    """Make a function of x, or of x and a parameter with a default, the row of its name."""
    def add(value):
        (default,) = value.__defaults__ or (0.0,)
        parameter = value.__code__.co_varnames[1] if value.__defaults__ else ""
        ROWS[value.__name__] = Row(value.__name__, layer, value, gradient, saves, parameter, about, default)
        return value

    return add


@activation("ReLU", saves="y", gradient=lambda y, dy: np.where(y <= 0, 0, dy))
def relu(x):
    """max(x, 0).

    Source: Nair and Hinton, Rectified linear units improve restricted Boltzmann machines, ICML 2010.
    """
    return np.where(x < 0, 0, x)


@activation("LeakyReLU", saves="x", gradient=lambda x, dy, slope: np.where(x <= 0, slope * dy, dy),
            about="Slope below 0.")
def leaky_relu(x, negative_slope=0.01):
    """x where x > 0, negative_slope * x elsewhere; the gradient is dy or, also at 0, negative_slope * dy.

    Source: Maas et al., Rectifier nonlinearities improve neural network acoustic models, ICML 2013.
    """
    return np.where(x <= 0, negative_slope * x, x)


@activation("ELU", saves="x", gradient=lambda x, dy, a: np.where(x <= 0, a * np.exp(np.minimum(x, 0)) * dy, dy),
            about="y tends to -alpha at -inf.")
def elu(x, alpha=1.0):
    """x where x > 0, alpha * (exp(x) - 1) elsewhere; the gradient is dy or, also at 0, alpha * exp(x) * dy.

    Source: Clevert et al., Fast and accurate deep network learning by exponential linear units, ICLR 2016.
    """
    return np.where(x <= 0, alpha * np.expm1(np.minimum(x, 0)), x)


_erfc = np.vectorize(math.erfc, otypes=[np.float64])


def _normal_cdf(x):
    # 1 - erfc(|x| ...) / 2 above 0: erfc keeps its digits where it is small.
    tail = 0.5 * _erfc(np.abs(x) / math.sqrt(2))
    return np.where(x < 0, tail, 1 - tail)


def _normal_density(x):
    return np.exp(-0.5 * x * x) / math.sqrt(2 * math.pi)


@activation("GELU", saves="x",
            gradient=lambda x, dy: dy * (_normal_cdf(x) + np.where(np.isinf(x), 0, x * _normal_density(x))))
def gelu(x):
    """x * Phi(x), Phi(x) = (1 + erf(x / sqrt 2)) / 2 the normal distribution; the gradient is (Phi(x) + x phi(x)) dy.

    The exact form, not the one with tanh; 0 at -inf. Phi is right to 1e-7 in float32, to 2e-16 in float64.

    Source: Hendrycks and Gimpel, Gaussian error linear units, 2016.
    """
    return np.where(x == -np.inf, 0, x * _normal_cdf(x))


@activation("Tanh", saves="y", gradient=lambda y, dy: dy * (1 - y * y))
def tanh(x):
    """tanh(x) = (e^x - e^-x) / (e^x + e^-x); the gradient is (1 - y^2) dy.

    Right to 3 units in the last place. It saturates: in float32 y is 1 and the gradient 0 from x = 9.1 on.
    """
    return np.tanh(x)


@activation("Sigmoid", saves="y", gradient=lambda y, dy: dy * (y * (1 - y)))
def sigmoid(x):
    """1 / (1 + exp(-x)); the gradient is y (1 - y) dy.

    Right to 4 units in the last place.
    """
    return 1 / (1 + np.exp(-x))


def _tanh_of_softplus(x):
    return np.tanh(np.logaddexp(0, x))


@activation("Mish", saves="x", gradient=lambda x, dy: dy * (_tanh_of_softplus(x) + np.where(
    np.isinf(x), 0, x * (1 - _tanh_of_softplus(x)) * (1 + _tanh_of_softplus(x)) / (1 + np.exp(-x)))))
def mish(x):
    """x * t, t = tanh(log(1 + e^x)); the gradient is (t + x (1 - t^2) / (1 + e^-x)) dy.

    0 at -inf. Right to 5 units in the last place (in float32 from -87 on, below which y is smaller than 1e-35), the
    gradient to 3e-7 in float32, 6e-16 in float64.

    Source: Misra, Mish: a self regularized non-monotonic activation function, BMVC 2020.
    """
    return np.where(x == -np.inf, 0, x * _tanh_of_softplus(x))


@activation("Hardswish", saves="x", gradient=lambda x, dy: np.where(
    x <= -3, 0, np.where(x >= 3, dy, dy * ((2 * x + 3) / 6))))
def hardswish(x):
    """x * min(max(x + 3, 0), 6) / 6; the gradient is 0 up to -3, dy from 3 on, (2 x + 3) / 6 dy between.

    x * sigmoid(x) from straight lines; 0 at -inf. Right to 2 units in the last place, the gradient to 2e-7 in float32,
    2e-16 in float64.

    Source: Howard et al., Searching for MobileNetV3, ICCV 2019.
    """
    return np.where(x <= -3, 0, np.where(x >= 3, x, x * (x + 3) / 6))


def _sigmoid_of_cubic(x):
    # (1 + tanh u) / 2 is 1 / (1 + e^(-2u)), which keeps its digits where it is small.
    return np.exp(-np.logaddexp(0, -2 * math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


@activation("GELUTanh", saves="x", gradient=lambda x, dy: dy * (_sigmoid_of_cubic(x) + np.where(np.abs(x) > 50, 0, (
    x * 2 * _sigmoid_of_cubic(x) * _sigmoid_of_cubic(-x) * math.sqrt(2 / math.pi) * (1 + 0.134145 * x * x)))))
def gelu_tanh(x):
    """x * s, s = (1 + tanh u) / 2, u = sqrt(2 / pi) (x + 0.044715 x^3); the gradient is (s + 2 x s (1 - s) u') dy.

    The approximation of `gelu` that some trained networks were made with, at most 5e-4 from it; 0 at -inf.

    Source: Hendrycks and Gimpel, Gaussian error linear units, 2016.
    """
    return np.where(x == -np.inf, 0, x * _sigmoid_of_cubic(x))


def _sigmoid(x):
    return np.exp(-np.logaddexp(0, -x))


@activation("SiLU", saves="x",
            gradient=lambda x, dy: dy * (_sigmoid(x) + np.where(np.isinf(x), 0, x * _sigmoid(x) * _sigmoid(-x))))
def silu(x):
    """x * s, s = 1 / (1 + exp(-x)); the gradient is (s + x s (1 - s)) dy. Also called swish; 0 at -inf.

    Right to 4 units in the last place (in float32 from -87 on, below which y is smaller than 1e-35), the gradient to
    3e-7 in float32, 6e-16 in float64.

    Source: Elfwing et al., Sigmoid-weighted linear units for neural network function approximation in reinforcement
    learning, Neural Networks 107, 2018.
    """
    return np.where(x == -np.inf, 0, x * _sigmoid(x))


_SELU_ALPHA, _SELU_SCALE = 1.6732632423543772, 1.0507009873554805


@activation("SELU", saves="x", gradient=lambda x, dy: _SELU_SCALE * np.where(
    x <= 0, _SELU_ALPHA * np.exp(np.minimum(x, 0)) * dy, dy))
def selu(x):
    """s x where x > 0, s a (exp(x) - 1) elsewhere, a = 1.67326, s = 1.05070; the gradient is s dy or s a exp(x) dy.

    Right to 3 units in the last place.

    Source: Klambauer et al., Self-normalizing neural networks, NIPS 2017.
    """
    return _SELU_SCALE * np.where(x <= 0, _SELU_ALPHA * np.expm1(np.minimum(x, 0)), x)


@activation("ReLU6", saves="y", gradient=lambda y, dy: np.where((y <= 0) | (y >= 6), 0, dy))
def relu6(x):
    """min(max(x, 0), 6); the gradient is dy between 0 and 6.

    Source: Krizhevsky, Convolutional deep belief networks on CIFAR-10, 2010.
    """
    return np.where(x < 0, 0, np.where(x > 6, 6, x))


@activation("Hardsigmoid", saves="x", gradient=lambda x, dy: np.where((x <= -3) | (x >= 3), 0, dy / 6))
def hardsigmoid(x):
    """min(max(x + 3, 0), 6) / 6; the gradient is dy / 6 between -3 and 3.

    Source: Courbariaux et al., BinaryConnect, NIPS 2015.
    """
    return np.where(x <= -3, 0, np.where(x >= 3, 1, (x + 3) / 6))


@activation("Softplus", saves="x", gradient=lambda x, dy, beta: np.where(
    beta * x > 20, dy, dy * _sigmoid(beta * x)), about="How sharp the bend is, > 0; y tends to max(x, 0) as it grows.")
def softplus(x, beta=1.0):
    """log(1 + exp(beta x)) / beta, x where beta x > 20; the gradient is dy / (1 + exp(-beta x)).

    Source: Dugas et al., Incorporating second-order functional knowledge for better option pricing, NIPS 2000.
    """
    return np.where(beta * x > 20, x, np.logaddexp(0, beta * x) / beta)


@activation("LogSigmoid", saves="x", gradient=lambda x, dy: dy * _sigmoid(-x))
def log_sigmoid(x):
    """-log(1 + exp(-x)), the logarithm of `sigmoid`; the gradient is dy / (1 + exp(x))."""
    return np.where(x < 0, x, 0) - np.log1p(np.exp(-np.abs(x)))


@activation("Softsign", saves="x", gradient=lambda x, dy: dy / (1 + np.abs(x))**2)
def softsign(x):
    """x / (1 + |x|), 1 at inf and -1 at -inf; the gradient is dy / (1 + |x|)^2.

    Source: Turian et al., Quadratic features and deep architectures for chunking, NAACL 2009.
    """
    a = np.minimum(np.abs(x), 1e20)
    return np.copysign(a / (1 + a), x)
