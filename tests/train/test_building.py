"""What a run is built from: nets, optimisers, schedules, losses by their settings."""

import numpy as np
import pytest

import tinydl as td
from tinydl.data import ArrayDataset
from tinydl.recipes import RECIPES, settled
from tinydl.train import building
from tinydl.train.building import RunError

PLAIN = {"model": "mlp", "epochs": 8, "batch_size": 10, "lr": 0.5, "optimizer": "sgd", "schedule": "none",
         "weight_decay": 0.25}


@pytest.fixture
def airbench():
    td.manual_seed(0)
    return settled(RECIPES["airbench"], {}), td.models.airbench(10)


# --- nets ----------------------------------------------------------------------------------------------------------

def test_models_by_name():
    assert {"mlp", "lenet5", "resnet20"} <= set(building.model_names())
    assert building.find_model("lenet5") is td.models.lenet5
    with pytest.raises(RunError, match="unknown model 'lenet6'; did you mean lenet5"):
        building.find_model("lenet6")
    with pytest.raises(RunError, match="unknown model 'zzz'; the networks are "):
        building.find_model("zzz")


def test_nets_fit_images_and_classes_and_follow_the_seed():
    first, again, other = (building.build_net("mlp", (1, 8, 8), 3, seed) for seed in (1, 1, 2))
    weights = [next(net.parameters()).data for net in (first, again, other)]
    assert first(np.zeros((2, 1, 8, 8), np.float32)).shape == (2, 3)
    assert np.array_equal(weights[0], weights[1]) and not np.array_equal(weights[0], weights[2])
    with pytest.raises(RunError, match="model lenet5 does not take images of 3x1x1"):
        building.build_net("lenet5", (3, 1, 1), 10)


def test_the_first_layer_from_the_first_images(airbench):
    settings, net = airbench
    settings["whiten"] = {"parameter": "whiten.weight", "images": 40}
    rng = np.random.default_rng(0)
    train = ArrayDataset(rng.integers(0, 256, (60, 3, 32, 32), np.uint8), np.zeros(60, int), mean=0.25, std=0.5)
    building.prepare(settings, net, train)
    # For independent pixels, uniform in 0..255, M has the values of their moments: var I + mean^2 everywhere.
    pixels = (train.images[:40] / 255 - 0.25) / 0.5
    y = td.ops.conv2d(pixels.astype(np.float32), net.whiten.weight).data[:, :12].astype(float)
    moments = np.einsum("nohw,nphw->op", y, y) / (40 * 31 * 31)
    np.testing.assert_allclose(moments, np.eye(12), atol=0.005)
    before = net.whiten.weight.data.copy()
    building.prepare({"model": "airbench"}, net, train)
    assert np.array_equal(net.whiten.weight.data, before)
    settings["whiten"]["parameter"] = "white.weight"
    with pytest.raises(RunError, match="whitens white.weight, which airbench does not have"):
        building.prepare(settings, net, train)


def test_views():
    net = td.nn.Identity()
    assert building.viewed(PLAIN, net) is net
    views = building.viewed({**PLAIN, "views": {"shift": 2, "mirror": False}}, net)
    assert (views.net, views.shift, views.mirror) == (net, 2, False)


# --- losses and images ---------------------------------------------------------------------------------------------

def test_losses_and_augmentation():
    loss = building.build_loss({"loss": {"reduction": "sum", "label_smoothing": 0.2}})
    assert (loss.reduction, loss.label_smoothing) == ("sum", 0.2)
    assert building.build_loss({}).reduction == "mean"
    assert building.build_augment({}) is None
    assert repr(building.build_augment({"augment": {"shift": 1}})) == "Augment(shift=1, mirror=True)"


# --- optimisers ----------------------------------------------------------------------------------------------------

