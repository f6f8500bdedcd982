import numpy as np
import pytest

from tinydl import nn
from tinydl.inspect import conv_matrix, jacobian

CASES = {
    "plain": (lambda: nn.Conv1d(2, 2, 3), (2, 4)),
    "stride, padding, groups": (lambda: nn.Conv2d(4, 6, 3, stride=2, padding=1, groups=2), (4, 7, 6)),
    "depthwise, dilation, same": (lambda: nn.Conv2d(3, 3, 3, groups=3, dilation=2, padding="same"), (3, 7, 6)),
    "rectangular, same with a stride": (lambda: nn.Conv2d(2, 3, (3, 2), stride=(2, 1), padding="same"), (2, 6, 5)),
    "valid": (lambda: nn.Conv2d(1, 2, 2, padding="valid"), (1, 3, 4)),
    "circular": (lambda: nn.Conv1d(2, 3, 3, padding=2, padding_mode="circular"), (2, 5)),
    "reflect": (lambda: nn.Conv2d(2, 3, 3, padding=1, padding_mode="reflect"), (2, 5, 4)),
    "replicate": (lambda: nn.Conv2d(2, 3, 3, padding=1, padding_mode="replicate"), (2, 5, 4)),
    "transposed": (lambda: nn.ConvTranspose2d(4, 2, 3, stride=2, padding=1, output_padding=1, groups=2), (4, 3, 4)),
    "transposed, dilation": (lambda: nn.ConvTranspose1d(2, 3, 3, dilation=2), (2, 5)),
}


@pytest.mark.parametrize("name", CASES)
def test_equals_layer_and_jacobian(name):
    make, shape = CASES[name]
    layer = make().double()
    x = np.random.default_rng(0).normal(size=(1, *shape))
    A, y = conv_matrix(layer, shape), layer(x).data
    assert A.input_shape == shape and A.output_shape == y.shape[1:]
    np.testing.assert_allclose(A @ x.reshape(-1) + A.bias, y.reshape(-1), rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(A.toarray(), jacobian(layer, x), rtol=1e-14, atol=1e-16)
    dy = np.random.default_rng(1).normal(size=A.shape[0])
    np.testing.assert_allclose(A.T @ dy, A.toarray().T @ dy, rtol=1e-12, atol=1e-13)
    assert A.T.T.shape == A.shape and A.nnz < A.shape[0] * A.shape[1]


def test_taps_point_into_the_weight():
    layer = nn.Conv2d(2, 2, 2, bias=False)
    A = conv_matrix(layer, (2, 3, 3))
    np.testing.assert_array_equal(A.values, np.ascontiguousarray(layer.weight.data).reshape(-1)[A.taps])
    assert A.bias is None and np.bincount(A.taps).tolist() == [4] * 16  # every weight once per output position


def test_text():
    A = conv_matrix(nn.Conv1d(1, 1, 2, stride=2), (1, 5))
    assert A.pattern() == "1 2 . . .\n. . 1 2 ."
    assert repr(A) == "ConvMatrix(shape=(2, 5), nnz=4 (40 %), (1, 5) -> (1, 2))"


def test_matrix_of_columns_and_scipy():
    A = conv_matrix(nn.Conv1d(1, 2, 2), (1, 4))
    X = np.random.default_rng(0).normal(size=(4, 3))
    np.testing.assert_allclose(A @ X, A.toarray() @ X, rtol=1e-6, atol=1e-7)
    sparse = pytest.importorskip("scipy.sparse")
    assert sparse.issparse(A.toscipy())
    np.testing.assert_array_equal(A.toscipy().toarray(), A.toarray())


@pytest.mark.parametrize("call,error,message", [
    (lambda: conv_matrix(nn.Linear(2, 2), (2,)), TypeError, r"takes a convolution, got Linear; jacobian\(layer, x\)"),
    (lambda: conv_matrix(nn.Conv1d(2, 2, 3), (3, 4)), ValueError, r"samples of \(2, L\), got input_shape \(3, 4\)"),
    (lambda: conv_matrix(nn.Conv2d(2, 2, 3), (1, 2, 4, 4)), ValueError, r"samples of \(2, H, W\)"),
    (lambda: conv_matrix(nn.Conv1d(1, 1, 3), (1, 2)), ValueError, "larger than the padded input"),
    (lambda: conv_matrix(nn.Conv1d(1, 1, 3), (1, 5)) @ np.zeros((1, 5)), ValueError, "multiplies 5 entries")])
def test_bad_arguments(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_transposed_same():
    layer = nn.ConvTranspose1d(2, 3, 4, stride=3, padding="same")
    x = np.random.default_rng(0).normal(size=(2, 5)).astype(np.float32)
    matrix = conv_matrix(layer, (2, 5))
    y = matrix.toarray() @ x.reshape(-1) + matrix.bias
    assert y.shape == (3 * 15,)
    np.testing.assert_allclose(y, layer(x[None]).data.reshape(-1), rtol=1e-5, atol=1e-6)
