"""Optimisers that go on from Adam: its first steps corrected, its momentum looking ahead, its signs alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinydl._check import flag, number
from tinydl._core import update
from tinydl.optim.adaptive import check_betas
from tinydl.optim.optimizer import Optimizer
from tinydl.optim.registry import register

if TYPE_CHECKING:
    from tinydl._types import Params

__all__ = ["Lion", "NAdam", "RAdam"]


class _Decaying(Optimizer):
    """What RAdam and NAdam share: Adam's moments, and a weight decay of either kind."""

    _slots = ("exp_avg", "exp_avg_sq")

    def _check_group(self, group):
        for name in ("lr", "eps", "weight_decay"):
            number(self._name, name, group[name])
        check_betas(self._name, group["betas"])
        flag(self._name, "decoupled_weight_decay", group["decoupled_weight_decay"])


@register("radam", lr=3e-3)
class RAdam(_Decaying):
    r"""Adam whose first steps are plain momentum, until the second moment is known well enough to divide by.

    ::

        m and v as in `Adam`;  N = 2 / (1 - beta2) - 1,  n = N - 2 t beta2^t / (1 - beta2^t)
        n > 5:  w = w - lr * r * (m / (1 - beta1^t)) * sqrt(1 - beta2^t) / (sqrt(v) + eps)
                r = sqrt((n - 4) (n - 2) N / ((N - 4) (N - 2) n))
        else:   w = w - lr * m / (1 - beta1^t)

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
        L2 penalty weight_decay/2 * sum(w^2), >= 0.
    decoupled_weight_decay : bool
        Shrink w by lr * weight_decay * w instead, as AdamW.

    References
    ----------
    Liu et al.: On the variance of the adaptive learning rate and beyond, ICLR 2020.
    """

    def __init__(self, params: Params, lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
                 weight_decay: float = 0, decoupled_weight_decay: bool = False) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay,
                                  "decoupled_weight_decay": decoupled_weight_decay})

    def _rule(self, group, step):
        return update.radam(group["lr"], *group["betas"], group["eps"], group["weight_decay"],
                            bool(group["decoupled_weight_decay"]), step)


@register("nadam", lr=2e-3)
class NAdam(_Decaying):
    r"""Adam with Nesterov's momentum, which grows over the first steps.

    ::

        m and v as in `Adam`;  mu_t = beta1 * (1 - 0.96^(t * momentum_decay) / 2),  M = mu_1 * ... * mu_t
        d = (1 - mu_t) / (1 - M) * g + mu_(t+1) / (1 - M * mu_(t+1)) * m
        w = w - lr * d / (sqrt(v / (1 - beta2^t)) + eps)

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
        L2 penalty weight_decay/2 * sum(w^2), >= 0.
    momentum_decay : float
        How soon the momentum has grown, >= 0.
    decoupled_weight_decay : bool
        Shrink w by lr * weight_decay * w instead, as AdamW.

    References
    ----------
    Dozat: Incorporating Nesterov momentum into Adam, ICLR 2016 workshop.
    """

    _numbers = ("mu_product",)

    def __init__(self, params: Params, lr: float = 2e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
                 weight_decay: float = 0, momentum_decay: float = 4e-3, decoupled_weight_decay: bool = False) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay,
                                  "momentum_decay": momentum_decay, "decoupled_weight_decay": decoupled_weight_decay})

    def _check_group(self, group):
        super()._check_group(group)
        number("NAdam", "momentum_decay", group["momentum_decay"])

    def _momentum(self, group, step):
        return group["betas"][0] * (1 - 0.5 * 0.96 ** (step * group["momentum_decay"]))

    def _count(self, state):
        return state.get("step", 0) + 1, state.get("mu_product", 1.0)

    def _rule(self, group, count):
        step, product = count
        mu, following = self._momentum(group, step), self._momentum(group, step + 1)
        return update.nadam(group["lr"], *group["betas"], group["eps"], group["weight_decay"],
                            bool(group["decoupled_weight_decay"]), step, (mu, following, product * mu))

    def _update(self, group, n_threads):
        moved = [p for p in group["params"] if p.grad is not None]
        super()._update(group, n_threads)
        for p in moved:
            state = self.state[p]
            state["mu_product"] = state.get("mu_product", 1.0) * self._momentum(group, state["step"])


@register("lion", lr=3e-4)
class Lion(Optimizer):
    r"""Lion: steps of one size, of which the sign of a momentum says the direction.

    ::

        d = sign(beta1 * m + (1 - beta1) * dL/dw)
        m = beta2 * m + (1 - beta2) * dL/dw
        w = w - lr * (d + weight_decay * w)

    Steps are larger than Adam's at the same lr: a third to a tenth of it suits, with a decay as many times larger.

    Parameters
    ----------
    params : iterable of Tensor or of dict
        See `Optimizer`.
    lr : float
        Learning rate, >= 0.
    betas : (float, float)
        Of the direction and of the momentum, each in [0, 1).
    weight_decay : float
        Decoupled, >= 0.

    References
    ----------
    Chen et al.: Symbolic discovery of optimization algorithms, NeurIPS 2023.
    """

    _slots = ("exp_avg",)
    _counts = False

    def __init__(self, params: Params, lr: float = 1e-4, betas: tuple[float, float] = (0.9, 0.99),
                 weight_decay: float = 0.0) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "weight_decay": weight_decay})

    def _check_group(self, group):
        for name in ("lr", "weight_decay"):
            number("Lion", name, group[name])
        check_betas("Lion", group["betas"])

    def _count(self, state):
        return 1

    def _rule(self, group, step):
        return update.lion(group["lr"], *group["betas"], group["weight_decay"])
