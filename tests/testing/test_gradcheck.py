"""gradcheck accepts right gradients and finds planted errors of 0.1 %, wherever they are."""

import numpy as np
import pytest

import tinydl as td
from tinydl.testing.gradcheck import GradcheckError, gradcheck

RNG = np.random.default_rng(0)
SMALL, LARGE = RNG.standard_normal((3, 4)), RNG.standard_normal((40, 50))


def planted(error):
    """y = x^3 with a gradient spoilt by `error(dx)`."""

    class Cube(td.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        def backward(ctx, dy):
            (x,) = ctx.saved_tensors
            return error(3 * x**2 * dy)

    return Cube.apply


def off_by(factor, where=...):
    def error(dx):
        dx = dx.copy()
        dx[where] *= factor
        return dx
    return error


def largest_entry(dx):
    dx = dx.copy()
    dx.reshape(-1)[np.abs(dx).argmax()] *= 1.001
    return dx


# --- right gradients -------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("x", [SMALL, LARGE, np.array(2.0), np.zeros((0, 3)), np.float64(1.5)],
                         ids=lambda x: str(x.shape))
def test_a_right_gradient_passes(x):
    assert gradcheck(planted(lambda dx: dx), x) is True


def test_it_is_public():
    assert td.testing.gradcheck is gradcheck


def test_several_inputs_and_outputs():
    def f(x, y):
        product = x * y
        return product.sum(), [product.exp(), x][0]

    assert gradcheck(f, (SMALL / 2, SMALL[::-1].copy()))


def test_labels_and_frozen_tensors_are_passed_on():
    labels = np.array([0, 3, 1])
    frozen = td.tensor(np.full((3, 4), 2.0, np.float64))
    assert gradcheck(lambda x, t, y: td.nn.CrossEntropyLoss()(x * t, y), (SMALL, frozen, labels))
    assert frozen.grad is None


def test_a_tensor_used_twice():
    x = td.tensor(SMALL, requires_grad=True)
    assert gradcheck(lambda a, b: a * b, (x, x))


def test_vanishing_and_large_gradients():
    assert gradcheck(lambda x: x * 0.0, SMALL)
    assert gradcheck(lambda x: x * 1e-12, SMALL)
    assert gradcheck(lambda x: x * 1e12, SMALL)


# --- planted errors --------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("x", [SMALL, LARGE, np.array(2.0)], ids=["small", "large", "scalar"])
@pytest.mark.parametrize("factor", [1.001, 0.999, -1.0, 0.0, 2.0])
def test_a_wrong_factor_is_found(x, factor):
    with pytest.raises(GradcheckError, match=r"input 0.*backward gives.*finite differences"):
        gradcheck(planted(lambda dx: factor * dx), x)


def test_one_wrong_entry_is_found_and_named():
    x = np.sign(SMALL) * (1 + np.abs(SMALL) / 4)
    for where in np.ndindex(*x.shape):
        with pytest.raises(GradcheckError, match=rf"input 0, entry \({where[0]}, {where[1]}\)"):
            gradcheck(planted(off_by(1.001, where)), x)
    with pytest.raises(GradcheckError):
        gradcheck(planted(largest_entry), SMALL)


def test_a_wrong_row_of_a_large_gradient_is_found():
    for row in range(0, 40, 5):
        with pytest.raises(GradcheckError):
            gradcheck(planted(off_by(1.001, slice(row, row + 5))), LARGE)


def test_errors_are_found_whatever_the_scale():
    for scale in (1e-9, 1e9):
        with pytest.raises(GradcheckError):
            gradcheck(lambda x, scale=scale: planted(lambda dx: 1.001 * dx)(x) * scale, SMALL)


def test_a_missing_gradient_is_found():
    with pytest.raises(GradcheckError, match="input 1"):
        gradcheck(lambda x, y: x + y.detach(), (SMALL, SMALL + 1))


def test_nan_is_found():
    with pytest.raises(GradcheckError, match=r"input 0: the gradient at \(1, 2\) is nan"):
        gradcheck(planted(off_by(np.nan, (1, 2))), SMALL)
    with np.errstate(divide="ignore"), pytest.raises(GradcheckError):
        gradcheck(lambda x: x / 0.0, SMALL)


