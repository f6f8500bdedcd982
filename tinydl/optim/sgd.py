"""Stochastic gradient descent with momentum."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinydl._check import flag, number
from tinydl._core import update
from tinydl.optim.optimizer import Optimizer
from tinydl.optim.registry import register

if TYPE_CHECKING:
    from tinydl._types import Params

__all__ = ["SGD"]


@register("sgd", "Nesterov momentum 0.9", lr=0.1, momentum=0.9, nesterov=True)
class SGD(Optimizer):
    r"""Stochastic gradient descent, with momentum and Nesterov's variant.

    ::

        g = dL/dw + weight_decay * w
        v = g                                    (first step)
        v = momentum * v + (1 - dampening) * g   (later steps)
        w = w - lr * v                           (Nesterov: w - lr * (g + momentum * v))

    The learning rate stays outside the buffer v, so a change of it acts at once.

    Parameters
    ----------
    params : iterable of Tensor or of dict
        See `Optimizer`.
    lr : float
        Learning rate, >= 0.
    momentum : float
        >= 0; 0 keeps no buffer.
    dampening : float
        Weakens new gradients in the buffer.
    weight_decay : float
        L2 penalty weight_decay/2 * sum(w^2), >= 0, of all parameters of the group.
    nesterov : bool
        Needs momentum > 0 and no dampening.

    References
    ----------
    Sutskever, Martens, Dahl, Hinton: On the importance of initialization and momentum in deep learning, ICML 2013.
    """

    _slots = ("momentum_buffer",)
    _counts = False

    def __init__(self, params: Params, lr: float = 1e-3, momentum: float = 0, dampening: float = 0,
                 weight_decay: float = 0, nesterov: bool = False) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "dampening": dampening,
                                  "weight_decay": weight_decay, "nesterov": nesterov})

    def _check_group(self, group):
        number("SGD", "lr", group["lr"])
        momentum = number("SGD", "momentum", group["momentum"])
        dampening = number("SGD", "dampening", group["dampening"], low=-float("inf"), open_low=True)
        number("SGD", "weight_decay", group["weight_decay"])
        flag("SGD", "nesterov", group["nesterov"])
        if group["nesterov"] and (momentum <= 0 or dampening != 0):
            raise ValueError("SGD: nesterov=True needs momentum > 0 and dampening = 0, got "
                             f"momentum={group['momentum']!r}, dampening={group['dampening']!r}")

    def _count(self, state):
        # The buffer itself tells whether the first step is done, as in PyTorch's state dict.
        return 2 if "momentum_buffer" in state else 1

    def _rule(self, group, step):
        return update.sgd(group["lr"], group["momentum"], group["dampening"], group["weight_decay"],
                          bool(group["nesterov"]), step == 1)
