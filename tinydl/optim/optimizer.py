"""Optimizer: parameter groups, their state, and the walk that hands each group to one fused kernel call."""

from __future__ import annotations

from itertools import compress
from typing import TYPE_CHECKING

import numpy as np

from tinydl import changes, config, layout
from tinydl._check import items, number
from tinydl._core import update
from tinydl.optim.flat import FlatGradients
from tinydl.tensor import Tensor

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from tinydl._types import Group, Params, State

__all__ = ["Optimizer"]

# Options of other libraries' state dicts that change the update rule and have no counterpart here.
_FOREIGN = ("maximize", "amsgrad")


class Optimizer:
    """Base class of the optimisers.

    A subclass gives `defaults` (hyper-parameters by name), `_check_group(group)`, which raises on a bad
    hyper-parameter, `_slots` and `_rule(group, step)`: the names of the arrays it may keep for a parameter, and the
    rule of `_core.update` that says which of them it uses and what a step does.

    Parameters
    ----------
    params : iterable of Tensor, or iterable of dict
        Parameters, or groups of them: ``{"params": [...], "lr": 0.1}`` overrides hyper-parameters for its group.
        A parameter that occurs several times (shared weights) is updated once.
    defaults : dict
        Hyper-parameters of groups that do not override them.

    Attributes
    ----------
    param_groups : list of dict
        One dict per group: "params" and the hyper-parameters. Schedules, and users, write to it between steps.
    state : dict
        What the optimiser remembers, by parameter.

    Raises
    ------
    TypeError, ValueError
        Without parameters; on anything that is not a tensor of float32 or float64; on a parameter in two groups; on
        hyper-parameters that are unknown, NaN, infinite or out of range.
    """

    _slots: tuple[str, ...] = ()  # names of the arrays the state of a parameter may hold, in the rule's order
    _numbers: tuple[str, ...] = ()  # names of further numbers in the state of a parameter
    _counts = True  # whether the state holds the number of steps done

    def __init__(self, params: Params, defaults: dict[str, Any]) -> None:
        if not isinstance(defaults, dict):
            raise TypeError(f"{self._name}: defaults must be a dict of hyper-parameters, got {defaults!r}")
        self.defaults = dict(defaults)
        self.state: State = {}
        self.param_groups: list[Group] = []
        self._checked: list[Any] = []  # per group: the hyper-parameters that passed the check last
        if isinstance(params, Tensor):
            raise TypeError(f"{self._name}: params must be a list of parameters or of groups, got one tensor; "
                            "write [parameter]")
        if isinstance(params, dict):
            raise TypeError(f"{self._name}: params must be a list of parameters or of groups, got a dict; "
                            "write [group]")
        params = items(self._name, "params", params)
        if not params:
            raise ValueError(f"{self._name}: got an empty parameter list; pass net.parameters(), once per iterator")
        groups = params if isinstance(params[0], dict) else [{"params": params}]
        for group in groups:
            self.add_param_group(group)

    @property
    def _name(self):
        return type(self).__name__

    def __repr__(self) -> str:
        lines = []
        for k, group in enumerate(self.param_groups):
            options = ", ".join(f"{name}={value!r}" for name, value in group.items() if name != "params")
            lines.append(f"    group {k}: {len(group['params'])} parameters, {options}")
        return "\n".join([f"{self._name}(", *lines, ")"])

    # --- groups ----------------------------------------------------------------------------------------------------

    def add_param_group(self, group: Group) -> None:
        """Add a group of parameters.

        Parameters
        ----------
        group : dict
            "params" (a tensor or an iterable of tensors) and any hyper-parameters that differ from the defaults.
        """
        if not isinstance(group, dict) or "params" not in group:
            raise TypeError(f"{self._name}: a parameter group must be a dict with the key 'params', got {group!r}")
        unknown = sorted(set(group) - {"params", "initial_lr", *self.defaults})
        if unknown:
            raise ValueError(f"{self._name}: unknown hyper-parameter {', '.join(map(repr, unknown))}; "
                             f"known are {', '.join(self.defaults)}")
        params = group["params"]
        params = [params] if isinstance(params, Tensor) else items(self._name, "params", params)
        for k, p in enumerate(params):
            if not isinstance(p, Tensor):
                raise TypeError(f"{self._name}: parameter {k} must be a tensor, got {type(p).__name__}")
            if p.dtype.kind != "f":
                raise TypeError(f"{self._name}: parameter {k} must be float32 or float64, got {p.dtype}")
            if p.creator is not None:
                raise ValueError(f"{self._name}: parameter {k} (shape {p.shape}) is the result of {p.creator.name}, "
                                 "only leaf tensors can be optimised")
            p.numpy()  # an array from now on, if it was the result of an operation that waited for a reader
        params = list(dict.fromkeys(params))
        taken = {id(p) for other in self.param_groups for p in other["params"]}
        for k, p in enumerate(params):
            if id(p) in taken:
                raise ValueError(f"{self._name}: parameter {k} (shape {p.shape}) is in another parameter group already")
        group = {**self.defaults, **group, "params": params}
        self._check_group(group)
        self.param_groups.append(group)
        self._checked.append(self._hyper(group))

    def _hyper(self, group):
        return [group[name] for name in self.defaults]

    def _check_group(self, group):
        """Raise when a hyper-parameter of `group` is out of range."""
        raise NotImplementedError

    # --- steps -----------------------------------------------------------------------------------------------------

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Set the gradient of every parameter to None, or with False to zeros."""
        for group in self.param_groups:
            for p in group["params"]:
                p.grad = None if set_to_none or p.grad is None else np.zeros_like(p.grad)

    @property
    def flat_grad(self) -> dict[str, np.ndarray]:
        """All gradients as one array for each dtype: a dict of one-dimensional arrays, by dtype.

        From the first access on, backward passes write the gradients of the parameters straight into these arrays, of
        which each ``p.grad`` is a view in the parameter's memory order; what is changed in the one is changed in the
        other. A gradient is there until the next backward pass. Parameters without one have zeros, and so have the
        gaps of less than 64 bytes between them.

        Examples
        --------
        >>> opt.flat_grad                       # once: from now on gradients lie in one array
        >>> loss.backward()
        >>> comm.Allreduce(MPI.IN_PLACE, opt.flat_grad["float32"])
        >>> opt.step()
        """
        params = [p for group in self.param_groups for p in group["params"]]
        flat = self.__dict__.get("_flat")
        if flat is None or not flat.fits(params):
            if flat is not None:
                flat.release()
            flat = self._flat = FlatGradients(params)
            flat.use()
        flat.gather()
        return flat.buffers

    def step(self, closure: Callable[..., Any] | None = None) -> Any:
        """Update every parameter that has a gradient.

        Parameters
        ----------
        closure : callable, optional
            Computes the gradients first and returns the loss.

        Returns
        -------
        The value of `closure`, or None.
        """
        loss = None
        if closure is not None:
            with config.enable_grad():
                loss = closure()
        n_threads = config.step_team()
        for k, group in enumerate(self.param_groups):
            hyper = self._hyper(group)
            if hyper != self._checked[k]:  # NaN is unequal to itself, so it never slips through
                self._check_group(group)
                self._checked[k] = hyper
            self._update(group, n_threads)
        return loss

    def _update(self, group, n_threads):
        """Update the parameters of a group, and their state, in place from their gradients."""
        alike, found, calls, started = layout.alike, {}, {}, {}
        for p in group["params"]:  # all of them, before the state of any changes
            grad = p.grad
            if grad is not None:
                values = p.raw
                if not alike(grad, values):
                    grad = self._fitting(grad, values)
                found[p] = values, grad
        for p, pair in found.items():
            values, state = pair[0], self.state.get(p)
            if state is None:
                state = started[p] = {}
            if self._counts:
                state.setdefault("step", 0)
            # One kernel call, but for each type of numbers, and for parameters that missed a gradient and are some
            # steps behind.
            key = values.dtype, self._count(state)
            call = calls.get(key)
            if call is None:
                rule = self._rule(group, key[1])
                call = calls[key] = rule, [], {name: [] for name in compress(self._slots, rule.uses)}
            call[1].append(p)
            for name, arrays in call[2].items():
                array = state.get(name)
                if array is None or not alike(array, values):
                    array = state[name] = self._slot(group, array, values, name)
                arrays.append(array)
        for rule, params, slots in calls.values():
            values, grads = zip(*map(found.get, params), strict=True)
            update.step(rule, values, grads, [*map(slots.get, self._slots)], n_threads)
            if not started and not self._counts:
                continue
            for p in params:  # the step is done; for want of memory it would not have been
                if started.get(p):
                    self.state[p] = started[p]
                if self._counts:
                    self.state[p]["step"] += 1
        changes.written(found)

    def _fitting(self, grad, values):
        """A gradient that a user set, in dtype and memory order of its parameter's values."""
        grad = np.asarray(grad)
        if grad.shape != values.shape:
            raise ValueError(f"{self._name}: a parameter of shape {values.shape} has a gradient of shape {grad.shape}")
        return _like(grad, values)

    def _count(self, state):
        """The number of the step that a parameter is about to take, from 1."""
        return state.get("step", 0) + 1

    def _rule(self, group, step):
        """The rule of a step from the hyper-parameters of a group."""
        raise NotImplementedError

    def _start(self, group, name):
        """What the state array `name` holds before the first step."""
        return 0.0

    def _slot(self, group, array, values, name):
        """The state array `name` in the memory order of a parameter's values: a new one, or a copy of `array`."""
        if array is not None:
            return _like(array, values)  # the user replaced p.data by an array of another order
        array = layout.empty_like(values)
        array.fill(self._start(group, name))
        return array

    # --- saving ----------------------------------------------------------------------------------------------------

    def state_dict(self) -> State:
        """Everything needed to go on: copies, so that later steps do not change it.

        Returns
        -------
        dict
            ``{"state": {index: {name: array or int}}, "param_groups": [{..., "params": [indices]}]}``; parameters are
            numbered through the groups in order, as PyTorch does.
        """
        index: dict[Any, int] = {}
        groups = []
        for group in self.param_groups:
            for p in group["params"]:
                index[p] = len(index)
            groups.append({**group, "params": [index[p] for p in group["params"]]})
        state = {index[p]: {name: value.copy(order="K") if isinstance(value, np.ndarray) else value
                            for name, value in values.items()}
                 for p, values in self.state.items()}
        return {"state": dict(sorted(state.items())), "param_groups": groups}

    def load_state_dict(self, state_dict: State) -> None:
        """Continue from what `state_dict` gave. A dict that does not fit raises and changes nothing.

        Parameters
        ----------
        state_dict : dict
            As `state_dict` returns it; the state dict of PyTorch's optimiser of the same name fits too.

        Raises
        ------
        ValueError
            When groups, parameters, shapes or hyper-parameters do not fit; the message names the place.
        """
        name = self._name
        saved, saved_state = self._saved(state_dict)
        groups: list[Group] = []
        by_index: dict[int, Any] = {}
        for k, (old, new) in enumerate(zip(self.param_groups, saved, strict=True)):
            if len(new.get("params", ())) != len(old["params"]):
                raise ValueError(f"{name}: group {k} of the state dict has {len(new.get('params', ()))} parameters, "
                                 f"the optimiser's has {len(old['params'])}")
            missing = sorted(set(self.defaults) - set(new))
            if missing:
                raise ValueError(f"{name}: group {k} of the state dict lacks {', '.join(missing)}")
            for option in _FOREIGN:
                if new.get(option):
                    raise ValueError(f"{name}: group {k} of the state dict has {option}={new[option]!r}, which is not "
                                     "supported")
            kept = {key: tuple(value) if isinstance(value, list) else value for key, value in new.items()
                    if key in self.defaults or key in old or key == "initial_lr"}
            group = {**old, **kept, "params": old["params"]}
            self._check_group(group)
            groups.append(group)
            by_index.update(zip(new["params"], old["params"], strict=True))
        state = {}
        for key, values in saved_state.items():
            key = int(key) if isinstance(key, str) and key.isdigit() else key  # JSON turns keys into strings
            if key not in by_index:
                raise ValueError(f"{name}: the state dict has state for parameter {key!r}, which no group holds")
            state[by_index[key]] = self._load_state(key, by_index[key], values)
        for old, new in zip(self.param_groups, groups, strict=True):
            old.clear()  # the dict stays the same object: schedules and users hold it
            old.update(new)
        self.state = state
        self._checked = [self._hyper(group) for group in self.param_groups]

    def _saved(self, state_dict):
        """The groups and the state that a state dict holds, as many groups as there are here."""
        name = self._name
        if not isinstance(state_dict, dict) or not {"state", "param_groups"} <= set(state_dict):
            raise ValueError(f"{name}: a state dict has the keys 'state' and 'param_groups', got "
                             f"{sorted(map(str, state_dict)) if isinstance(state_dict, dict) else state_dict!r}")
        saved = state_dict["param_groups"]
        if len(saved) != len(self.param_groups):
            raise ValueError(f"{name}: the state dict has {len(saved)} parameter groups, the optimiser "
                             f"{len(self.param_groups)}")
        return saved, state_dict["state"]

    def _load_state(self, key, p, values):
        unknown = sorted(set(values) - {"step", *self._slots, *self._numbers})
        if unknown:
            raise ValueError(f"{self._name}: the state of parameter {key} has unknown entries {', '.join(unknown)}; "
                             "was it saved by another optimiser?")
        loaded = {}
        for entry, value in values.items():
            if value is None:
                continue
            if entry == "step":
                step = float(np.asarray(value))
                if not (step >= 0 and step == int(step)):
                    raise ValueError(f"{self._name}: the step of parameter {key} must be a count, got {value!r}")
                loaded[entry] = int(step)
                continue
            if entry in self._numbers:
                loaded[entry] = number(self._name, f"{entry} of parameter {key}", np.asarray(value).item())
                continue
            array = np.asarray(value)
            if array.shape != p.shape or array.dtype.kind != "f":
                raise ValueError(f"{self._name}: {entry} of parameter {key} has shape {array.shape} and dtype "
                                 f"{array.dtype}, the parameter shape {p.shape} and dtype {p.dtype}")
            loaded[entry] = _like(array, p.data)
        return loaded


def _like(array, values):
    """A copy of `array` with the dtype and memory order of `values`."""
    out = layout.empty_like(values)
    out[...] = array
    return out
