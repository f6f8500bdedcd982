"""The worked numbers of docs/3-convolution.md."""

import numpy as np
import pytest

import tinydl as td
from tinydl import nn, ops
from tinydl.inspect import conv_matrix, jacobian, receptive_field, summary


def conv(weight, bias=None, **options):
    """A convolution layer with the given filters (O, C, K) or (O, C, KH, KW)."""
    weight = np.asarray(weight, np.float32)
    kind = nn.Conv1d if weight.ndim == 3 else nn.Conv2d
    channels = weight.shape[1] * options.get("groups", 1)
    layer = kind(channels, weight.shape[0], weight.shape[2:], bias=bias is not None, **options)
    layer.weight.data = weight
    if bias is not None:
        layer.bias.data = np.asarray(bias, np.float32)
    return layer


# --- values --------------------------------------------------------------------------------------------------------

def test_convolution_of_10_entries_with_a_filter_of_3_gives_8():
    x = np.arange(10, dtype=np.float32)[None, None]
    y = conv([[[1, 10, 100]]])(x).data
    assert y.shape == (1, 1, 8)
    assert y[0, 0].tolist() == [210, 321, 432, 543, 654, 765, 876, 987]


def test_second_difference():
    """(1, -2, 1) gives h^2 f'' + O(h^4): 0.02 everywhere on x^2 with h = 0.1."""
    h = 0.1
    layer = conv([[[1, -2, 1]]]).double()
    x = h * np.arange(12)
    np.testing.assert_allclose(layer(x[None, None] ** 2).data, np.full((1, 1, 10), 0.02), rtol=1e-12)
    error = [np.abs(layer(np.sin(s * np.arange(12))[None, None]).data[0, 0] + s**2 * np.sin(s * np.arange(1, 11))).max()
             for s in (0.1, 0.05)]
    assert 12 < error[0] / error[1] < 40  # O(h^4): sixteen times, and more as the ends of the range differ


def test_identity_filter_on_3x3():
    image = np.float32([[1, 2, 3], [4, 5, 6], [1, 5, 3]])
    assert conv([[[[1, 0], [0, 1]]]])(image[None, None]).data[0, 0].tolist() == [[6, 8], [9, 8]]


BINARY = np.float32([[1, 1, 1, 0, 0], [0, 1, 1, 1, 0], [0, 0, 1, 1, 1], [0, 0, 1, 1, 0], [0, 1, 1, 0, 0]])[None, None]
CROSS = [[[[1, 0, 1], [0, 1, 0], [1, 0, 1]]]]


@pytest.mark.parametrize("stride,expected", [(1, [[4, 3, 4], [2, 4, 3], [2, 3, 4]]), (2, [[4, 4], [2, 4]])])
def test_binary_image_and_cross(stride, expected):
    assert conv(CROSS, stride=stride)(BINARY).data[0, 0].tolist() == expected
    with td.conv_algorithm("direct"):
        assert conv(CROSS, bias=[10], stride=stride)(BINARY).data[0, 0].tolist() == (np.array(expected) + 10).tolist()


@pytest.mark.parametrize("size,filters,options,expected", [
    (7, 1, {}, (1, 5, 5)), (7, 1, {"padding": 1}, (1, 7, 7)), (7, 1, {"stride": 2}, (1, 3, 3)),
    (5, 2, {}, (2, 3, 3)), (5, 2, {"stride": 2}, (2, 2, 2))])
def test_output_sizes(size, filters, options, expected):
    layer = nn.Conv2d(1, filters, 3, **options)
    assert layer(np.zeros((1, 1, size, size))).shape[1:] == expected
    assert summary(layer, (1, size, size)).output_shape == expected


def test_rectangular_window_dilation_groups():
    image = np.arange(1, 13, dtype=np.float32).reshape(1, 1, 3, 4)
    assert conv([[[[1, 1]]]])(image).data[0, 0].tolist() == [[3, 5, 7], [11, 13, 15], [19, 21, 23]]
    assert conv([[[1, 1]]], dilation=2)(image.reshape(1, 1, 12)).data[0, 0].tolist() == [4, 6, 8, 10, 12, 14, 16, 18,
                                                                                        20, 22]
    pair = np.float32([[[1, 2, 3], [10, 20, 30]]])
    assert conv([[[1, 1]], [[1, -1]]], groups=2)(pair).data[0].tolist() == [[3, 5], [-10, -10]]  # depthwise


