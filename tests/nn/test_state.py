"""States as PyTorch writes them: names of wrapped models, counts that are missing; the rest is in test_module.py."""

import numpy as np
import pytest

from tinydl import nn
from tinydl.nn.state import unwrapped


class Inner(nn.Module):
    """A net whose own parts have the names of wrappers."""

    def __init__(self):
        self.module = nn.Linear(1, 1)
        self.weight = nn.Linear(1, 1).weight


KNOWN = ["0.weight", "0.bias", "1.0.weight"]
NAMES = [
    (KNOWN, KNOWN, KNOWN),
    (["module." + n for n in KNOWN], KNOWN, KNOWN),
    (["_orig_mod.module." + n for n in KNOWN], KNOWN, KNOWN),
    (["0._orig_mod.weight", "0._orig_mod.bias", "1.module.0.weight"], KNOWN, KNOWN),
    (["n_averaged", *("module." + n for n in KNOWN)], KNOWN, KNOWN),
    # What a net knows by its own name stays.
    (["module.weight", "weight"], ["module.weight", "weight"], ["module.weight", "weight"]),
    (["module.module.weight", "module.weight"], ["module.weight", "weight"], ["module.weight", "weight"]),
    (["module.n_averaged", "n_averaged"], ["module.n_averaged", "n_averaged"], ["module.n_averaged", "n_averaged"]),
    # Two names do not become one, and what fits nowhere stays as it is.
    (["module.0.weight", "0.weight"], KNOWN, ["module.0.weight", "0.weight"]),
    (["module.2.weight", "n_averaged"], KNOWN, ["module.2.weight", "n_averaged"]),
    ([3, "module.0.bias"], KNOWN, [3, "0.bias"]),
]


@pytest.mark.parametrize("names, known, expected", NAMES, ids=[str(n[0]) for n in NAMES])
def test_parts_of_wrappers_in_names(names, known, expected):
    found = unwrapped(names, known)
    assert list(found.values()) == expected
    assert list(found) == (names if len(expected) == len(names) else names[1:])


def test_wrapped_states_load_and_others_are_named_as_they_are():
    net = Inner()
    state = {"module.weight": [[2.0]], "module.module.weight": [[3.0]], "module.module.bias": [4.0]}
    assert net.load_state_dict(state) == ([], [])
    assert [float(p.data.item()) for p in (net.weight, net.module.weight, net.module.bias)] == [2, 3, 4]
    with pytest.raises(ValueError, match="missing: module.bias; unexpected: module.other"):
        net.load_state_dict({"module.other": 1, **{n: v for n, v in state.items() if "bias" not in n}})
    with pytest.raises(ValueError, match=r"weight has shape \(2,\), the module needs \(1, 1\)"):
        net.load_state_dict({**state, "module.weight": [1, 2]})


@pytest.mark.parametrize("layer", [nn.BatchNorm1d, nn.BatchNorm2d])
def test_a_state_may_lack_the_count_of_batches(layer):
    state = {"weight": [1, 2], "bias": [3, 4], "running_mean": [5, 6], "running_var": [7, 8]}
    norm = layer(2)
    norm.num_batches_tracked[...] = 9
    assert norm.load_state_dict(state) == ([], [])
    assert norm.running_var.tolist() == [7, 8] and int(norm.num_batches_tracked) == 9  # as PyTorch leaves it
    with pytest.raises(ValueError, match="missing: num_batches_tracked"):
        layer(2, momentum=None).load_state_dict(state)  # a plain average needs it
    with pytest.raises(ValueError, match="missing: running_mean"):
        norm.load_state_dict({name: value for name, value in state.items() if name != "running_mean"})


def test_the_count_in_pytorch():
    torch = pytest.importorskip("torch")
    norm = torch.nn.BatchNorm2d(2)
    norm.num_batches_tracked += 9
    norm.load_state_dict({name: torch.ones(2) for name in ("weight", "bias", "running_mean", "running_var")})
    assert int(norm.num_batches_tracked) == 9


@pytest.mark.parametrize("kind", [np.float16, np.float64, np.int32])
def test_other_types_of_numbers(kind):
    net = nn.Linear(2, 1)
    net.load_state_dict({"weight": np.array([[1, -2]], kind), "bias": np.array([3], kind)})
    assert net.weight.data.tolist() == [[1, -2]] and net.weight.dtype == np.float32
