"""Activations as layers."""

from tinydl import ops
from tinydl.nn.module import Module
from tinydl.ops.checks import as_input

__all__ = ["ELU", "GELU", "LeakyReLU", "LogSoftmax", "ReLU", "Sigmoid", "Softmax", "Tanh"]


class ReLU(Module):
    """y = max(x, 0)."""

    def forward(self, x):
        """Any shape to the same shape."""
        return ops.relu(as_input(x))


class Tanh(Module):
    """y = tanh(x)."""

    def forward(self, x):
        """Any shape to the same shape."""
        return ops.tanh(as_input(x))


class Sigmoid(Module):
    """y = 1 / (1 + exp(-x))."""

    def forward(self, x):
        """Any shape to the same shape."""
        return ops.sigmoid(as_input(x))


class LeakyReLU(Module):
    """y = x for x > 0, negative_slope * x otherwise.

    Parameters
    ----------
    negative_slope : float
    """

    def __init__(self, negative_slope=0.01):
        self.negative_slope = float(negative_slope)

    def forward(self, x):
        """Any shape to the same shape."""
        return ops.leaky_relu(as_input(x), self.negative_slope)

    def extra_repr(self):
        """The slope."""
        return f"negative_slope={self.negative_slope:g}"


class ELU(Module):
    """y = x for x > 0, alpha * (exp(x) - 1) otherwise (Clevert et al., 2015).

    Parameters
    ----------
    alpha : float
    """

    def __init__(self, alpha=1.0):
        self.alpha = float(alpha)

    def forward(self, x):
        """Any shape to the same shape."""
        return ops.elu(as_input(x), self.alpha)

    def extra_repr(self):
        """The scale."""
        return f"alpha={self.alpha}"


class GELU(Module):
    """y = x * Phi(x), Phi the normal distribution function (Hendrycks and Gimpel, 2016)."""

    def forward(self, x):
        """Any shape to the same shape."""
        return ops.gelu(as_input(x))

    def extra_repr(self):
        """The form: exact, by erf."""
        return "approximate='none'"


class Softmax(Module):
    """y_i = exp(x_i) / sum_j exp(x_j) along one axis. Not before CrossEntropyLoss, which takes the logits.

    Parameters
    ----------
    dim : int
        The axis that sums to one; 1 is the classes of (N, C) and (N, C, H, W).
    """

    def __init__(self, dim=1):
        self.dim = 1 if dim is None else dim

    def forward(self, x):
        """Any shape to the same shape."""
        return ops.softmax(as_input(x), self.dim)

    def extra_repr(self):
        """The axis."""
        return f"dim={self.dim}"


class LogSoftmax(Module):
    """y_i = x_i - log sum_j exp(x_j) along one axis; what NLLLoss takes.

    Parameters
    ----------
    dim : int
        The axis; 1 is the classes of (N, C) and (N, C, H, W).
    """

    def __init__(self, dim=1):
        self.dim = 1 if dim is None else dim

    def forward(self, x):
        """Any shape to the same shape."""
        return ops.log_softmax(as_input(x), self.dim)

    def extra_repr(self):
        """The axis."""
        return f"dim={self.dim}"
