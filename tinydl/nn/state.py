"""The state of a module as names and arrays: gathered, and loaded from any state that PyTorch would load."""

from collections import namedtuple
from collections.abc import Mapping

import numpy as np

from tinydl import changes
from tinydl.tensor import Parameter, Tensor

__all__ = ["IncompatibleKeys", "gathered", "loaded", "unwrapped"]

IncompatibleKeys = namedtuple("IncompatibleKeys", ["missing_keys", "unexpected_keys"])

_WRAPPERS = ("module", "_orig_mod")  # of DataParallel and AveragedModel, and of compile
_OF_WRAPPERS = {"n_averaged"}        # what AveragedModel has besides the model


def gathered(net):
    """What `Module.state_dict` returns."""
    state = {}
    seen = set()
    for path, module in net.named_modules():
        for name, value in module._own(Parameter) + module._own_buffers():
            if id(value) not in seen:
                seen.add(id(value))
                array = value._array() if isinstance(value, Parameter) else value
                state[f"{path}.{name}" if path else name] = np.array(array, order="C")
    return state


def _places(net):
    """[target, its names, whether a state may lack it] of every parameter and buffer."""
    places: dict = {}
    for path, module in net.named_modules(remove_duplicate=False):
        for name, value in module._own(Parameter) + module._own_buffers():
            place = places.setdefault(id(value), [value, [], name in module._optional_state])
            place[1].append(f"{path}.{name}" if path else name)
    return list(places.values())


def _array(value):
    return value.data if isinstance(value, Tensor) else np.asarray(value)


def unwrapped(names, known):
    """{name: the name that a module with the names `known` has for it}, without the parts that wrappers added.

    PyTorch's DataParallel puts `module.` in front of each name, `torch.compile` `_orig_mod.`, also of parts of a model.
    Of the names as they are, without one such prefix, two, ..., and without any such part, those win of which the
    module knows most; the first of equals.
    """
    known = set(known)
    best = {name: name for name in names}
    inner = {name: name for name in names if name not in _OF_WRAPPERS}
    texts = {name: name for name in inner if isinstance(name, str)}
    candidates = []
    while prefix := next((f"{w}." for w in _WRAPPERS if any(n.startswith(f"{w}.") for n in texts.values())), None):
        texts = {name: short.removeprefix(prefix) for name, short in texts.items()}
        candidates.append({**inner, **texts})
    plain = {name: ".".join(part for part in name.split(".") if part not in _WRAPPERS) for name in texts}
    candidates.append({**inner, **plain})
    for candidate in candidates:
        fits = len(known & set(candidate.values())) > len(known & set(best.values()))
        if fits and len(set(candidate.values())) == len(candidate):
            best = candidate
    return best


def loaded(net, state_dict, strict):
    """What `Module.load_state_dict` does."""
    if not isinstance(state_dict, Mapping):
        raise TypeError(f"load_state_dict() takes a mapping of names to arrays, got {state_dict!r}")
    places = _places(net)
    known = {name for _, names, _ in places for name in names}
    origin = {ours: theirs for theirs, ours in unwrapped(state_dict, known).items()}
    missing, faults, writes = [], [], []
    for target, names, optional in places:
        present = [name for name in names if name in origin]
        if not present:
            if not optional:
                missing.append(names[0])
            continue
        array = target.data if isinstance(target, Parameter) else target
        values = [_array(state_dict[origin[name]]) for name in present]
        for name, value in zip(present, values, strict=True):
            if value.shape != array.shape:
                faults.append(f"{name} has shape {value.shape}, the module needs {array.shape}")
            elif value.dtype.kind not in "fiub":
                faults.append(f"{name} holds {value.dtype}, the module needs {array.dtype}")
            elif name != present[0] and not np.array_equal(value, values[0], equal_nan=value.dtype.kind == "f"):
                faults.append(f"{name} and {present[0]} are one shared parameter here but differ")
        writes.append((target, values[0]))
    unexpected = [theirs for ours, theirs in origin.items() if ours not in known]
    if strict:
        if missing:
            faults.insert(0, "missing: " + ", ".join(missing))
        if unexpected:
            faults.insert(1 if missing else 0, "unexpected: " + ", ".join(map(str, unexpected)))
    if faults:
        raise ValueError(f"the state does not fit {type(net).__name__}; " + "; ".join(faults))
    for target, value in writes:
        array = target.data if isinstance(target, Parameter) else target
        array[...] = value
        if isinstance(target, Parameter):
            changes.written([target])
    return IncompatibleKeys(missing, unexpected)
