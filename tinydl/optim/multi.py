"""Several optimisers as one, each for parameters of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinydl import config
from tinydl.optim.optimizer import Optimizer

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from tinydl._types import Group, State

__all__ = ["MultiOptimizer"]


class MultiOptimizer(Optimizer):
    """Optimisers of one net, to be stepped, scheduled and saved together.

    Parameters
    ----------
    *optimizers : Optimizer
        Each over parameters that no other has.

    Attributes
    ----------
    optimizers : list of Optimizer
    param_groups : list of dict
        The groups of the first optimiser, then those of the second, and so on; the dicts are the optimisers' own.
    state : dict
        What all of them remember, by parameter.

    Raises
    ------
    TypeError, ValueError
        Without optimisers; on anything else than an `Optimizer`; on a parameter that two of them have.

    Examples
    --------
    >>> filters = [p for p in net.parameters() if p.ndim == 4]
    >>> others = [p for p in net.parameters() if p.ndim != 4]
    >>> opt = td.optim.MultiOptimizer(td.optim.Muon(filters, lr=0.02), td.optim.AdamW(others, lr=1e-3))
    """

    def __init__(self, *optimizers: Optimizer) -> None:
        for k, optimizer in enumerate(optimizers):
            if not isinstance(optimizer, Optimizer):
                raise TypeError(f"MultiOptimizer: optimiser {k} must be a tinydl.optim.Optimizer, got "
                                f"{type(optimizer).__name__}")
        if not optimizers:
            raise ValueError("MultiOptimizer: got no optimisers")
        self.optimizers = list(optimizers)
        self.defaults = {}
        taken: dict[Any, int] = {}
        for k, optimizer in enumerate(optimizers):
            for group in optimizer.param_groups:
                for p in group["params"]:
                    if taken.setdefault(p, k) != k:
                        raise ValueError(f"MultiOptimizer: a parameter of shape {p.shape} belongs to optimisers "
                                         f"{taken[p]} and {k}, it would be updated twice")

    @property
    def param_groups(self) -> list[Group]:  # type: ignore[override]
        """The groups of all optimisers."""
        return [group for optimizer in self.optimizers for group in optimizer.param_groups]

    @property
    def state(self) -> State:  # type: ignore[override]
        """What all optimisers remember."""
        return {p: values for optimizer in self.optimizers for p, values in optimizer.state.items()}

    def add_param_group(self, group: Group) -> None:
        """Refused: a group is added to the optimiser that is to update it."""
        raise TypeError("MultiOptimizer: add the group to one of its .optimizers")

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every parameter that has a gradient; see `Optimizer.step`."""
        loss = None
        if closure is not None:
            with config.enable_grad():
                loss = closure()
        for optimizer in self.optimizers:
            optimizer.step()
        return loss

    def load_state_dict(self, state_dict: State) -> None:
        """Continue from what `state_dict` gave. A dict that does not fit raises and changes nothing.

        Raises
        ------
        ValueError
            See `Optimizer.load_state_dict`.
        """
        parts = self._parts(state_dict)
        before = [(o.state, o._checked, [(group, dict(group)) for group in o.param_groups]) for o in self.optimizers]
        try:
            for optimizer, part in zip(self.optimizers, parts, strict=True):
                optimizer.load_state_dict(part)
        except BaseException:
            for optimizer, (state, checked, groups) in zip(self.optimizers, before, strict=True):
                optimizer.state, optimizer._checked = state, checked
                for group, former in groups:
                    group.clear()
                    group.update(former)
            raise

    def _parts(self, state_dict):
        """The state dict of each optimiser."""
        saved, state = self._saved(state_dict)
        parts, begin, owner = [], 0, {}
        for optimizer in self.optimizers:
            groups = saved[begin:begin + len(optimizer.param_groups)]
            begin += len(groups)
            parts.append({"state": {}, "param_groups": groups})
            owner.update({str(index): parts[-1] for group in groups for index in group.get("params", ())})
        # Keys are strings where JSON was in between. What is nobody's goes to the first, which says so.
        for key, values in state.items():
            owner.get(str(key), parts[0])["state"][key] = values
        return parts