def test_one_optimizer_for_all():
    net = td.models.mlp()
    optimizer, schedule = building.build_optimizer(PLAIN, net, 3)
    assert isinstance(optimizer, td.optim.SGD) and schedule is None
    assert optimizer.param_groups[0]["lr"] == 0.5 and optimizer.param_groups[0]["weight_decay"] == 0.25


def test_groups_of_airbench(airbench):
    """What the paper's tables say: 2e-6 an image, over the learning rate; momentum 0.85 and 0.6."""
    settings, net = airbench
    optimizer, schedule = building.build_optimizer(settings, net, 25)
    names = {id(p): name for name, p in net.named_parameters()}
    groups = [sorted(names[id(p)] for p in group["params"]) for group in optimizer.param_groups]
    assert groups[0] == sorted(name for name, p in net.named_parameters() if p.ndim == 4 and p.requires_grad)
    assert groups[1:] == [["whiten.bias"], sorted(n for n in names.values() if n[:6] == "layers" and n[-4:] == "bias"),
                          ["head.weight"]]
    rows = optimizer.param_groups
    assert [row["lr"] for row in rows] == pytest.approx([0.24, 0.053, 0.053, 0.67])
    assert [row["weight_decay"] for row in rows] == pytest.approx([0, 4e-3 / 0.053, 4e-3 / 0.053, 4e-3 / 0.67])
    assert [row["momentum"] for row in rows] == [0.6, 0.85, 0.85, 0.85]
    assert all(row["nesterov"] for row in rows)
    assert rows[0]["renormalise"] and rows[0]["ns_steps"] == 3
    assert isinstance(schedule, td.optim.LinearLR) and schedule.per_batch
    assert schedule.total_iters == [200, 75, 200, 200]


def test_the_rates_of_groups_keep_their_proportion(airbench):
    settings, net = airbench
    optimizer, _ = building.build_optimizer({**settings, "lr": 0.12, "batch_size": 500, "weight_decay": 1e-6}, net, 25)
    assert [row["lr"] for row in optimizer.param_groups] == pytest.approx([0.12, 0.0265, 0.0265, 0.335])
    assert optimizer.param_groups[3]["weight_decay"] == pytest.approx(5e-4 / 0.335)


def test_groups_that_do_not_fit(airbench):
    settings, net = airbench
    with pytest.raises(RunError, match=r"groups say nothing of head.weight of airbench"):
        building.build_optimizer({**settings, "groups": settings["groups"][:3]}, net, 25)
    with pytest.raises(RunError, match=r"groups say nothing of 1.weight, 1.bias, 3.weight of airbench"):
        building.build_optimizer(settings, td.models.mlp(), 25)
    extra = {**settings["groups"][3], "parameters": ["tail.*"]}
    with pytest.raises(RunError, match=r"airbench has no parameter tail.\*, which the recipe trains"):
        building.build_optimizer({**settings, "groups": [*settings["groups"], extra]}, net, 25)


def test_parameters_of_the_first_epochs_are_frozen_after_them(airbench):
    settings, net = airbench
    (freeze,) = building.build_callbacks(settings, net)
    assert (freeze.parameters, freeze.epochs) == (["whiten.bias"], 3)
    assert building.build_callbacks({**settings, "epochs": 3}, net) == []
    assert building.build_callbacks(PLAIN, td.models.mlp()) == []


@pytest.mark.parametrize("name, rates", [
    ("none", [1.0] * 8), ("step", [1, 1, 1, 0.1, 0.1, 0.1, 0.01, 0.01]),
    ("multistep", [1] * 4 + [0.1] * 2 + [0.01] * 2),
    ("cosine", [(1 + np.cos(np.pi * t / 8)) / 2 for t in range(8)])])
def test_schedules_of_epochs(name, rates):
    optimizer, schedule = building.build_optimizer({**PLAIN, "schedule": name, "lr": 1.0}, td.models.mlp(), 3)
    seen = []
    for _ in range(8):
        seen.append(optimizer.param_groups[0]["lr"])
        if schedule is not None:
            assert not schedule.per_batch
            schedule.step()
    assert seen == pytest.approx(rates)


