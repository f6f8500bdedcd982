"""freeze: against the float64 model in evaluation, snapshots, inputs, threads, memory, refusals."""

import copy
import pickle
import re
import threading

import numpy as np
import pytest

import tinydl as td
from tinydl import layout, models, nn
from tinydl._core import memory
from tinydl.inference import Predictor
from tinydl.testing.compare import assert_close

RNG = np.random.default_rng(0)


LAYERS = [
    (nn.Conv2d(3, 8, 3), (3, 9, 7)), (nn.Conv2d(5, 6, 3, padding=1), (5, 6, 6)),
    (nn.Conv2d(1, 6, 5, padding=2), (1, 28, 28)), (nn.Conv2d(16, 32, 3, 2, 1, bias=False), (16, 16, 16)),
    (nn.Conv2d(6, 4, (3, 2), (2, 1), (1, 0), (1, 2)), (6, 11, 12)), (nn.Conv2d(16, 48, 1), (16, 8, 8)),
    (nn.Conv2d(16, 16, 1, 2), (16, 9, 9)), (nn.Conv2d(8, 12, 3, groups=4), (8, 6, 6)),
    (nn.Conv2d(20, 20, 3, padding=1, groups=20), (20, 7, 8)), (nn.Conv2d(4, 8, 3, padding="same"), (4, 6, 5)),
    (nn.Conv2d(4, 8, 2, padding="same"), (4, 6, 5)), (nn.Conv2d(4, 8, 3, 2, padding="same"), (4, 6, 5)),
    (nn.Conv2d(32, 64, 3, padding=1), (32, 16, 16)), (nn.Conv2d(3, 70, 3, padding=1), (3, 32, 32)),
    (nn.Conv1d(1, 32, 80, 16), (1, 2000)), (nn.Conv1d(7, 9, 3, 2, 1, 2), (7, 50)), (nn.Linear(30, 12), (30,)),
    (nn.Linear(1500, 70, bias=False), (1500,)), (nn.BatchNorm2d(5), (5, 4, 4)),
    (nn.BatchNorm1d(5), (5,)), (nn.BatchNorm1d(17), (17, 9)), (nn.ReLU(), (3, 4, 5)), (nn.MaxPool2d(2), (6, 9, 8)),
    (nn.MaxPool2d(3, 2, 1), (20, 9, 8)), (nn.MaxPool2d(2, ceil_mode=True), (3, 5, 5)), (nn.MaxPool1d(4), (32, 30)),
    (nn.AvgPool2d(2), (6, 8, 8)), (nn.AvgPool2d(3, 2, 1, count_include_pad=False), (4, 7, 7)),
    (nn.AvgPool1d(3), (5, 10)), (nn.AdaptiveAvgPool2d(1), (33, 8, 8)), (nn.AdaptiveAvgPool2d((2, 4)), (3, 8, 8)),
    (nn.AdaptiveMaxPool2d(2), (5, 8, 6)), (nn.AdaptiveMaxPool1d(1), (5, 7)), (nn.AdaptiveAvgPool1d(1), (12, 9)),
    (nn.Flatten(), (3, 4, 5)), (nn.Flatten(2), (3, 4, 5)), (nn.Unflatten(1, (3, 4)), (12,)),
    (nn.Dropout(0.5), (4, 5)), (nn.Identity(), (4,)), (nn.Sigmoid(), (3, 4)), (nn.Tanh(), (5,)), (nn.GELU(), (5, 3, 3)),
    (nn.ELU(0.7), (5,)), (nn.LeakyReLU(0.3), (5, 2, 4)),
    (nn.ResidualBlock(16), (16, 8, 8)), (nn.ResidualBlock(8, 16, 2), (8, 9, 9)),
    (nn.ResidualBlock(6, norm=False), (6, 5, 5)), (nn.BottleneckBlock(32, 8), (32, 8, 8)),
    (nn.BottleneckBlock(16, 8, 32, 2), (16, 8, 8)),
]


