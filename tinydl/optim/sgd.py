"""Stochastic gradient descent with momentum."""

from tinydl._core import update
from tinydl.optim._check import number
from tinydl.optim.optimizer import Optimizer

__all__ = ["SGD"]


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

    def __init__(self, params, lr=1e-3, momentum=0, dampening=0, weight_decay=0, nesterov=False):
        super().__init__(params, {"lr": lr, "momentum": momentum, "dampening": dampening,
                                  "weight_decay": weight_decay, "nesterov": nesterov})

    def _check_group(self, group):
        number("SGD", "lr", group["lr"])
        momentum = number("SGD", "momentum", group["momentum"])
        dampening = number("SGD", "dampening", group["dampening"], low=-float("inf"), open_low=True)
        number("SGD", "weight_decay", group["weight_decay"])
        if group["nesterov"] and (momentum <= 0 or dampening != 0):
            raise ValueError("SGD: nesterov=True needs momentum > 0 and dampening = 0, got "
                             f"momentum={group['momentum']!r}, dampening={group['dampening']!r}")

    def _update(self, group, params, values, grads, n_threads):
        lr, momentum, decay = group["lr"], group["momentum"], group["weight_decay"]
        options = (lr, momentum, group["dampening"], decay, bool(group["nesterov"]))
        if momentum == 0:
            update.sgd(values, grads, None, *options, False, n_threads)
            return
        # A parameter whose first gradient comes late starts its buffer late: two calls in that step, else one.
        late = [k for k, p in enumerate(params) if "momentum_buffer" not in self.state.get(p, ())]
        buffers = [self._slot(p, w, "momentum_buffer") for p, w in zip(params, values, strict=True)]
        if len(late) in (0, len(params)):
            update.sgd(values, grads, buffers, *options, bool(late), n_threads)
            return
        for first in (True, False):
            chosen = [k for k in range(len(params)) if (k in late) is first]
            update.sgd(*([each[k] for k in chosen] for each in (values, grads, buffers)), *options, first, n_threads)
