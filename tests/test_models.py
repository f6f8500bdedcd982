import copy
import inspect

import numpy as np
import pytest

import tinydl as td
from tinydl import models, nn

# name: parameters, multiply-adds of one sample (biases excluded)
COUNTS = {
    "mlp": (203_530, 203_264),
    "lenet5": (61_706, 416_520),
    "lenet_bn": (29_178, 1_924_992),
    "mnist_cnn": (1_199_882, 11_992_448),
    "vgg_small": (288_746, 38_634_752),
    "resnet20": (272_474, 40_813_184),
    "resnet29_bottleneck": (313_114, 47_106_560),
    "airbench": (1_972_792, 118_147_360),
    "m5": (25_290, 1_878_656),
    "picture_cnn": (98_970, 15_926_528),
    "signal_cnn": (58_026, 1_815_808),
    "table_mlp": (18_954, 18_688),
    "ds_cnn": (23_180, 2_656_768),  # the paper counts 5.4 million operations, two a multiply-add, and the norms
}
NAMES = [name for name in models.__all__ if name != "INPUT_SHAPES"]


def multiply_adds(net, shape):
    """Counted at every layer with weights: outputs x inputs an output sums over."""
    total = []

    def count(module, inputs, output):
        if isinstance(module, (nn.Conv1d, nn.Conv2d)):
            total.append(output.size * np.prod(module.weight.shape[1:]))
        elif isinstance(module, nn.Linear):
            total.append(output.size * module.in_features)

    for module in net.modules():
        module.register_forward_hook(count)
    net.eval()
    with td.no_grad():
        net(np.zeros((1, *shape), np.float32))
    return sum(total)


@pytest.mark.parametrize("name", COUNTS)
def test_parameters_and_multiply_adds(name):
    net = getattr(models, name)()
    assert sum(p.size for p in net.parameters()) == COUNTS[name][0]
    assert multiply_adds(net, models.INPUT_SHAPES[name]) == COUNTS[name][1]


def test_table_in_the_docstring():
    for name, (parameters, macs) in COUNTS.items():
        assert f"| {name} | {parameters:,} | {macs:,} |" in models.__doc__
    digits = models.digits_cnn()
    row = (
        f"| digits_cnn | {sum(p.size for p in digits.parameters()):,} | {multiply_adds(digits, (1, 8, 8)):,} | 1x8x8 |"
    )
    assert row in models.__doc__


def test_every_network_has_an_input_shape():
    assert set(models.INPUT_SHAPES) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_trains_a_step_and_counts_classes(name):
    td.manual_seed(0)
    factory = getattr(models, name)
    net = factory(num_classes=7)
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, *models.INPUT_SHAPES[name])), rng.integers(0, 7, 2)
    out = net(x)
    assert out.shape == (2, 7) and out.dtype == np.float32
    nn.CrossEntropyLoss()(out, y).backward()
    assert all(np.isfinite(p.grad).all() for p in net.parameters() if p.requires_grad)
    assert all(p.grad is None for p in net.parameters() if not p.requires_grad)
    copied = copy.deepcopy(net).eval()
    with td.no_grad():
        np.testing.assert_array_equal(copied(x).data, net.eval()(x).data)


@pytest.mark.parametrize("name", NAMES)
def test_channels_and_sizes(name):
    known = inspect.signature(getattr(models, name)).parameters
    if "in_channels" in known:
        shape = (2, *models.INPUT_SHAPES[name][1:])
        net = getattr(models, name)(in_channels=2)
    else:
        shape = (2, 40) if len(models.INPUT_SHAPES[name]) == 2 else (2, 16, 20)
        net = getattr(models, name)(input_shape=shape)
    assert net.eval()(np.zeros((1, *shape))).shape == (1, 12 if name == "ds_cnn" else 10)


