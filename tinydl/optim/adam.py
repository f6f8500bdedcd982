"""Adam, and AdamW with decoupled weight decay."""

from tinydl._core import update
from tinydl.optim._check import number
from tinydl.optim.optimizer import Optimizer

__all__ = ["Adam", "AdamW"]


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

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0):
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay})

    def _check_group(self, group):
        name = self._name
        number(name, "lr", group["lr"])
        number(name, "eps", group["eps"])
        number(name, "weight_decay", group["weight_decay"])
        try:
            beta1, beta2 = group["betas"]
        except (TypeError, ValueError):
            raise ValueError(f"{name}: betas must be two numbers, got {group['betas']!r}") from None
        number(name, "betas[0]", beta1, high=1.0)
        number(name, "betas[1]", beta2, high=1.0)

    def _update(self, group, params, values, grads, n_threads):
        beta1, beta2 = group["betas"]
        by_step = {}  # parameters that missed a gradient are some steps behind: one call per count, usually one
        for p, w, g in zip(params, values, grads, strict=True):
            m, v = self._slot(p, w, "exp_avg"), self._slot(p, w, "exp_avg_sq")
            state = self.state[p]
            step = state["step"] = state.get("step", 0) + 1
            lists = by_step.setdefault(step, ([], [], [], []))
            for array, place in zip((w, g, m, v), lists, strict=True):
                place.append(array)
        for step, lists in by_step.items():
            update.adam(*lists, group["lr"], beta1, beta2, group["eps"], group["weight_decay"], self._decoupled, step,
                        n_threads)


class AdamW(Adam):
    r"""Adam with decoupled weight decay: w shrinks by lr * weight_decay * w before the Adam step.

    Unlike an L2 penalty the decay is not divided by the second moment; see `Adam` for the formula and parameters.

    References
    ----------
    Loshchilov, Hutter: Decoupled weight decay regularization, ICLR 2019.
    """

    _decoupled = True

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=1e-2):
        super().__init__(params, lr, betas, eps, weight_decay)