# --- counts --------------------------------------------------------------------------------------------------------

def test_counts_of_ten_5x5_filters():
    table = summary(nn.Conv2d(3, 10, 5, padding=2), (3, 32, 32))
    assert table.output_shape == (10, 32, 32)
    assert table.parameters == 760
    assert table.multiply_adds == 768_000
    assert "768,000" in str(table) and "10x32x32" in str(table) and "760" in str(table)


@pytest.mark.parametrize("layers,kernel,expected", [(1, 3, 3), (2, 3, 5), (3, 3, 7), (4, 5, 17), (10, 3, 21)])
def test_receptive_field_of_stride_1_layers(layers, kernel, expected):
    net = nn.Sequential(*[nn.Conv1d(1, 1, kernel, padding=kernel // 2) for _ in range(layers)])
    assert receptive_field(net, (1, 16)) == expected  # 1 + L (K - 1)


# --- convolution as a matrix ---------------------------------------------------------------------------------------

def test_matrix_of_a_convolution():
    """X 2x4, two filters of width 3: Y 2x2, A 4x8."""
    layer = conv([[[11, 12, 13], [21, 22, 23]], [[31, 32, 33], [41, 42, 43]]])
    A = conv_matrix(layer, (2, 4))
    assert A.shape == (4, 8) and A.output_shape == (2, 2) and A.nnz == 24
    assert A.toarray().tolist() == [[11, 12, 13, 0, 21, 22, 23, 0], [0, 11, 12, 13, 0, 21, 22, 23],
                                    [31, 32, 33, 0, 41, 42, 43, 0], [0, 31, 32, 33, 0, 41, 42, 43]]
    x = np.float32([[1, 2, 3, 4], [5, 6, 7, 8]])
    np.testing.assert_array_equal(A @ x.reshape(-1), layer(x[None]).data.reshape(-1))


def test_backward_is_the_transposed_matrix_and_a_convolution():
    """dX = A' dY = convolution of dY with reversed, transposed filters and padding K - 1."""
    rng = np.random.default_rng(0)
    layer = nn.Conv2d(2, 3, 3, bias=False).double()
    x = td.tensor(rng.normal(size=(1, 2, 5, 6)), requires_grad=True)
    dy = rng.normal(size=(1, 3, 3, 4))
    layer(x).backward(dy)
    A = conv_matrix(layer, (2, 5, 6))
    np.testing.assert_allclose(A.T @ dy.reshape(-1), x.grad.reshape(-1), rtol=1e-12, atol=1e-14)
    back = nn.Conv2d(3, 2, 3, padding=2, bias=False).double()
    back.weight.data = layer.weight.data[:, :, ::-1, ::-1].transpose(1, 0, 2, 3)
    np.testing.assert_allclose(back(dy).data, x.grad, rtol=1e-12, atol=1e-14)


def test_linear_in_both_arguments():
    rng = np.random.default_rng(1)
    x, x2 = (td.tensor(rng.normal(size=(2, 3, 6, 6))) for _ in range(2))
    w, w2 = (td.tensor(rng.normal(size=(4, 3, 3, 3))) for _ in range(2))
    a, b = 2.0, -0.5
    np.testing.assert_allclose(ops.conv2d(a * x + b * x2, w).data,
                               a * ops.conv2d(x, w).data + b * ops.conv2d(x2, w).data, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(ops.conv2d(x, a * w + b * w2).data,
                               a * ops.conv2d(x, w).data + b * ops.conv2d(x, w2).data, rtol=1e-10, atol=1e-12)


def test_transposed_convolution():
    layer = nn.ConvTranspose1d(1, 1, 3, stride=2, bias=False)
    layer.weight.data = np.float32([[[1, 10, 100]]])
    x = np.float32([[[1, 2, 3]]])
    assert layer(x).data.tolist() == [[[1, 10, 102, 20, 203, 30, 300]]]
    forward = conv([[[1, 10, 100]]], stride=2)
    np.testing.assert_array_equal(conv_matrix(forward, (1, 7)).T @ x.reshape(-1), layer(x).data.reshape(-1))
    np.testing.assert_array_equal(jacobian(layer, x), conv_matrix(forward, (1, 7)).toarray().T)
    layer = nn.ConvTranspose2d(2, 3, 3, stride=2, padding=1, output_padding=1)
    assert layer(np.zeros((1, 2, 4, 4))).shape == (1, 3, 8, 8)


# --- shared parameters ---------------------------------------------------------------------------------------------

class Tied(nn.Module):
    """One matrix at two places: y = W' tanh(W x)."""

    def __init__(self):
        self.encode = nn.Linear(3, 2, bias=False)
        self.weight = self.encode.weight

    def forward(self, x):
        return ops.tanh(self.encode(x)) @ self.weight


def test_gradient_of_a_shared_parameter_is_the_sum_of_its_places():
    net = Tied().double()
    x = np.random.default_rng(0).normal(size=(4, 3))
    ops.sum(net(x)).backward()
    w1, w2 = td.tensor(net.weight.data, requires_grad=True), td.tensor(net.weight.data, requires_grad=True)
    ops.sum(ops.tanh(td.tensor(x) @ w1.T) @ w2).backward()
    np.testing.assert_allclose(net.weight.grad, w1.grad + w2.grad, rtol=1e-12)
    assert td.testing.gradcheck(net, td.tensor(x))


def test_shared_parameter_is_one_entry_and_updated_once(tmp_path):
    net = Tied()
    assert [name for name, _ in net.named_parameters()] == ["weight"]
    assert list(net.state_dict()) == ["weight"]
    assert summary(net, (3,)).parameters == 6
    before = net.weight.data.copy()
    optimizer = td.optim.SGD(net.parameters(), lr=0.5)
    ops.sum(net(np.float32([[1, 2, 3]]))).backward()
    optimizer.step()
    np.testing.assert_allclose(net.weight.data, before - 0.5 * net.weight.grad, rtol=1e-6)
    td.train.save_weights(tmp_path / "tied.safetensors", net)
    other = Tied()
    td.train.load_weights(tmp_path / "tied.safetensors", other)
    assert other.weight is other.encode.weight
    np.testing.assert_array_equal(other.weight.data, net.weight.data)
    other.load_state_dict({"encode.weight": before})  # under its other name
    np.testing.assert_array_equal(other.weight.data, before)


class Scan(nn.Module):
    """A Linear layer moved over the windows of a signal by a loop."""

    def __init__(self, channels, filters, width):
        self.width, self.cell = width, nn.Linear(channels * width, filters)

    def forward(self, x):
        places = range(x.shape[2] - self.width + 1)
        return ops.stack([self.cell(x[:, :, i:i + self.width].flatten(1)) for i in places], axis=2)


def test_scanned_linear_equals_convolution_and_trains_to_the_same_weights():
    td.manual_seed(0)
    scan, layer = Scan(2, 3, 4), nn.Conv1d(2, 3, 4)
    layer.weight.data, layer.bias.data = scan.cell.weight.data.reshape(3, 2, 4), scan.cell.bias.data
    rng = np.random.default_rng(0)
    x, target = rng.normal(size=(5, 2, 9)).astype(np.float32), rng.normal(size=(5, 3, 6)).astype(np.float32)
    optimizers = [td.optim.SGD(net.parameters(), lr=0.1, momentum=0.9) for net in (scan, layer)]
    for step in range(20):
        outputs = []
        for net, optimizer in zip((scan, layer), optimizers, strict=True):
            optimizer.zero_grad()
            outputs.append(net(td.tensor(x)))
            nn.MSELoss()(outputs[-1], target).backward()
        if step == 0:
            np.testing.assert_allclose(outputs[0].data, outputs[1].data, rtol=1e-6, atol=1e-6)
            np.testing.assert_allclose(scan.cell.weight.grad.reshape(3, 2, 4), layer.weight.grad, rtol=1e-6, atol=1e-6)
            np.testing.assert_allclose(scan.cell.bias.grad, layer.bias.grad, rtol=1e-6, atol=1e-6)
        for optimizer in optimizers:
            optimizer.step()
    np.testing.assert_allclose(scan.cell.weight.data.reshape(3, 2, 4), layer.weight.data, rtol=1e-5, atol=1e-6)
    assert receptive_field(scan, (2, 9)) == receptive_field(layer, (2, 9)) == 4


# --- scanning detector ---------------------------------------------------------------------------------------------

PATTERN = np.float32([1, 2, -2, -1, 2, 1, -2, 1])


def signals(n, places, seed):
    """Noise of length 60; every second signal has the pattern, at one of `places`."""
    rng = np.random.default_rng(seed)
    x = 0.4 * rng.normal(size=(n, 1, 60)).astype(np.float32)
    y = np.arange(n) % 2
    for k in np.flatnonzero(y):
        place = rng.choice(places)
        x[k, 0, place:place + 8] += PATTERN
    return x, y


def trained(net, data):
    optimizer = td.optim.Adam(net.parameters(), lr=0.02)
    trainer = td.train.Trainer(net, optimizer)
    trainer.fit(data, epochs=30, batch_size=32, progress=False)
    return trainer


def test_scanning_detector_finds_the_pattern_at_unseen_places():
    td.manual_seed(0)
    train, test = signals(400, [10], 0), signals(400, [0, 25, 40, 52], 1)
    detector = trained(nn.Sequential(nn.Conv1d(1, 4, 8), nn.ReLU(), nn.AdaptiveMaxPool1d(1), nn.Flatten(),
                                     nn.Linear(4, 2)), train)
    mlp = trained(nn.Sequential(nn.Flatten(), nn.Linear(60, 32), nn.ReLU(), nn.Linear(32, 2)), train)
    assert detector.evaluate(test)["accuracy"] >= 0.98
    assert mlp.evaluate(train)["accuracy"] == 1 and mlp.evaluate(test)["accuracy"] < 0.75


def test_max_over_time_is_a_boolean_or():
    """A hand-made detector fires wherever the pattern is, and is silent where there is none."""
    scan = nn.Sequential(conv(PATTERN[None, None], bias=[-10]), nn.AdaptiveMaxPool1d(1), nn.Flatten())
    x = np.zeros((54, 1, 60), np.float32)
    for place in range(53):
        x[place, 0, place:place + 8] = PATTERN
    fires = scan(x).data[:, 0] > 0
    assert fires[:53].all() and not fires[53]
    both = np.zeros((1, 1, 60), np.float32)
    both[0, 0, 5:13] = both[0, 0, 40:48] = PATTERN
    assert (scan[0](both).data[0, 0] > 0).nonzero()[0].tolist() == [5, 40]


# --- the winner takes all ------------------------------------------------------------------------------------------

@pytest.mark.parametrize("stride", [2, 1], ids=["apart", "overlapping"])
def test_filter_gradient_through_pooling(stride):
    """dL/dw = -(t - y) * sum over windows of w2 * sigma'(a at winner) * input at winner."""
    rng = np.random.default_rng(3)
    x, t = rng.normal(size=12), 0.7
    w, w2 = rng.normal(size=3), rng.normal(size=5 if stride == 2 else 9)
    net = nn.Sequential(nn.Conv1d(1, 1, 3, bias=False), nn.Sigmoid(), nn.MaxPool1d(2, stride), nn.Flatten(),
                        nn.Linear(len(w2), 1, bias=False)).double()
    net[0].weight.data, net[4].weight.data = w[None, None], w2[None]
    y = net(x[None, None])
    (0.5 * nn.MSELoss(reduction="sum")(y, np.array([[t]]))).backward()

    a = [sum(w[j] * x[i + j] for j in range(3)) for i in range(10)]
    sigma = [1 / (1 + np.exp(-v)) for v in a]
    expected, winners = np.zeros(3), []
    for k in range(len(w2)):
        window = range(k * stride, k * stride + 2)
        winner = max(window, key=lambda i: sigma[i])
        winners.append(winner)
        for j in range(3):
            expected[j] += -(t - y.item()) * w2[k] * sigma[winner] * (1 - sigma[winner]) * x[winner + j]
    np.testing.assert_allclose(net[0].weight.grad[0, 0], expected, rtol=1e-10)
    assert (len(set(winners)) < len(winners)) == (stride == 1)  # overlapping windows share winners