def test_airbench_starts_as_its_paper_has_it():
    """The first filters of a 3x3 layer copy its input; the first layer and the norms train their bias alone."""
    td.manual_seed(3)
    net = models.airbench(num_classes=1000)
    frozen = [name for name, p in net.named_parameters() if not p.requires_grad]
    assert frozen == ["whiten.weight"] + [f"layers.{k}.weight" for k in (3, 6, 10, 13, 17, 20)]
    convolutions = [layer for layer in net.layers if isinstance(layer, nn.Conv2d)]
    assert [c.weight.shape[:2] for c in convolutions] == [(64, 24), (64, 64), (256, 64), (256, 256), (256, 256),
                                                          (256, 256)]
    for c in convolutions:
        x = np.random.default_rng(0).random((1, c.in_channels, 4, 5), np.float32)
        np.testing.assert_array_equal(c(x).data[:, :c.in_channels], x)
    last = convolutions[0].weight.data[24:]  # 24*9 inputs
    assert np.abs(last).max() <= 1 / np.sqrt(216) and last.std() == pytest.approx(1 / np.sqrt(3 * 216), rel=0.05)
    assert net.head.weight.data.std() == pytest.approx(1, rel=0.01) and net.head.bias is None
    norms = [layer for layer in net.layers if isinstance(layer, nn.BatchNorm2d)]
    assert {(norm.eps, norm.momentum) for norm in norms} == {(1e-12, 0.4)}


def test_airbench_trains_the_bias_of_a_norm_and_not_its_weight():
    td.manual_seed(0)
    net = models.airbench()
    opt = td.optim.SGD(net.parameters(), lr=0.1, momentum=0.9, weight_decay=0.1)
    before = copy.deepcopy(net.state_dict())
    nn.CrossEntropyLoss()(net(np.random.default_rng(0).normal(size=(4, 3, 32, 32))), np.arange(4)).backward()
    opt.step()
    after = net.state_dict()
    moved = {name for name in before if not np.array_equal(before[name], after[name])}
    assert moved >= {name for name, p in net.named_parameters() if p.requires_grad}
    assert not moved & {name for name, p in net.named_parameters() if not p.requires_grad}


def test_state_names():
    assert list(models.lenet5().state_dict()) == [f"{k}.{n}" for k in (0, 3, 7, 9, 11) for n in ("weight", "bias")]
    names = list(models.resnet20().state_dict())
    for name in (
        "conv1.weight",
        "bn1.running_mean",
        "layer1.0.conv1.weight",
        "layer1.0.bn2.weight",
        "layer2.0.downsample.0.weight",
        "layer2.0.downsample.1.num_batches_tracked",
        "layer3.2.conv2.weight",
        "fc.weight",
        "fc.bias",
    ):
        assert name in names
    assert not any("layer1.0.downsample" in name for name in names)
    assert "layer1.0.downsample.0.weight" in models.resnet29_bottleneck().state_dict()


@pytest.mark.parametrize("name", ["lenet5", "lenet_bn", "mnist_cnn", "digits_cnn"])
def test_images_too_small(name):
    with pytest.raises(ValueError, match="at least .* pixels, got input_shape=\\(1, 3, 3\\)"):
        getattr(models, name)(input_shape=(1, 3, 3))


def test_seed_fixes_the_weights():
    states = []
    for seed in (0, 0, 1):
        td.manual_seed(seed)
        states.append(models.resnet20().state_dict())
    assert all(np.array_equal(states[0][k], states[1][k]) for k in states[0])
    assert not np.array_equal(states[0]["conv1.weight"], states[2]["conv1.weight"])


@pytest.fixture
def one_thread():
    n = td.get_num_threads()
    td.set_num_threads(1)
    yield
    td.set_num_threads(n)


def test_digits_cnn_learns_the_digits(one_thread):
    """The default of the command line: >= 98.5 % of the held-out fifth."""
    pytest.importorskip("sklearn")
    train, test = td.data.load_digits()
    (x, y), (u, v) = ((((d.images / np.float32(16)) - 0.3053) / 0.3761, d.labels) for d in (train, test))
    td.manual_seed(0)
    net = models.digits_cnn()
    epochs, batch = 15, 32
    steps = len(y) // batch
    opt = td.optim.SGD(net.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4, nesterov=True)
    schedule = td.optim.OneCycleLR(opt, 0.1, total_steps=epochs * steps)
    loss_fn = nn.CrossEntropyLoss()
    rng = np.random.default_rng(0)
    for _ in range(epochs):
        order = rng.permutation(len(y))
        for k in range(steps):
            rows = order[k * batch : (k + 1) * batch]
            opt.zero_grad()
            loss_fn(net(x[rows]), y[rows]).backward()
            opt.step()
            schedule.step()
    net.eval()
    with td.no_grad():
        accuracy = (net(u).data.argmax(1) == v).mean()
    assert accuracy >= 0.985