@pytest.mark.parametrize("name, first, last", [("linear", 1.0, 1 / 24), ("onecycle", 0.04, 4e-6)])
def test_schedules_of_batches(name, first, last):
    optimizer, schedule = building.build_optimizer({**PLAIN, "schedule": name, "lr": 1.0}, td.models.mlp(), 3)
    assert schedule.per_batch and optimizer.param_groups[0]["lr"] == pytest.approx(first)
    for _ in range(23):  # 8 epochs of 3
        schedule.step()
    assert optimizer.param_groups[0]["lr"] == pytest.approx(last)


def test_one_cycle_of_groups(airbench):
    settings, net = airbench
    _, schedule = building.build_optimizer({**settings, "schedule": "onecycle"}, net, 25)
    assert schedule.max_lrs == pytest.approx([0.24, 0.053, 0.053, 0.67])


# --- settings from a file ------------------------------------------------------------------------------------------

@pytest.mark.parametrize("change, message", [
    ({"loss": []}, r"loss is \[\], which no run"), ({"loss": {"label_smoothing": 2}}, "loss is .*which no run"),
    ({"loss": {"smooth": 1}}, "loss is"), ({"augment": {"shift": -1}}, "augment is"), ({"augment": 3}, "augment is 3"),
    ({"views": {"shift": "a"}}, "views is"), ({"groups": {}}, "groups is"), ({"groups": [{}]}, "groups is"),
    ({"groups": [{"optimizer": "x", "parameters": ["a"], "lr": 1}]}, "groups is"),
    ({"groups": [{"optimizer": "sgd", "parameters": ["a"], "lr": "1"}]}, "groups is"),
    ({"groups": [1]}, "groups is"), ({"whiten": {"images": 5}}, "whiten is"),
    ({"whiten": {"parameter": "a", "images": 0}}, "whiten is"),
])
def test_settings_that_no_run_has(change, message):
    with pytest.raises(RunError, match=message):
        building.check_settings({**PLAIN, **change})


FACTS = {"image_shape": [3, 8, 8], "class_names": ["a", "b"], "mean": [0.5] * 3, "std": [0.2, 0.3, 0.4], "scale": 1}


@pytest.mark.parametrize("change, message", [
    ({"image_shape": []}, r"image_shape is \[\], which no data have"),
    ({"image_shape": [3, 8, 8, 8]}, "image_shape is"), ({"image_shape": [3, 0, 8]}, "image_shape is"),
    ({"image_shape": [3.0, 8, 8]}, "image_shape is"), ({"image_shape": [True, 8, 8]}, "image_shape is"),
    ({"image_shape": ["3", 8, 8]}, "image_shape is"), ({"image_shape": [3, 2**31, 8]}, "image_shape is"),
    ({"class_names": ["a", 1]}, r"class_names is \['a', 1\]"), ({"mean": ["x"]}, "mean must be one number or one per"),
    ({"mean": [0, 0]}, "mean must be one number or one per"), ({"mean": [None]}, "mean must be finite"),
    ({"std": [1, 1, 0]}, "std positive"), ({"std": []}, "std must be one number"), ({"scale": 0}, "must not be 0"),
    ({"scale": float("inf")}, "scale"),
])
def test_what_no_data_have(change, message):
    building.check_data(FACTS)
    with pytest.raises(RunError, match=message):
        building.check_data({**FACTS, **change})


def test_a_net_for_which_there_is_no_memory(monkeypatch):
    def none(**_):
        raise MemoryError("Unable to allocate 44.6 GiB")

    monkeypatch.setattr(td.models, "lenet5", none)
    with pytest.raises(RunError, match=r"lenet5 for images of 1x8x8 needs more memory than there is \(Unable to all"):
        building.build_net("lenet5", [1, 8, 8], 10)
