"""Averages of weights: of those along the way (SWA, EMA), and between fast steps and slow ones (Lookahead)."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import numpy as np

from tinydl import changes
from tinydl._check import integer, number
from tinydl.optim.optimizer import Optimizer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, Self

    from tinydl._types import Array, Group, State
    from tinydl.nn.module import Module
    from tinydl.tensor import Parameter

__all__ = ["AveragedModel", "Lookahead"]


class AveragedModel:
    """A copy of a net whose weights are the average of those that the net had at each update.

    ::

        w = w + (v - w) / (n + 1)              the plain average (SWA)
        w = decay * w + (1 - decay) * v        with decay (EMA); the first update copies

    Statistics of batch norms are copied as they are.

    Parameters
    ----------
    model : Module
        Not written.
    decay : float, optional
        In [0, 1); without it the plain average.

    Attributes
    ----------
    module : Module
        The copy, which the average calls.
    n_averaged : int
        Updates so far.

    References
    ----------
    Izmailov et al.: Averaging weights leads to wider optima and better generalization, UAI 2018.
    """

    def __init__(self, model: Module, decay: float | None = None) -> None:
        self.decay = None if decay is None else number("AveragedModel", "decay", decay, high=1.0)
        self.module = copy.deepcopy(model)
        self.n_averaged = 0

    def update_parameters(self, model: Module) -> None:
        """Take the weights of `model` into the average.

        Raises
        ------
        ValueError
            If its parameters are others than those of the copy.
        """
        mine, theirs = dict(self.module.named_parameters()), dict(model.named_parameters())
        if {k: p.shape for k, p in mine.items()} != {k: p.shape for k, p in theirs.items()}:
            raise ValueError("AveragedModel: the parameters are not those of the model that it was made of")
        share = 1.0 if not self.n_averaged else 1 / (self.n_averaged + 1) if self.decay is None else 1 - self.decay
        for name, p in mine.items():
            _towards(p, theirs[name].data, share)
        buffers = dict(model.named_buffers())
        for name, array in self.module.named_buffers():
            array[...] = buffers[name]
        self.n_averaged += 1

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.module(*args, **kwargs)

    def parameters(self) -> Iterator[Parameter]:
        """The averaged Parameters."""
        return self.module.parameters()

    def train(self, mode: bool = True) -> Self:
        """Set the mode of the copy; returns the average."""
        self.module.train(mode)
        return self

    def eval(self) -> Self:
        """Set evaluation mode; returns the average."""
        return self.train(False)

    def state_dict(self) -> State:
        """The copy's state and the number of updates: arrays by name."""
        return {"n_averaged": np.array(self.n_averaged), **{f"module.{name}": value for name, value in
                                                           self.module.state_dict().items()}}

    def load_state_dict(self, state_dict: State) -> None:
        """Continue from what `state_dict` gave."""
        if "n_averaged" not in state_dict:
            raise ValueError("AveragedModel: the state lacks n_averaged; a net's own state goes into .module")
        self.module.load_state_dict({name.removeprefix("module."): value for name, value in state_dict.items()
                                     if name != "n_averaged"})
        self.n_averaged = integer("AveragedModel", "n_averaged", int(np.asarray(state_dict["n_averaged"])), 0)


def _towards(p, values, share):
    """Move the values of a parameter by a share of the way, in place."""
    array = p.data
    if share == 1:
        array[...] = values
    else:
        array += array.dtype.type(share) * (values - array)
    changes.written([p])


class Lookahead(Optimizer):
    """Every k steps of an optimiser, slow weights go a share of the way, and the fast ones go on from there.

    ::

        after k steps:  s = s + alpha * (w - s),  w = s

    Parameters
    ----------
    optimizer : Optimizer
        Takes the steps; its groups, hyper-parameters and state are those of this one.
    k : int
        Steps between, >= 1.
    alpha : float
        Share of the way, in (0, 1].

    References
    ----------
    Zhang et al.: Lookahead optimizer: k steps forward, 1 step back, NeurIPS 2019.
    """

    def __init__(self, optimizer: Optimizer, k: int = 5, alpha: float = 0.5) -> None:
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"Lookahead takes an optimiser, got {type(optimizer).__name__}")
        self.optimizer, self.k = optimizer, integer("Lookahead", "k", k)
        self.alpha = number("Lookahead", "alpha", alpha, open_low=True, high=1.0, open_high=False)
        self.defaults = optimizer.defaults
        self.steps = 0
        self._slow: dict[Any, Array] = {}

    @property
    def param_groups(self) -> list[Group]:  # type: ignore[override]
        """The groups of the optimiser."""
        return self.optimizer.param_groups

    @property
    def state(self) -> State:  # type: ignore[override]
        """What the optimiser remembers, by parameter."""
        return self.optimizer.state

    def add_param_group(self, group: Group) -> None:
        """Add a group of parameters to the optimiser; see `Optimizer.add_param_group`."""
        self.optimizer.add_param_group(group)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take a step of the optimiser, and every k steps one of the slow weights; see `Optimizer.step`."""
        params = [p for group in self.param_groups for p in group["params"]]
        for p in params:
            if p not in self._slow:
                self._slow[p] = p.data.copy(order="K")
        loss = self.optimizer.step(closure)
        self.steps += 1
        if self.steps % self.k == 0:
            for p in params:
                slow = self._slow[p]
                slow += slow.dtype.type(self.alpha) * (p.data - slow)
                p.data[...] = slow
            changes.written(params)
        return loss

    def state_dict(self) -> State:
        """The optimiser's state, the number of steps and the slow weights, by the number of their parameter."""
        params = [p for group in self.param_groups for p in group["params"]]
        return {**self.optimizer.state_dict(), "steps": self.steps,
                "slow": {k: self._slow[p].copy(order="K") for k, p in enumerate(params) if p in self._slow}}

    def load_state_dict(self, state_dict: State) -> None:
        """Continue from what `state_dict` gave. A dict that does not fit raises and changes nothing."""
        params = [p for group in self.param_groups for p in group["params"]]
        if not isinstance(state_dict, dict) or not {"steps", "slow"} <= state_dict.keys():
            raise ValueError("Lookahead: the state dict lacks steps and slow; that of the optimiser alone goes into "
                             ".optimizer")
        slow = {int(k): np.asarray(values) for k, values in state_dict["slow"].items()}
        if any(k >= len(params) or values.shape != params[k].shape for k, values in slow.items()):
            raise ValueError("Lookahead: the slow weights do not fit the parameters")
        steps = integer("Lookahead", "steps", state_dict["steps"], 0)
        self.optimizer.load_state_dict({key: state_dict[key] for key in ("state", "param_groups")})
        self.steps = steps
        self._slow = {}
        for k, values in slow.items():
            self._slow[params[k]] = np.empty_like(params[k].data)
            self._slow[params[k]][...] = values
