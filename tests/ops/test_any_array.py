"""Weights, biases, statistics and targets may be any array a user can make, as inputs may."""

import numpy as np
import pytest

import tinydl as td
from tinydl import ops

RNG = np.random.default_rng(0)


def forms(array):
    """(name, the same numbers in another form) for everything that an array may be."""
    wide = np.zeros([2 * n for n in array.shape], array.dtype)[tuple(slice(None, None, 2) for _ in array.shape)]
    wide[...] = array
    back = (slice(None, None, -1),) * array.ndim
    memory = bytearray(array.nbytes + 1)
    misaligned = np.frombuffer(memory, np.uint8)[1:].view(array.dtype).reshape(array.shape)
    misaligned[...] = array
    locked = array.copy()
    locked.flags.writeable = False
    yield from (("strided", wide), ("reversed", np.ascontiguousarray(array[back])[back]), ("misaligned", misaligned),
                ("row-major", np.array(array, order="C")), ("column-major", np.array(array, order="F")),
                ("big-endian", array.astype(array.dtype.newbyteorder(">"))), ("read-only", locked))


def normal(*shape):
    return RNG.normal(size=shape)


def positive(*shape):
    return RNG.uniform(0.1, 1, shape)


LABELS = np.array([0, 1, 2, 1])
CALLS = {
    "linear": (ops.linear, normal(3, 4), normal(5, 4), normal(5)),
    "conv1d": (ops.conv1d, normal(2, 3, 6), normal(4, 3, 3), normal(4)),
    "conv1d by channels": (lambda x, w, b: ops.conv1d(x, w, b, groups=3), normal(2, 3, 6), normal(3, 1, 3), normal(3)),
    "conv2d": (ops.conv2d, normal(2, 3, 6, 5), normal(4, 3, 3, 3), normal(4)),
    "conv2d in groups": (lambda x, w, b: ops.conv2d(x, w, b, groups=2), normal(2, 4, 6, 5), normal(6, 2, 3, 3),
                         normal(6)),
    "conv2d by channels": (lambda x, w, b: ops.conv2d(x, w, b, groups=4), normal(2, 4, 6, 5), normal(4, 1, 3, 3),
                           normal(4)),
    "winograd": (lambda x, w, b: ops.conv2d(x, w, b, padding=1), normal(2, 16, 16, 16), normal(16, 16, 3, 3),
                 normal(16)),
    "conv_transpose1d": (ops.conv_transpose1d, normal(2, 3, 6), normal(3, 4, 3), normal(4)),
    "conv_transpose2d": (ops.conv_transpose2d, normal(2, 3, 6, 5), normal(3, 4, 3, 3), normal(4)),
    "batch_norm": (ops.batch_norm, normal(8, 4), normal(4), normal(4)),
    "layer_norm": (lambda x, w, b: ops.layer_norm(x, 4, w, b), normal(8, 4), normal(4), normal(4)),
    "group_norm": (lambda x, w, b: ops.group_norm(td.tensor(x) if isinstance(x, list) else x, 2, w, b), normal(3, 4, 5),
                   normal(4), normal(4)),
    "matmul": (lambda a, b: ops.matmul(a, b), normal(3, 4), normal(4, 5)),
    "mse": (ops.mse, normal(3, 4), normal(3, 4)),
    "huber": (ops.huber, normal(3, 4), normal(3, 4)),
    "bce_with_logits": (ops.bce_with_logits, normal(3, 4), positive(3, 4), positive(3, 4)),
    "cross_entropy": (lambda x, w: ops.cross_entropy(x, LABELS, w), normal(4, 3), positive(3)),
    "nll": (lambda x, w: ops.nll(x, LABELS, w), normal(4, 3), positive(3)),
    "softmax": (ops.softmax, normal(4, 3)),
    "relu": (ops.relu, normal(2, 3, 4, 4)),
    "gelu": (ops.gelu, normal(2, 3, 4, 4)),
    "max_pool2d": (lambda x: ops.max_pool2d(x, 2), normal(2, 3, 4, 4)),
    "avg_pool2d": (lambda x: ops.avg_pool2d(x, 2), normal(2, 3, 4, 4)),
}


FACTORS = {"cross_entropy": 1, "nll": 1, "bce_with_logits": 2}  # the argument from which on


def results(call, arguments):
    """The value, and the gradients of those arguments that take one."""
    y = call(*arguments)
    if y.requires_grad:
        y.backward(np.cos(np.arange(y.size)).reshape(y.shape))
    return [y.numpy(), *[x.grad for x in arguments if isinstance(x, td.Tensor) and x.requires_grad]]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", CALLS)
