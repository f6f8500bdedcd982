import warnings

import numpy as np
import pytest

import tinydl as td


def test_worked_example():
    """z = (1, 2, 3), label 2: loss .407606, gradient (.090031, .244728, -.334759)."""
    z = td.tensor(np.array([[1.0, 2.0, 3.0]]), requires_grad=True)
    loss = td.ops.cross_entropy(z, [2])
    loss.backward()
    assert loss.item() == pytest.approx(0.407606, abs=1e-6)
    np.testing.assert_allclose(z.grad, [[0.090031, 0.244728, -0.334759]], atol=1e-6)


def test_stable_for_large_logits():
    z = td.tensor([[1e4, 0.0, -1e4], [1e38, -1e38, 0.0]], requires_grad=True)
    loss = td.ops.cross_entropy(z, [1, 0], reduction="none")
    assert loss.data.tolist() == [1e4, 0]
    loss.sum().backward()
    assert z.grad.tolist() == [[1, -1, 0], [0, 0, 0]]


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("shape", [(6, 4), (3, 4, 5), (2, 4, 3, 2), (4,)])
def test_gradient(gradcheck, reduction, shape):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, shape[:1] + shape[2:] if len(shape) > 1 else ())
    x = rng.normal(size=shape)
    gradcheck(lambda t: td.ops.cross_entropy(t, labels, reduction=reduction), x)
    gradcheck(lambda t: td.ops.cross_entropy(t, labels, [1, 2, 0.5, 3], -100, reduction, 0.2), x)
    log_p = td.ops.log_softmax(td.tensor(x), 1 if len(shape) > 1 else 0)
    np.testing.assert_allclose(
        td.ops.nll(log_p, labels, [1, 2, 0.5, 3], reduction=reduction).data,
        td.ops.cross_entropy(td.tensor(x), labels, [1, 2, 0.5, 3], reduction=reduction).data,
        rtol=1e-6,
    )
    gradcheck(lambda t: td.ops.nll(t, labels, [1, 2, 0.5, 3], reduction=reduction), x)


@pytest.mark.parametrize("loss", [td.ops.cross_entropy, td.ops.nll])
def test_ignored_rows_leave_the_count(loss):
    x = td.tensor(np.log([[0.25, 0.75], [0.5, 0.5], [0.9, 0.1]]), requires_grad=True)
    value = loss(x, np.array([0, -100, 1]))
    assert value.item() == pytest.approx((-np.log(0.25) - np.log(0.1)) / 2)
    value.backward()
    assert not x.grad[1].any()
    assert np.isnan(loss(x, np.array([-100] * 3)).item())
    assert loss(x, np.array([-100] * 3), reduction="sum").item() == 0


@pytest.mark.parametrize("loss", [td.ops.cross_entropy, td.ops.nll])
def test_bad_labels(loss):
    z = td.tensor(np.zeros((4, 3)))
    with pytest.raises(ValueError, match="row 2 holds 3, expected a class from 0 to 2"):
        loss(z, np.array([0, 1, 3, 2]))
    with pytest.raises(ValueError, match="row 0 holds -1"):
        loss(z, np.array([-1, 1, 3, 2]))
    # As int64 they would be -100, which is ignored, and -1.
    for label in (2**64 - 100, 2**64 - 1):
        with pytest.raises(ValueError, match=f"row 1 holds {label}, expected a class from 0 to 2"):
            loss(z, np.array([0, label, 1, 2], np.uint64))
    assert loss(z, np.array([0, 1, 1, 2], np.uint64)).item() == loss(z, np.array([0, 1, 1, 2])).item()
    with pytest.raises(TypeError, match=r"integer labels, got float64; convert with labels.astype\('int64'\)"):
        loss(z, np.zeros(4))
    with pytest.raises(TypeError, match="integer labels, got bool"):
        loss(z, np.zeros(4, bool))
    with pytest.raises(ValueError, match=r"one-hot labels become classes with labels.argmax\(1\)"):
        loss(z, np.eye(3, dtype=int)[[0, 1, 2, 0]])
    with pytest.raises(ValueError, match=r"need labels of shape \(4,\), got \(3,\)"):
        loss(z, np.zeros(3, int))
    with pytest.raises(ValueError, match=r"reshape them with labels.reshape\(\(4,\)\)"):
        loss(z, np.zeros((4, 1), int))
    with pytest.raises(ValueError, match="one entry for each of the 3 classes"):
        loss(z, np.zeros(4, int), weight=[1, 2])
    with pytest.raises(ValueError, match="'mean', 'sum' or 'none', got 'avg'"):
        loss(z, np.zeros(4, int), reduction="avg")


def test_softmax_before_the_loss_warns():
    x = td.tensor(np.zeros((2, 3)), requires_grad=True)
    with pytest.warns(UserWarning, match="remove the softmax layer"):
        td.ops.cross_entropy(td.ops.softmax(x), [0, 1])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        td.ops.cross_entropy(x * 1, [0, 1])


def test_integer_types_of_labels():
    z = td.tensor(np.random.default_rng(0).normal(size=(3, 4)))
    expected = td.ops.cross_entropy(z, [0, 1, 3]).item()
    for dtype in ("int8", "uint8", "int32", ">i4", "uint64"):
        assert td.ops.cross_entropy(z, np.array([0, 1, 3], dtype)).item() == expected
    assert td.ops.cross_entropy(z, td.tensor([0, 1, 3], dtype="int64")).item() == expected


def test_label_smoothing_range():
    with pytest.raises(ValueError, match="label_smoothing must be a finite number >= 0 and <= 1, got 1.5"):
        td.ops.cross_entropy(td.tensor(np.zeros((1, 2))), [0], label_smoothing=1.5)


@pytest.mark.parametrize("loss", [td.ops.cross_entropy, td.ops.nll])
def test_the_ignored_label_is_an_integer_that_labels_can_be(loss):
    x = td.tensor(np.zeros((2, 3), "f4"))
    with pytest.raises(TypeError, match="ignore_index must be an integer, got 1.5"):
        loss(x, [0, 1], ignore_index=1.5)
    with pytest.raises(ValueError, match="ignore_index must be"):
        loss(x, [0, 1], ignore_index=10**30)


@pytest.mark.parametrize("wrong", [np.inf, -np.inf, np.nan])
def test_weights_that_are_not_finite(wrong):
    z = td.tensor([[0.0, 0.0]])
    with pytest.raises(ValueError, match=r"with label_smoothing every weight must be finite, got \[1\.0, "):
        td.ops.cross_entropy(z, [0], weight=[1, wrong], label_smoothing=0.1)
    # Alone the weight of another class counts for nothing, and its own says what it weighs.
    assert td.ops.cross_entropy(z, [0], weight=[1, wrong], reduction="sum").item() == pytest.approx(np.log(2))
    np.testing.assert_array_equal(td.ops.cross_entropy(z, [1], weight=[1, wrong], reduction="sum").item(), wrong)