def test_it_can_return_instead_of_raising():
    assert gradcheck(planted(lambda dx: 1.001 * dx), SMALL, raise_exception=False) is False


# --- modules ---------------------------------------------------------------------------------------------------------

class Scale(td.nn.Module):
    """y = w * x + b with a gradient of w that is off by `error`."""

    def __init__(self, error=0.0):
        self.w, self.b = td.Parameter(np.float32([1, 2, 3, 4])), td.Parameter(np.float32([1, 1, 1, 1]))
        self.error = error

    def forward(self, x):
        right = self.w * x
        return right + right.detach() * 0.0 + (self.w - self.w.detach()) * (self.error * x.detach()) + self.b


def test_parameters_of_modules():
    x = SMALL
    assert gradcheck(Scale(), x)
    with pytest.raises(GradcheckError, match="parameter w"):
        gradcheck(Scale(0.001), x)


def test_modules_are_restored():
    net = td.nn.Sequential(td.nn.Linear(4, 3), td.nn.BatchNorm1d(3), td.nn.Tanh(), td.nn.Linear(3, 2))
    before = {name: (value, value.copy()) for name, value in net.state_dict().items()}
    net[0].weight.grad = np.ones((3, 4), np.float32)
    assert gradcheck(net, RNG.standard_normal((6, 4)))
    for name, value in net.state_dict().items():
        assert value.dtype == before[name][1].dtype and np.array_equal(value, before[name][1]), name
    assert net[0].weight.dtype == np.float32 and (net[0].weight.grad == 1).all()


def test_dropout_repeats_its_mask():
    net = td.nn.Sequential(td.nn.Linear(4, 30), td.nn.Dropout(0.5))
    state = td.random.state()
    assert gradcheck(net, SMALL)
    assert td.random.state() == state


def test_layers_on_the_kernels():
    images = RNG.permutation(2 * 3 * 6 * 6).reshape(2, 3, 6, 6) / 100 - 1
    net = td.nn.Sequential(td.nn.Conv2d(3, 5, 3, padding=1), td.nn.BatchNorm2d(5), td.nn.Tanh(), td.nn.MaxPool2d(2),
                           td.nn.Flatten(), td.nn.Linear(45, 4))
    assert gradcheck(net, images)


# --- misuse ----------------------------------------------------------------------------------------------------------

def test_float32_is_refused():
    with pytest.raises(TypeError, match="input 0 is float32"):
        gradcheck(lambda x: x, SMALL.astype(np.float32))

    class Lower(td.Function):
        @staticmethod
        def forward(ctx, x):
            return x.astype(np.float32)

    with pytest.raises(TypeError, match="result 0 is float32"):
        gradcheck(Lower.apply, SMALL)


def test_nothing_to_check_is_refused():
    with pytest.raises(TypeError, match="nothing that takes a gradient"):
        gradcheck(lambda x: x, np.arange(3))


def test_results_of_operations_are_no_leaves():
    x = td.tensor(SMALL, requires_grad=True)
    with pytest.raises(TypeError, match="not a leaf"):
        gradcheck(lambda y: y, x * 2)


def test_random_functions_are_refused():
    rng = np.random.default_rng(1)
    with pytest.raises(ValueError, match="for equal inputs"):
        gradcheck(lambda x: x * rng.standard_normal(), SMALL)


def test_other_results_are_refused():
    with pytest.raises(TypeError, match="result 0 is a ndarray"):
        gradcheck(lambda x: x.data, SMALL)


@pytest.mark.parametrize("options", [{"eps": 0}, {"eps": -1e-6}, {"rtol": 0}, {"atol": -1}, {"eps": np.nan}])
def test_bad_options_are_refused(options):
    with pytest.raises(ValueError, match="gradcheck needs eps > 0"):
        gradcheck(lambda x: x, SMALL, **options)


def test_inputs_are_left_as_they_were():
    x = td.tensor(SMALL, requires_grad=True)
    x.grad = np.ones_like(SMALL)
    data = x.data
    assert gradcheck(lambda x: x * x, x)
    assert x.data is data and (x.data == SMALL).all() and (x.grad == 1).all()