@pytest.mark.parametrize(("layer", "shape"), LAYERS, ids=lambda value: repr(value).split("\n")[0])
def test_layers(layer, shape, check):
    check(layer, (3, *shape), (1, *shape), (0, *shape))


ORDINARY = [
    (nn.Linear(4, 6), (3, 4), "Linear"), (nn.AdaptiveAvgPool2d((2, 3)), (5, 8, 8), "AdaptiveAvgPool"),
    (nn.AdaptiveMaxPool2d(3), (5, 8, 8), "AdaptiveMaxPool"), (nn.Softmax(), (10,), "Softmax"),
    (nn.LogSoftmax(), (10,), "LogSoftmax"),
    (nn.LayerNorm(6), (6,), "LayerNorm"), (nn.GroupNorm(2, 6), (6, 4, 3), "GroupNorm"),
    (nn.ConvTranspose2d(4, 3, 3, 2), (4, 5, 5), "ConvTranspose"),
    (nn.BatchNorm2d(4, track_running_stats=False), (4, 5, 5), "BatchNorm"),
    (nn.Conv2d(4, 8, 3, padding=1, padding_mode="reflect"), (4, 6, 5), "Pad"),
]


@pytest.mark.parametrize(("layer", "shape", "said"), ORDINARY, ids=lambda value: repr(value).split("\n")[0])
def test_layers_without_a_frozen_form(layer, shape, said, check):
    check(layer, (3, *shape), (1, *shape), said=[said])
    check(nn.Sequential(nn.ReLU(), layer, nn.ReLU()), (3, *shape), said=[said])


def pieces():
    """Networks in which layers meet in every way that is joined, or must not be."""
    conv = nn.Conv2d(4, 4, 3, padding=1)
    return {
        "conv norm relu": nn.Sequential(conv, nn.BatchNorm2d(4), nn.ReLU()),
        "conv relu norm": nn.Sequential(conv, nn.ReLU(), nn.BatchNorm2d(4), nn.ReLU()),
        "norm norm": nn.Sequential(nn.BatchNorm2d(4), nn.BatchNorm2d(4), conv, nn.BatchNorm2d(4), nn.BatchNorm2d(4)),
        "norm without affine": nn.Sequential(conv, nn.BatchNorm2d(4, affine=False)),
        "norm of the batch": nn.Sequential(conv, nn.BatchNorm2d(4, track_running_stats=False), nn.ReLU()),
        "linear norm relu": nn.Sequential(nn.Flatten(), nn.Linear(144, 20), nn.BatchNorm1d(20), nn.ReLU()),
        "dropout between": nn.Sequential(conv, nn.Dropout(), nn.BatchNorm2d(4), nn.Identity(), nn.ReLU()),
        "relu first": nn.Sequential(nn.ReLU(), nn.ReLU(), conv),
        "pool relu": nn.Sequential(nn.MaxPool2d(2), nn.ReLU(), conv),
        "twice": nn.Sequential(conv, nn.BatchNorm2d(4), conv),
        "nested": nn.Sequential(nn.Sequential(conv), nn.Sequential()),
        "flatten norm": nn.Sequential(conv, nn.Flatten(), nn.BatchNorm1d(144), nn.ReLU(), nn.Linear(144, 3)),
        "flatten twice": nn.Sequential(conv, nn.Flatten(), nn.ReLU(), nn.Flatten(), nn.Dropout(), nn.Linear(144, 3)),
        "flatten last": nn.Sequential(conv, nn.Flatten()),
        "calls": nn.Sequential(conv, nn.Softmax(1), conv, nn.LogSoftmax(1)),
        "activations": nn.Sequential(conv, nn.Tanh(), nn.ReLU(), conv, nn.Sigmoid(), nn.Flatten(), nn.GELU()),
        "two blocks": nn.Sequential(nn.ResidualBlock(4), nn.BottleneckBlock(4, 2), nn.AdaptiveAvgPool2d(1),
                                    nn.Flatten()),
        "softmax": nn.Sequential(nn.Flatten(), nn.Linear(144, 5), nn.Softmax()),
        "back to images": nn.Sequential(nn.Flatten(), nn.Linear(144, 36), nn.Unflatten(1, (1, 6, 6)),
                                        nn.Conv2d(1, 2, 3)),
    }


