import numpy as np
import pytest

import tinydl as td


def test_worked_graph():
    """f = (x + y) z at (-2, 5, -4): f = -12, gradient (-4, -4, 3)."""
    x, y, z = (td.tensor(v, requires_grad=True) for v in (-2.0, 5.0, -4.0))
    f = (x + y) * z
    f.backward()
    assert f.item() == -12
    assert [x.grad.item(), y.grad.item(), z.grad.item()] == [-4, -4, 3]


def test_a_node_used_several_times_sums_its_children():
    x = td.tensor([3.0], requires_grad=True)
    (x * x + x * x * x - x).sum().backward()
    assert x.grad.tolist() == [2 * 3 + 3 * 9 - 1]


@pytest.mark.parametrize(
    "shapes",
    [
        ((3, 4), (3, 4)),
        ((3, 4), (4,)),
        ((4,), (3, 4)),
        ((3, 1), (1, 4)),
        ((), (2, 3)),
        ((2, 3, 4, 5), (3, 1, 1)),
        ((1, 3), (2, 1, 1)),
        ((), ()),
    ],
    ids=str,
)
def test_gradients_with_broadcasting(gradcheck, shapes):
    rng = np.random.default_rng(0)
    x, y = (rng.uniform(0.5, 2, shape) for shape in shapes)
    for f in (lambda a, b: a + b, lambda a, b: a - b, lambda a, b: a * b, lambda a, b: a / b, lambda a, b: a**b):
        gradcheck(f, x, y)


def test_scalars_keep_the_type():
    for dtype in (np.float32, np.float64):
        x = td.tensor(np.ones(3, dtype))
        for y in (
            x + 1,
            1 + x,
            x * 2.5,
            2.5 * x,
            x - np.float64(1),
            1 / x,
            x / 3,
            x**2,
            2**x,
            -x,
            x * np.ones(3),
            np.ones(3) * x,
            x - np.ones(3, np.float32),
            np.float64(2) * x,
        ):
            assert isinstance(y, td.Tensor) and y.dtype == dtype, y


def test_zero_dimensional_results_are_arrays():
    x, y = td.tensor(2.0, requires_grad=True), td.tensor(3.0, requires_grad=True)
    for f in (lambda: x - y, lambda: x * y, lambda: x / y, lambda: x**y, lambda: -x, lambda: abs(x), lambda: x.exp()):
        z = f()
        assert type(z.data) is np.ndarray and z.shape == ()
        z.backward()
        assert type(x.grad) is np.ndarray


def test_power_at_zero():
    x = td.tensor([0.0, 2.0], requires_grad=True)
    (x**0).sum().backward()
    assert x.grad.tolist() == [0, 0]
    x.grad = None
    (x**1).sum().backward()
    assert x.grad.tolist() == [1, 1]
    e = td.tensor([2.0, 2.0], requires_grad=True)
    (td.tensor([0.0, 1.0]) ** e).sum().backward()
    assert e.grad.tolist() == [0, 0]


def test_channels_last_memory_stays():
    x = td.tensor(td.ops.astype(td.tensor(np.zeros((2, 5, 3, 4))), "float64"))
    image = td.Tensor(np.zeros((2, 3, 4, 5)).transpose(0, 3, 1, 2), requires_grad=True)
    for y in (image * 2, image - image, -image, image / 3.0, image**2):
        assert y.data.strides == image.data.strides
    (image * image).backward(np.ones(image.shape))
    assert image.grad.strides == image.data.strides
    assert x.shape == (2, 5, 3, 4)


def test_inputs_are_never_written():
    a, b = np.arange(4.0), np.ones(4)
    a.flags.writeable = b.flags.writeable = False
    x, y = td.Tensor(a, requires_grad=True), td.Tensor(b, requires_grad=True)
    (x * y - x / y + x - y).sum().backward()
    assert a.tolist() == [0, 1, 2, 3]


def test_unknown_operands_are_refused():
    x = td.tensor([1.0])
    with pytest.raises(TypeError, match="unsupported operand"):
        x + "1"
    with pytest.raises(TypeError, match="complex128|combined"):
        td.ops.mul(x, 1j)
    with pytest.raises(ValueError, match="broadcast"):
        td.tensor(np.ones((2, 3))) * td.tensor(np.ones((4,)))


def test_integers_divide_to_float32():
    x = td.tensor(np.array([1, 2]), dtype="int64")
    assert (x / 2).dtype == np.float32 and (x / x).dtype == np.float32
    assert (x / 2).data.tolist() == [0.5, 1]


@pytest.mark.parametrize("function", [td.ops.add, td.ops.sub, td.ops.mul, td.ops.div, td.ops.maximum, td.ops.minimum])
@pytest.mark.parametrize("kind", [np.int64, np.int32, np.uint8, bool])
def test_integers_that_meet_floats_take_their_type(function, kind):
    counts, values = np.array([3, 2, 1]).astype(kind), np.array([0.5, -1, 4], np.float32)
    for dtype in (np.float32, np.float64):
        w = values.astype(dtype)
        for one, other in ((td.tensor(counts), td.tensor(w)), (td.tensor(counts), w), (counts, td.tensor(w))):
            for x, y in ((one, other), (other, one)):
                z = function(x, y)
                assert z.dtype == dtype
                expected = {"sub": np.subtract, "mul": np.multiply, "div": np.divide, "add": np.add,
                            "maximum": np.maximum, "minimum": np.minimum}[function.__name__]
                x, y = (np.asarray(v, np.float64) for v in (x, y))
                np.testing.assert_allclose(z.data, expected(x, y), 1e-6)


def test_powers_of_integers_are_integers():
    x = td.tensor(np.array([3, -2, 7]))
    assert (x**2).dtype == np.int64 and (x**2).data.tolist() == [9, 4, 49]
    assert (td.tensor(np.array([3])) ** 39).item() == 3**39  # beyond what a float holds
    assert (x ** td.tensor(np.array([0, 3, 1]))).data.tolist() == [1, -8, 7]
    assert (x**0.5).dtype == np.float32 and (x[0] ** 0.5).item() == pytest.approx(3**0.5)
    with pytest.raises(ValueError, match="negative integer powers"):
        x**-1


def test_quotients_and_means_of_integers_are_floats():
    x = td.tensor(np.array([3, 2, 2**24 + 1]))
    assert (x / td.tensor(np.array([2, 4, 1]))).data.tolist() == [1.5, 0.5, 2**24]
    assert (x / 2).dtype == np.float32
    big = td.tensor(np.array([2**24 + 1, 2**24 + 1, -(2**25) - 2 + 3]))
    assert big.mean().dtype == np.float32 and big.mean().item() == 1
    assert td.tensor(np.array([[True, False], [True, True]])).mean(0).data.tolist() == [1, 0.5]


def test_signs_are_numpys():
    assert td.ops.sign(td.tensor(np.array([-3, 0, 5]))).data.tolist() == [-1, 0, 1]
    np.testing.assert_array_equal(td.ops.sign(td.tensor([np.nan, -0.5, np.inf])).data, [np.nan, -1, 1])
