"""program: the steps of a network, and where their values lie."""

import numpy as np
import pytest

import tinydl as td
from tinydl import nn
from tinydl.export.program import laid, program, seen


def test_norms_and_activations_are_in_the_steps_before_them():
    steps = program(td.models.resnet20(), (3, 32, 32), "test")
    assert [step.kind for step in steps.steps] == ["conv"] * 21 + ["mean", "conv"]
    assert sum(step.residual is not None for step in steps.steps) == 9
    assert steps.macs == 40_813_184 and steps.output_shape == (10,)


def test_stores_that_live_at_once_do_not_overlap(case):
    net, shape, _ = case
    steps = program(net, shape, "test")
    places, block = steps.places()
    users = {s: [k for k, step in enumerate(steps.steps) if s in (step.x, step.y, step.residual)] for s in places}
    for one, at in places.items():
        assert 0 <= at <= block - steps.sizes[one]
        for other, there in places.items():
            apart = at + steps.sizes[one] <= there or there + steps.sizes[other] <= at
            never = max(users[one]) < min(users[other]) or max(users[other]) < min(users[one])
            assert one == other or apart or never


def test_the_order_of_memory():
    x = np.arange(24).reshape(2, 3, 2, 2)
    assert laid(x)[0].tolist() == [0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11]
    assert np.array_equal(seen(laid(x), (3, 2, 2)), x)
    assert np.array_equal(seen(laid(x[:, :, 0]), (3, 2)), x[:, :, 0])
    assert np.array_equal(seen(laid(x[:, :, 0, 0]), (3,)), x[:, :, 0, 0])


REFUSED = {
    r"Softmax \(1\) has no form in steps .* leave it out": (nn.Sequential(nn.Linear(4, 2), nn.Softmax(1)), (4,)),
    "Identity returns its input": (nn.Identity() if hasattr(nn, "Identity") else nn.Sequential(), (4,)),
    "input_shape is the shape of one sample": (nn.Linear(4, 2), ()),
}


@pytest.mark.parametrize("words", REFUSED)
def test_refused(words):
    model, shape = REFUSED[words]
    words = words if hasattr(nn, "Identity") else words.replace("Identity", "Sequential")
    with pytest.raises(ValueError, match=f"test: {words}"):
        program(model, shape, "test")