@pytest.mark.parametrize("name", pieces())
def test_layers_in_a_row(name, check):
    said = {"norm of the batch": ["BatchNorm (1) has no frozen form and is computed by the ordinary path"],
            "calls": ["Softmax (1), LogSoftmax (3) have no frozen form and are computed by the ordinary path"],
            "softmax": ["Softmax (2) has no frozen form and is computed by the ordinary path"]}
    check(pieces()[name], (5, 4, 6, 6), (1, 4, 6, 6), (40, 4, 6, 6), said=said.get(name, []))


def test_blocks_with_other_layers_inside(check):
    block = nn.ResidualBlock(4)
    block.conv2, block.bn1 = nn.Conv2d(4, 4, 3, padding=1, padding_mode="circular"), nn.Identity()
    check(nn.Sequential(nn.Conv2d(4, 4, 1), block), (2, 4, 6, 6), said=["Pad (1.conv2)"])
    block = nn.ResidualBlock(4)
    block.conv2, block.downsample = nn.Identity(), nn.Identity()
    check(nn.Sequential(nn.Conv2d(4, 4, 1), block, nn.ReLU()), (2, 4, 6, 6))


@pytest.mark.parametrize("name", models.INPUT_SHAPES)
def test_networks(name, check):
    td.manual_seed(0)
    shape = models.INPUT_SHAPES[name]
    check(getattr(models, name)(), *((n, *shape) for n in ((1, 3) if name.startswith("resnet") else (1, 3, 17))))


def test_many_images(evaluated, lived):
    td.manual_seed(0)
    for name in ("lenet5", "vgg_small"):
        model = lived(getattr(models, name)())
        predictor, x = td.freeze(model), RNG.standard_normal((128, *models.INPUT_SHAPES[name])).astype(np.float32)
        y = predictor(x)
        assert_close(y[:8], evaluated(model, x[:8]))
        td.set_num_threads(3)
        assert np.array_equal(predictor(x), y)


def test_other_sizes_of_image(check):
    model = models.resnet20()
    check(model, (2, 3, 32, 32), (1, 3, 20, 28), (1, 3, 9, 9))


@pytest.mark.parametrize("algorithm", ["direct", "winograd"])
def test_the_algorithm_of_the_moment_of_freezing(algorithm, lived):
    model = lived(nn.Sequential(nn.Conv2d(20, 20, 3, padding=1), nn.ReLU()))
    x = RNG.standard_normal((2, 20, 8, 8)).astype(np.float32)
    with td.conv_algorithm(algorithm):
        predictor = td.freeze(model)
        with td.no_grad():
            expected = model(x).numpy()
    assert np.array_equal(predictor(x), expected)


def test_winograd_that_cannot_be():
    with td.conv_algorithm("winograd"):
        predictor = td.freeze(nn.Conv2d(4, 4, 5))
    with pytest.raises(ValueError, match="the window is 5x5"):
        predictor(np.ones((1, 4, 8, 8), np.float32))


# --- a snapshot ------------------------------------------------------------------------------------------------------

def test_later_changes_do_not_matter(evaluated):
    model = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(12, 2), nn.Softmax())
    x = RNG.standard_normal((4, 2, 4, 4)).astype(np.float32)
    state = model.state_dict()
    predictor = td.freeze(model)
    for p in model.parameters():
        p.data[...] += 1  # before the first call, which packs the filters
    y = predictor(x)
    model[1].running_mean += 1
    assert np.array_equal(predictor(x), y)
    model.load_state_dict(state)
    model[1].running_mean[...] = 0
    assert_close(y, evaluated(model, x))


