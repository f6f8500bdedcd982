"""Recipes: the table, the rule for data of the user's own, and what gives way to what."""

import json

import pytest

import tinydl as td
from tinydl.recipes import RECIPES, settled, suited
from tinydl.train import building


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_can_be_built_and_saved(name):
    settings = json.loads(json.dumps(settled(RECIPES[name], {})))
    settings.setdefault("lr", 0.1)
    assert settings.keys() >= {"model", "epochs", "batch_size", "optimizer", "schedule", "weight_decay"}
    assert settings.keys().isdisjoint({"about", "data"})
    assert RECIPES[name]["data"] in td.data.BY_NAME
    net = building.build_net(settings["model"], td.models.INPUT_SHAPES[settings["model"]], 10)
    optimizer, _ = building.build_optimizer(settings, net, 5)
    trained = {id(p) for p in net.parameters() if p.requires_grad}
    assert {id(p) for group in optimizer.param_groups for p in group["params"]} >= trained
    building.check_settings(settings)
    building.build_loss(settings)
    building.build_augment(settings)


# The rule for data of the user's own, at its edges: a batch is an eighth of the images or less, small data are trained
# for 300 steps or more, with Adam, and images from 16x16 on by a net that is deeper and averages over places.
@pytest.mark.parametrize("n, shape, expected", [
    (144, (3, 32, 32), {"model": "vgg_small", "optimizer": "adam", "batch_size": 18, "epochs": 75}),  # 600 steps
    (6, (3, 32, 32), {"optimizer": "adam", "batch_size": 1, "epochs": 100}),
    (1, (1, 8, 8), {"model": "digits_cnn", "optimizer": "adam", "batch_size": 1, "epochs": 300}),
    (48, (2, 16, 16), {"model": "vgg_small", "batch_size": 6, "epochs": 75}),
    (48, (2, 15, 16), {"model": "digits_cnn"}),
    (48, (2, 3, 16), {"model": "mlp"}),
    (1000, (3, 32, 32), {"optimizer": "adam", "batch_size": 32, "epochs": 20}),
    (4999, (3, 32, 32), {"optimizer": "adam", "batch_size": 32, "epochs": 20}),
    (5000, (3, 32, 32), {"optimizer": "sgd", "batch_size": 64, "epochs": 20}),
    (10**6, (3, 32, 32), {"optimizer": "sgd", "batch_size": 64, "epochs": 20}),
])
def test_settings_by_the_size_of_the_data(n, shape, expected):
    got = suited(n, shape)
    assert {key: got[key] for key in expected} == expected
    assert building.build_net(got["model"], shape, 3) is not None


def test_signals_and_rows_have_networks_of_their_own():
    assert suited(130, (3, 56, 60)) == {"model": "picture_cnn", "optimizer": "adam", "batch_size": 16, "epochs": 223,
                                        "lr": 3e-3, "augment": {"shift": 7, "mirror": False, "padding": "reflect"}}
    assert "lr" not in suited(5000, (3, 40, 40)) and suited(5000, (3, 40, 40))["augment"]["shift"] == 5
    for shape, model in (((3, 8), "signal_cnn"), ((3, 7), "mlp"), ((1, 8000), "signal_cnn"), ((5,), "table_mlp")):
        got = suited(100, shape)
        assert got["model"] == model and "augment" not in got
        assert building.build_net(model, shape, 2) is not None


def test_what_is_given_goes_before_a_recipe():
    row = {"about": "x", "data": "mnist", "model": "mlp", "epochs": 3, "schedule": "cosine", "lr": 0.5}
    assert settled(row, {}) == {"model": "mlp", "epochs": 3, "schedule": "cosine", "lr": 0.5, "optimizer": "sgd",
                                "weight_decay": 5e-4}
    assert settled(row, {"epochs": 7, "weight_decay": 0.0})["epochs"] == 7
    assert settled(row, {"model": "lenet5"})["model"] == "lenet5"


def test_a_learning_rate_is_that_of_an_optimizer():
    row = {"model": "mlp", "optimizer": "sgd", "lr": 0.5}
    assert settled(row, {"optimizer": "sgd"})["lr"] == 0.5
    assert "lr" not in settled(row, {"optimizer": "adam"})
    assert settled(row, {"optimizer": "adam", "lr": 0.25})["lr"] == 0.25


def test_another_optimizer_takes_the_place_of_all_groups():
    settings = settled(RECIPES["airbench"], {"optimizer": "adam"})
    assert settings.keys().isdisjoint({"groups", "loss", "lr"})
    assert settings["weight_decay"] == 5e-4 and settings["batch_size"] == 2000 and "augment" in settings


def test_groups_are_for_their_model():
    with pytest.raises(ValueError, match="parts of airbench in different ways, and vgg_small has other parts"):
        settled(RECIPES["airbench"], {"model": "vgg_small"})
    assert settled(RECIPES["airbench"], {"model": "airbench"})["model"] == "airbench"
