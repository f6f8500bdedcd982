"""Random small nets: the same outputs, gradients and statistics whoever computes them."""

import collections

import pytest


@pytest.fixture(scope="module")
def random_nets(program):
    return program("random_nets")


def each(trials, check):
    """{number of the net: what is wrong} over all nets."""
    return {seed: wrong for seed in range(trials("random nets")) if (wrong := check(seed))}


def test_deferral_on_and_off(random_nets, trials):
    kinks = []

    def check(seed):
        wrong, kink = random_nets.compare(seed, random_nets.at_once)
        kinks.extend([seed] * kink)
        return wrong

    assert not each(trials, check)
    assert len(kinks) <= trials("random nets") // 100


def test_against_pytorch(random_nets, trials):
    pytest.importorskip("torch")
    kinks = []

    def check(seed):
        wrong, kink = random_nets.compare(seed, random_nets.theirs)
        kinks.extend([seed] * kink)
        return wrong

    assert not each(trials, check)
    assert len(kinks) <= trials("random nets") // 100


def test_frozen(random_nets, trials):
    assert not each(trials, random_nets.frozen)


def test_gradients_by_finite_differences(random_nets, trials):
    assert not each(trials, random_nets.slope)


def test_the_nets_hold_what_they_should(random_nets):
    """Every kind of node and setting that the proof speaks of is drawn, and a wrong value would be seen."""
    plans = [random_nets.nets.draw(seed) for seed in range(600)]
    nodes = [node for plan in plans for node in plan.nodes]
    kinds = collections.Counter(node.kind for node in nodes)
    layers = {f"{name}{axes}d" for axes in (1, 2) for name in (
        "Conv", "ConvTranspose", "BatchNorm", "MaxPool", "AvgPool", "AdaptiveMaxPool", "AdaptiveAvgPool")}
    layers |= {"LayerNorm", "Linear", "Flatten", "ReLU", "LeakyReLU", "ELU", "GELU", "Hardswish", "Mish", "Sigmoid",
               "SiLU", "Tanh", "Softmax", "LogSoftmax", "add", "mul", "concatenate", "scale", "turn", "part"}
    assert layers == set(kinds) and min(kinds.values()) >= 10
    for name, value in (("groups", 2), ("dilation", 2), ("stride", 2), ("padding", "same"), ("ceil_mode", True)):
        assert sum(node.settings.get(name) == value for node in nodes) >= 10, name
    depthwise = [n for n in nodes if 1 < n.settings.get("groups", 1) == n.settings.get("in_channels")]
    assert len(depthwise) >= 10
    assert sum(n.hooked for n in nodes) >= 10 <= sum(n.without_gradient for n in nodes)
    readers = [collections.Counter(i for node in plan.nodes for i in node.inputs) for plan in plans]
    assert sum(max(count.values()) > 1 for count in readers) >= 100
    assert {plan.training for plan in plans} == {True, False}

    def off(plan, values):
        return {name: value if value is None else value * (1 + 1e-8)
                for name, value in random_nets.ours(plan, values).items()}

    assert sum(bool(random_nets.compare(seed, off)[0]) for seed in range(10)) >= 8