def test_the_model_stays_as_it_was():
    model = models.resnet20()
    x = RNG.standard_normal((2, 3, 32, 32)).astype(np.float32)
    before = model.state_dict()
    td.freeze(model)(x)
    assert all(module.training for module in model.modules())
    assert all(p.requires_grad for p in model.parameters())
    assert all(np.array_equal(before[name], value) for name, value in model.state_dict().items())


# --- inputs and outputs ----------------------------------------------------------------------------------------------

def test_inputs_of_every_kind(evaluated, lived):
    model = lived(nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(64, 3))).eval()
    predictor, whole = td.freeze(model), RNG.integers(0, 255, (2, 3, 6, 6))
    expected = predictor(whole.astype(np.float32))
    assert_close(expected, evaluated(model, whole))
    wide = np.zeros((2, 3, 6, 12), np.float32)
    wide[..., ::2] = whole
    fixed = whole.astype(np.float32)
    fixed.flags.writeable = False
    odd = np.zeros(whole.size * 4 + 1, np.uint8)[1:].view(np.float32).reshape(whole.shape)
    odd[...] = whole
    for x in (whole, whole.astype(np.int16), whole.astype(np.float64), whole.tolist(), wide[..., ::2], fixed, odd,
              whole.astype(">f4"), np.asfortranarray(fixed), td.tensor(fixed), layout.channels_last(fixed)):
        assert np.array_equal(predictor(x), expected)


def test_results_are_fresh():
    x = np.ones((2, 3), np.float32)
    for model in (nn.Identity(), nn.Flatten(), nn.Sequential(), nn.Linear(3, 3),
                  nn.Sequential(nn.Linear(3, 3), nn.Tanh()), nn.Sequential(nn.Linear(3, 3), nn.Softmax())):
        predictor = td.freeze(model)
        first = predictor(x)
        first[...] = 7
        assert (x == 1).all() and not (predictor(x) == 7).any()


@pytest.mark.parametrize("x", [
    np.ones((2, 3, 6, 6), np.complex64), np.ones((2, 4, 6, 6)), np.ones((3, 6, 6)), np.ones((2, 3, 2, 2)), np.ones(3),
    np.float32(1), np.ones((2, 3, 5, 5)), td.tensor(np.ones((2, 3, 6, 6))), td.tensor(np.ones((2, 3, 6, 6), np.uint8)),
    np.array([["a"]]), np.ones((2, 3, 0, 6))], ids=lambda x: f"{x.shape} {x.dtype}")
def test_refused_as_the_model_refuses(x):
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(16, 2)).eval()
    predictor = td.freeze(model)
    with pytest.raises((TypeError, ValueError)) as expected:
        model(x)
    with pytest.raises(type(expected.value), match=re.escape(str(expected.value))):
        predictor(x)
    assert predictor(np.ones((1, 3, 6, 6))).shape == (1, 2)


def test_nan_is_kept():
    model = models.lenet5()
    x = np.zeros((2, 1, 28, 28), np.float32)
    x[1, 0, 5, 5] = np.nan
    y = td.freeze(model)(x)
    assert np.isnan(y[1]).all() and np.isfinite(y[0]).all()


# --- threads and memory ----------------------------------------------------------------------------------------------

def test_fifty_batch_sizes_do_not_grow_memory():
    predictor = td.freeze(models.lenet5())
    x = RNG.standard_normal((250, 1, 28, 28)).astype(np.float32)
    sizes = [1 + 5 * (17 * k % 50) for k in range(50)]
    for n in sizes:
        predictor(x[:n])
    held = memory.statistics()["in_use"]
    for n in sizes:
        predictor(x[:n])
    assert memory.statistics()["in_use"] == held