def test_every_argument_may_be_any_array(name, dtype):
    call, *arrays = CALLS[name]
    arrays = [array.astype(dtype) for array in arrays]
    for k in range(len(arrays)):
        for wrap in (lambda x: x, td.Tensor, lambda x: td.Tensor(x, requires_grad=True)):
            if getattr(wrap(arrays[k]), "requires_grad", False) and name in FACTORS and k >= FACTORS[name]:
                continue  # factors of a loss have no gradient
            expected = results(call, [wrap(a) if j == k else a for j, a in enumerate(arrays)])
            for form, array in forms(arrays[k]):
                got = results(call, [wrap(array) if j == k else a for j, a in enumerate(arrays)])
                for one, other in zip(got, expected, strict=True):
                    np.testing.assert_allclose(one, other, 1e-5 if dtype == np.float32 else 1e-13, 1e-6,
                                               err_msg=f"argument {k}, {form}")


@pytest.mark.parametrize("name", CALLS)
def test_every_argument_may_be_a_list(name):
    call, *arrays = CALLS[name]
    arrays = [array.astype(np.float32) for array in arrays]
    expected = call(*arrays).numpy()
    for k in range(len(arrays)):
        got = call(*[a.tolist() if j == k else a for j, a in enumerate(arrays)])
        np.testing.assert_allclose(got.numpy(), expected, 1e-5, 1e-6)
        assert got.dtype == np.float32


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("training", [True, False])
def test_running_statistics_may_be_any_array(training, dtype):
    x = normal(8, 4).astype(dtype)
    start = positive(4).astype(dtype)
    own = [start.copy(), start.copy()]
    expected = ops.batch_norm(x, None, None, *own, training).numpy()
    for form, array in forms(start):
        if form == "read-only" and training:
            with pytest.raises(ValueError, match="read-only|writeable"):
                ops.batch_norm(x, None, None, array, start.copy(), training)
            continue
        other = start.copy()
        y = ops.batch_norm(x, None, None, array, other, training).numpy()
        np.testing.assert_allclose(y, expected, 1e-6, err_msg=form)
        np.testing.assert_allclose(array.astype(dtype), own[0], 1e-6, err_msg=form)
        np.testing.assert_allclose(other, own[1], 1e-6, err_msg=form)


def test_labels_may_be_any_array():
    x = normal(4, 3).astype(np.float32)
    for loss in (ops.cross_entropy, ops.nll):
        expected = loss(x, LABELS).item()
        for form, labels in forms(LABELS):
            assert loss(x, labels).item() == expected, form
        assert loss(x, LABELS.tolist()).item() == expected == loss(x, td.tensor(LABELS)).item()


@pytest.mark.parametrize("name", FACTORS)
def test_factors_that_require_a_gradient_are_refused(name):
    call, *arrays = CALLS[name]
    arrays[FACTORS[name]] = td.tensor(arrays[FACTORS[name]], requires_grad=True)
    with pytest.raises(TypeError, match=f"{name}: weight has no gradient"):
        call(*arrays)
    with td.no_grad():
        call(*arrays)


@pytest.mark.parametrize(("call", "error", "message"), [
    (lambda: ops.conv2d(np.ones((1, 2, 8, 8)), np.ones((6, 2, 3, 3)), np.ones((2, 3))), ValueError,
     r"conv2d: the bias must have one entry for each of the 6 output channels, got shape \(2, 3\)"),
    (lambda: ops.conv2d(np.ones((1, 4, 8, 8)), np.ones((4, 1, 3, 3)), np.ones(3), groups=4), ValueError,
     "4 output channels"),
    (lambda: ops.linear(np.ones((1, 2)), np.ones((6, 2)), np.ones((6, 1))), ValueError, "linear: the bias"),
    (lambda: ops.linear(np.ones((1, 2)), np.ones(2)), ValueError, r"a weight \(out, in\), got shape \(2,\)"),
    (lambda: ops.linear(np.ones((1, 2)), np.ones((6, 2)), np.ones(6, "f")), TypeError, "float64 weight and a float32"),
    (lambda: ops.batch_norm(np.ones((4, 2)), np.ones(2), np.ones(2, "f")), TypeError, "float32 parameters"),
    (lambda: ops.batch_norm(np.ones((4, 2)), None, None, [0, 0], np.ones(2)), TypeError,
     "running_mean must be a NumPy array, which training updates in place, got"),
])
def test_what_does_not_fit_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call()
