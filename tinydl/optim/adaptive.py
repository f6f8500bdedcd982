"""Optimisers whose step is measured for each weight: they divide by a running size of its gradients."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinydl._check import flag, number
from tinydl._core import update
from tinydl.optim.optimizer import Optimizer
from tinydl.optim.registry import register

if TYPE_CHECKING:
    from tinydl._types import Params

__all__ = ["Adadelta", "Adagrad", "Adam", "AdamW", "RMSprop"]


def check_betas(owner, betas):
    """Raise unless there are two numbers from 0 up to, but without, 1."""
    try:
        first, second = betas
    except (TypeError, ValueError):
        raise ValueError(f"{owner}: betas must be two numbers, got {betas!r}") from None
    number(owner, "betas[0]", first, high=1.0)
    number(owner, "betas[1]", second, high=1.0)


@register("adam", lr=3e-3)
class Adam(Optimizer):
    r"""Adam: steps scaled by running moments of the gradient.

    ::

        g = dL/dw + weight_decay * w             (AdamW instead: w = w - lr * weight_decay * w)
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g^2
        w = w - lr * (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps)

    t counts the steps in which the parameter had a gradient.

    Parameters
    ----------
    params : iterable of Tensor or of dict
        See `Optimizer`.
    lr : float
        Learning rate, >= 0.
    betas : (float, float)
        Decay of the first and second moment, each in [0, 1).
    eps : float
        Added to the denominator, >= 0.
    weight_decay : float
        L2 penalty weight_decay/2 * sum(w^2), >= 0; it passes through the moments.

    References
    ----------
    Kingma, Ba: Adam: a method for stochastic optimization, ICLR 2015.
    """

    _slots = ("exp_avg", "exp_avg_sq")
    _decoupled = False

    def __init__(self, params: Params, lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
                 weight_decay: float = 0) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay})

    def _check_group(self, group):
        for name in ("lr", "eps", "weight_decay"):
            number(self._name, name, group[name])
        check_betas(self._name, group["betas"])

    def _rule(self, group, step):
        return update.adam(group["lr"], *group["betas"], group["eps"], group["weight_decay"], self._decoupled, step)


@register("adamw", lr=3e-3)
class AdamW(Adam):
    r"""Adam with decoupled weight decay: w shrinks by lr * weight_decay * w before the Adam step.

    Unlike an L2 penalty the decay is not divided by the second moment; see `Adam` for the formula and parameters.

    References
    ----------
    Loshchilov, Hutter: Decoupled weight decay regularization, ICLR 2019.
    """

    _decoupled = True

    def __init__(self, params: Params, lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
                 weight_decay: float = 1e-2) -> None:
        super().__init__(params, lr, betas, eps, weight_decay)


@register("rmsprop", lr=1e-3)
class RMSprop(Optimizer):
    r"""RMSprop: steps divided by a running root mean square of the gradient.

    ::

        g = dL/dw + weight_decay * w
        s = alpha * s + (1 - alpha) * g^2
        centered: a = alpha * a + (1 - alpha) * g;  d = sqrt(s - a^2) + eps;  else d = sqrt(s) + eps
        momentum > 0: b = momentum * b + g / d;  w = w - lr * b;  else w = w - lr * g / d

    Parameters
    ----------
    params : iterable of Tensor or of dict
        See `Optimizer`.
    lr : float
        Learning rate, >= 0.
    alpha : float
        Decay of the mean square, in [0, 1].
    eps : float
        Added to the denominator, >= 0.
    weight_decay : float
        L2 penalty weight_decay/2 * sum(w^2), >= 0.
    momentum : float
        >= 0; 0 keeps no buffer.
    centered : bool
        Divide by an estimate of the standard deviation instead.

    References
    ----------
    Tieleman, Hinton: Lecture 6.5, Coursera 2012. Centred: Graves, arXiv:1308.0850.
    """

    _slots = ("square_avg", "grad_avg", "momentum_buffer")

    def __init__(self, params: Params, lr: float = 1e-2, alpha: float = 0.99, eps: float = 1e-8,
                 weight_decay: float = 0, momentum: float = 0, centered: bool = False) -> None:
        super().__init__(params, {"lr": lr, "alpha": alpha, "eps": eps, "weight_decay": weight_decay,
                                  "momentum": momentum, "centered": centered})

    def _check_group(self, group):
        for name in ("lr", "eps", "weight_decay", "momentum"):
            number("RMSprop", name, group[name])
        number("RMSprop", "alpha", group["alpha"], high=1.0, open_high=False)
        flag("RMSprop", "centered", group["centered"])

    def _rule(self, group, step):
        return update.rmsprop(group["lr"], group["alpha"], group["eps"], group["weight_decay"], group["momentum"],
                              bool(group["centered"]))


@register("adagrad", lr=1e-2)
class Adagrad(Optimizer):
    r"""Adagrad: steps divided by the root of the sum of all squared gradients so far.

    ::

        g = dL/dw + weight_decay * w
        s = s + g^2                              (s = initial_accumulator_value at first)
        w = w - lr / (1 + (t - 1) * lr_decay) * g / (sqrt(s) + eps)

    t counts the steps in which the parameter had a gradient. Weights that seldom have one take the larger steps.

    Parameters
    ----------
    params : iterable of Tensor or of dict
        See `Optimizer`.
    lr : float
        Learning rate, >= 0.
    lr_decay : float
        By which share of itself lr loses with the first step, >= 0.
    weight_decay : float
        L2 penalty weight_decay/2 * sum(w^2), >= 0.
    initial_accumulator_value : float
        Start of s, >= 0.
    eps : float
        Added to the denominator, >= 0.

    References
    ----------
    Duchi, Hazan, Singer: Adaptive subgradient methods for online learning and stochastic optimization, JMLR 2011.
    """

    _slots = ("sum",)

    def __init__(self, params: Params, lr: float = 1e-2, lr_decay: float = 0, weight_decay: float = 0,
                 initial_accumulator_value: float = 0, eps: float = 1e-10) -> None:
        super().__init__(params, {"lr": lr, "lr_decay": lr_decay, "weight_decay": weight_decay,
                                  "initial_accumulator_value": initial_accumulator_value, "eps": eps})

    def _check_group(self, group):
        for name in self.defaults:
            number("Adagrad", name, group[name])

    def _start(self, group, name):
        return group["initial_accumulator_value"]

    def _rule(self, group, step):
        return update.adagrad(group["lr"], group["lr_decay"], group["weight_decay"], group["eps"], step)


@register("adadelta", lr=1.0)
class Adadelta(Optimizer):
    r"""Adadelta: steps as large as those before, measured by the gradients' size.

    ::

        g = dL/dw + weight_decay * w
        s = rho * s + (1 - rho) * g^2
        d = sqrt(u + eps) / sqrt(s + eps) * g
        u = rho * u + (1 - rho) * d^2
        w = w - lr * d

    Parameters
    ----------
    params : iterable of Tensor or of dict
        See `Optimizer`.
    lr : float
        Factor of the step, >= 0.
    rho : float
        Decay of both mean squares, in [0, 1].
    eps : float
        Added to both, >= 0; the first steps are about its root.
    weight_decay : float
        L2 penalty weight_decay/2 * sum(w^2), >= 0.

    References
    ----------
    Zeiler: Adadelta: an adaptive learning rate method, arXiv:1212.5701.
    """

    _slots = ("square_avg", "acc_delta")

    def __init__(self, params: Params, lr: float = 1.0, rho: float = 0.9, eps: float = 1e-6,
                 weight_decay: float = 0) -> None:
        super().__init__(params, {"lr": lr, "rho": rho, "eps": eps, "weight_decay": weight_decay})

    def _check_group(self, group):
        for name in ("lr", "eps", "weight_decay"):
            number("Adadelta", name, group[name])
        number("Adadelta", "rho", group["rho"], high=1.0, open_high=False)

    def _rule(self, group, step):
        return update.adadelta(group["lr"], group["rho"], group["eps"], group["weight_decay"])