def test_two_threads_of_python(lived):
    predictor = td.freeze(lived(models.digits_cnn()))
    xs = [RNG.standard_normal((n, 1, 8, 8)).astype(np.float32) for n in (1, 5, 64, 300)]
    expected = [predictor(x) for x in xs]
    td.set_num_threads(2)
    faults = []

    def call():
        for _ in range(20):
            faults.extend(len(x) for x, y in zip(xs, expected, strict=True) if not np.array_equal(predictor(x), y))

    threads = [threading.Thread(target=call) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults


def test_the_first_calls_may_come_from_many_threads():
    model = Keeping()
    predictor, results = td.freeze(model), {}
    xs = [RNG.standard_normal((n, 3)).astype(np.float32) for n in (1, 2, 5, 9)]
    start = threading.Barrier(8)

    def call(k):
        start.wait()
        results[k] = [predictor(x) for x in xs]

    threads = [threading.Thread(target=call, args=(k,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with td.no_grad():
        expected = [model.eval()(td.tensor(x)).numpy() for x in xs]
    for k in range(8):
        for y, right in zip(results[k], expected, strict=True):
            assert_close(y, right, 1e-6)


# --- modules of one's own --------------------------------------------------------------------------------------------

class Keeping(nn.Module):
    """Keeps what it saw last, as one does to look at it."""

    def __init__(self):
        self.fc, self.last, self.seen = nn.Linear(3, 4), None, []

    def forward(self, x):
        self.last, self.shape = self.fc(x), x.shape
        return td.ops.relu(self.last) + 1


def test_traces_leave_nothing_behind():
    predictor = td.freeze(Keeping())
    before = {name: value for name, value in vars(predictor._model).items()}
    for n in (2, 1, 5):
        predictor(np.ones((n, 3), np.float32))
    assert vars(predictor._model) == before and predictor._model.last is None


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda predictor: pickle.loads(pickle.dumps(predictor))],
                         ids=["deepcopy", "pickle"])
def test_copies_of_predictors_of_ones_own_modules(duplicate):
    predictor = td.freeze(Keeping())
    x = RNG.standard_normal((5, 3)).astype(np.float32)
    first = predictor(x)
    assert np.array_equal(duplicate(predictor)(x), first) and np.array_equal(predictor(x), first)


def test_what_has_no_form_is_said_once_at_the_line_that_called():
    predictor = td.freeze(nn.Sequential(nn.Linear(3, 4), nn.Softmax(), nn.LayerNorm(4), nn.Softmax()))
    with pytest.warns(RuntimeWarning, match=r"^freeze: Softmax \(1\), LayerNorm \(2\), Softmax \(3\) have no frozen "
                                            "form and are computed by the ordinary path$") as caught:
        for n in (1, 2, 1):
            predictor(np.ones((n, 3), np.float32))
    assert len(caught) == 1 and caught[0].filename == __file__


def test_networks_in_functional_code_are_as_the_layers():
    class Functional(nn.Module):
        def __init__(self, net):
            self.net = net

        def forward(self, x):
            conv, norm, _, pool, _, fc = self.net.children()
            x = td.ops.conv2d(x, conv.weight, conv.bias, padding=1)
            x = td.ops.batch_norm(x, norm.weight, norm.bias, norm.running_mean, norm.running_var, self.training)
            return td.ops.linear(td.ops.max_pool2d(x.relu(), pool.kernel_size).flatten(1), fc.weight, fc.bias)

    net = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
                        nn.Linear(256, 5))
    x = RNG.standard_normal((7, 3, 8, 8)).astype(np.float32)
    assert np.array_equal(td.freeze(Functional(net))(x), td.freeze(net)(x))


def test_a_fork_while_another_thread_plans_is_no_deadlock():
    predictor = td.freeze(nn.Linear(3, 2))
    predictor._lock[1].acquire()
    predictor._lock = -1, predictor._lock[1]  # as a child finds it
    assert predictor(np.ones((2, 3), np.float32)).shape == (2, 2)


# --- refusals --------------------------------------------------------------------------------------------------------

def test_refusals():
    model = nn.Sequential(nn.Linear(2, 2))
    model[0].forward = lambda x: x
    with pytest.raises(TypeError, match=r"Linear \(0\) has a forward among its attributes"):
        td.freeze(model)
    model = nn.Sequential(nn.Linear(2, 2))
    model[0].register_forward_hook(print)
    with pytest.raises(TypeError, match=r"Linear \(0\) has a forward hook"):
        td.freeze(model)
    with pytest.raises(TypeError, match=r"0.weight is float64.*float\(\)"):
        td.freeze(nn.Sequential(nn.Linear(2, 2)).double())
    with pytest.raises(TypeError, match="takes a module, got list"):
        td.freeze([1])
    with pytest.raises(TypeError, match="ModuleList defines no forward"):
        td.freeze(nn.ModuleList([nn.ReLU()]))


@pytest.mark.parametrize("model", [nn.Linear(3, 2), nn.Flatten()], ids=["parameters", "none"])
def test_bytes_are_refused_because_training_scales_them(model):
    with pytest.raises(TypeError, match="takes no uint8.*1/255.*astype"):
        td.freeze(model)(np.ones((2, 3), np.uint8))


def test_display():
    predictor = td.freeze(nn.Sequential(nn.Linear(2, 3)))
    assert isinstance(predictor, Predictor) and "Linear(in_features=2" in repr(predictor)


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda predictor: pickle.loads(pickle.dumps(predictor))],
                         ids=["deepcopy", "pickle"])
