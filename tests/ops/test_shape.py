import re

import numpy as np
import pytest

import tinydl as td

X = np.random.default_rng(0).normal(size=(2, 3, 4, 5))
CHANNELS_LAST = np.random.default_rng(0).normal(size=(2, 4, 5, 3)).transpose(0, 3, 1, 2)


@pytest.mark.parametrize(
    "f, g",
    [
        (lambda x: x.reshape(6, -1), lambda x: x.reshape(6, -1)),
        (lambda x: x.reshape((-1,)), lambda x: x.reshape(-1)),
        (lambda x: td.ops.reshape(x, 120), lambda x: x.reshape(120)),
        (lambda x: x.reshape(2, 3, 20, 1), lambda x: x.reshape(2, 3, 20, 1)),
        (lambda x: x.flatten(), lambda x: x.reshape(-1)),
        (lambda x: x.flatten(1), lambda x: x.reshape(2, -1)),
        (lambda x: x.flatten(1, 2), lambda x: x.reshape(2, 12, 5)),
        (lambda x: x.permute(3, 1, 0, 2), lambda x: x.transpose(3, 1, 0, 2)),
        (lambda x: x.permute((0, 2, 3, -3)), lambda x: x.transpose(0, 2, 3, 1)),
        (lambda x: x.transpose(1, 3), lambda x: x.swapaxes(1, 3)),
        (lambda x: x.transpose(), lambda x: x.T),
        (lambda x: x.T, lambda x: x.T),
        (lambda x: x.transpose(3, 2, 1, 0), lambda x: x.T),
        (lambda x: x.unsqueeze(2), lambda x: x[:, :, None]),
        (lambda x: x.unsqueeze(-1).squeeze(), lambda x: x),
        (lambda x: td.ops.squeeze(x[:1, :1], (0, 1)), lambda x: x[0, 0]),
        (
            lambda x: td.ops.broadcast_to(x[:, :1], (7, 2, 3, 4, 5)),
            lambda x: np.broadcast_to(x[:, :1], (7, 2, 3, 4, 5)),
        ),
        (lambda x: td.ops.pad(x, (1, 2)), lambda x: np.pad(x, ((0, 0),) * 3 + ((1, 2),))),
        (
            lambda x: td.ops.pad(x, (1, 2, 3, 0), "reflect"),
            lambda x: np.pad(x, ((0, 0), (0, 0), (3, 0), (1, 2)), "reflect"),
        ),
        (
            lambda x: td.ops.pad(x, (0, 2, 4, 1), "replicate"),
            lambda x: np.pad(x, ((0, 0), (0, 0), (4, 1), (0, 2)), "edge"),
        ),
        (lambda x: td.ops.pad(x, (0, 5), "circular"), lambda x: np.pad(x, ((0, 0),) * 3 + ((0, 5),), "wrap")),
    ],
)
@pytest.mark.parametrize("values", [X, CHANNELS_LAST], ids=["C order", "channels-last"])
def test_as_numpy_and_gradients(gradcheck, f, g, values):
    np.testing.assert_array_equal(f(td.tensor(values)).data, g(values))
    gradcheck(f, values)


def test_flatten_keeps_the_logical_order():
    image = td.Tensor(np.arange(24.0).reshape(1, 3, 4, 2).transpose(0, 3, 1, 2))
    assert image.flatten(1).data.tolist() == [[*range(0, 24, 2), *range(1, 24, 2)]]


def test_flatten_of_nothing_to_merge():
    x = td.tensor([[1.0, 2.0]])
    assert x.flatten(1) is x
    assert td.tensor(3.0).flatten().shape == (1,)


def test_astype_passes_gradients():
    x = td.tensor([1.0, 2.0], requires_grad=True)
    y = x.astype("float64") * 3
    assert y.dtype == np.float64
    y.sum().backward()
    assert x.grad.dtype == np.float32 and x.grad.tolist() == [3, 3]
    assert x.astype("int64").dtype == np.int64


@pytest.mark.parametrize(
    "f, message",
    [
        (lambda x: x.reshape(7, -1), "120 entries of shape .* do not fill"),
        (lambda x: x.reshape(-1, -1), "only one length can be -1"),
        (lambda x: x.reshape(5, 5), "has 120 entries, .* has 25"),
        (lambda x: x.reshape(-2, 60), "negative length"),
        (lambda x: x.permute(0, 1), "no order of the 4 axes"),
        (lambda x: x.squeeze(1), "has length 3, not 1"),
        (lambda x: x.flatten(2, 1), "comes after"),
        (lambda x: td.ops.pad(x, (1, 2, 3)), "pairs"),
        (lambda x: td.ops.pad(x, (-1, 2)), "negative width"),
        (lambda x: td.ops.pad(x, (5, 0), "reflect"), "at most 4 entries"),
        (lambda x: td.ops.pad(x, (1, 0), "mirror"), "'constant', 'reflect'"),
        (lambda x: td.ops.broadcast_to(x, (3, 3, 4, 5)), "broadcast"),
    ],
)
def test_bad_arguments(f, message):
    with pytest.raises(ValueError, match=message):
        f(td.tensor(X))


def test_wrong_types():
    with pytest.raises(TypeError, match="takes integers"):
        td.tensor(X).reshape(2.5, 4)
    with pytest.raises(TypeError, match="float32 or float64, got float16"):
        td.tensor(X).astype("float16")


@pytest.mark.parametrize("mode", ["constant", "reflect", "replicate", "circular"])
def test_pad_of_an_empty_batch(mode):
    x = td.tensor(np.ones((0, 3, 4, 4)), requires_grad=True)
    y = td.ops.pad(x, (1, 1, 1, 1), mode)
    assert y.shape == (0, 3, 6, 6)
    y.sum().backward()
    assert x.grad.shape == (0, 3, 4, 4)
    with pytest.raises(ValueError, match="at most|no edge"):
        td.ops.pad(td.tensor(np.ones((2, 0))), (1, 1), "reflect" if mode == "constant" else mode)


def test_integers_are_padded_with_what_they_can_hold():
    x = td.tensor(np.array([1, 2], "u1"))
    assert td.ops.pad(x, (1, 0), value=255).numpy().tolist() == [255, 1, 2]
    assert td.ops.pad(x.astype("i1"), (1, 0), value=127).numpy().tolist() == [127, 1, 2]
    for value in (0.5, 256, -1, 1e38, np.nan):
        with pytest.raises(ValueError, match="pad: an array of uint8 holds no " + re.escape(str(float(value)))):
            td.ops.pad(x, (1, 0), value=value)
