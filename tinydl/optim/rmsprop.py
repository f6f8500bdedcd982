"""RMSprop."""

from tinydl._core import update
from tinydl.optim._check import number
from tinydl.optim.optimizer import Optimizer

__all__ = ["RMSprop"]


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

    def __init__(self, params, lr=1e-2, alpha=0.99, eps=1e-8, weight_decay=0, momentum=0, centered=False):
        super().__init__(params, {"lr": lr, "alpha": alpha, "eps": eps, "weight_decay": weight_decay,
                                  "momentum": momentum, "centered": centered})

    def _check_group(self, group):
        for name in ("lr", "eps", "weight_decay", "momentum"):
            number("RMSprop", name, group[name])
        number("RMSprop", "alpha", group["alpha"], high=1.0, open_high=False)

    def _update(self, group, params, values, grads, n_threads):
        squares = self._slots_of(params, values, "square_avg")
        means = self._slots_of(params, values, "grad_avg") if group["centered"] else None
        buffers = self._slots_of(params, values, "momentum_buffer") if group["momentum"] > 0 else None
        for p in params:
            self.state[p]["step"] = self.state[p].get("step", 0) + 1
        update.rmsprop(values, grads, squares, means, buffers, group["lr"], group["alpha"], group["eps"],
                       group["weight_decay"], group["momentum"], n_threads)

    def _slots_of(self, params, values, name):
        return [self._slot(p, w, name) for p, w in zip(params, values, strict=True)]