def test_copies_predict_the_same_bits(duplicate):
    x = np.random.default_rng(3).standard_normal((40, 16, 12, 12)).astype(np.float32)
    with td.conv_algorithm("direct"):
        predictor = td.freeze(nn.Sequential(nn.Conv2d(16, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU()))
    assert np.array_equal(duplicate(predictor)(x), predictor(x))


def test_results_are_fresh_behind_views_too():
    x = np.ones((4, 6), np.float32)
    y = td.freeze(nn.Sequential(nn.Unflatten(1, (2, 3))))(x)
    assert y.shape == (4, 2, 3) and not np.shares_memory(x, y)


def test_called_layers_keep_the_algorithm():
    x = np.random.default_rng(4).standard_normal((8, 16, 12, 12)).astype(np.float32)
    net = nn.Sequential(nn.Conv2d(16, 16, 3, padding=1, padding_mode="reflect"), nn.Softmax(1)).eval()
    with td.conv_algorithm("direct"), td.no_grad():
        predictor, expected = td.freeze(net), net(x).numpy()
    assert np.array_equal(predictor(x), expected)


def test_attributes_that_forward_does_not_use():
    block = nn.ResidualBlock(4).eval()
    block.conv3, block.bn3 = nn.Conv2d(4, 4, 1), None
    x = np.random.default_rng(5).standard_normal((2, 4, 6, 6)).astype(np.float32)
    with td.no_grad():
        assert_close(td.freeze(block)(x), block(x).numpy(), 1e-6)


@pytest.mark.parametrize("layer", [nn.ReLU(), nn.MaxPool2d(2), nn.BatchNorm2d(3, affine=False)])
def test_without_parameters_the_input_says_the_type(layer):
    x = np.random.default_rng(6).standard_normal((2, 3, 4, 4))
    with td.no_grad():
        expected = layer.eval()(x).numpy()
    assert np.array_equal(td.freeze(layer)(x), expected) and expected.dtype == np.float64


def test_a_norm_without_spread():
    norm = nn.BatchNorm2d(3)
    norm.eps = 0.0
    norm.running_var[...] = 0
    net = nn.Sequential(nn.Conv2d(3, 3, 1), norm)
    x = np.ones((2, 3, 4, 4), np.float32)
    with np.errstate(all="raise"), td.no_grad():
        assert np.array_equal(td.freeze(net)(x), net.eval()(x).numpy(), equal_nan=True)
