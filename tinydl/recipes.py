"""Recipes: what trains well, by name, by data set and by the size of the data.

A recipe is the settings of a run, in words that JSON holds. Beside what `tinydl train` has a flag for:

| setting | what |
|---|---|
| loss | arguments of `nn.CrossEntropyLoss` |
| augment | arguments of `data.Augment`, absent for none |
| views | arguments of `nn.AveragedViews`, with which the trained net is tested, absent for none |
| whiten | `parameter` that `nn.init.whitening_` fills from so many training `images` |
| groups | optimisers of some parameters each; see `GROUPED` |
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

__all__ = ["GROUPED", "MODELS", "RECIPES", "SIZES", "Fit", "settled", "suited"]

# Settings that belong to a recipe with `groups` and fall with them when another optimiser is chosen. A group has an
# `optimizer`, the `parameters` it is for, as patterns of names of which the first that fits counts, and
# hyper-parameters. `epochs`: it is trained in the first ones only. `decay`: the run's weight decay is for it; where the
# loss is summed, so is the penalty, and it is divided by the group's learning rate. The first group has the run's
# learning rate, and the others keep their proportion to it.
GROUPED = ("groups", "optimizer", "lr", "weight_decay", "loss")

_GENERAL = {"optimizer": "sgd", "schedule": "onecycle", "weight_decay": 5e-4}

_SGD = {"optimizer": "sgd", "momentum": 0.85, "nesterov": True, "decay": True}

RECIPES = {
    "airbench": {
        "about": "CIFAR-10, 94 % in 8 epochs", "data": "cifar10", "model": "airbench", "epochs": 8, "batch_size": 2000,
        "drop_last": True, "schedule": "linear", "optimizer": "muon", "lr": 0.24, "weight_decay": 2e-6,
        "groups": [
            {"optimizer": "muon", "parameters": ["layers.*.weight"], "lr": 0.24, "momentum": 0.6, "ns_steps": 3,
             "weight_decay": 0.0, "renormalise": True},
            {**_SGD, "parameters": ["whiten.bias"], "lr": 0.053, "epochs": 3},
            {**_SGD, "parameters": ["layers.*.bias"], "lr": 0.053},
            {**_SGD, "parameters": ["head.weight"], "lr": 0.67},
        ],
        "loss": {"label_smoothing": 0.2, "reduction": "sum"},
        "augment": {"shift": 2, "mirror": "alternate", "padding": "reflect"},
        "whiten": {"parameter": "whiten.weight", "images": 5000},
        "views": {"shift": 1, "mirror": True},
    },
    "resnet20": {
        "about": "CIFAR-10, 91.25 % in 164 epochs", "data": "cifar10", "model": "resnet20", "epochs": 164,
        "batch_size": 128, "schedule": "multistep", "optimizer": "sgd", "lr": 0.1, "weight_decay": 1e-4,
        "augment": {"shift": 4, "mirror": True},
    },
}

# For data of the user's own: from so many training images on (the first row that fits counts). On 144 pictures of
# shapes, 32x32, SGD for 20 epochs guesses; Adam for 300 steps has 89 to 97 % right with vgg_small, and for 600 steps
# with shifts and the larger learning rate 94 to 100 %.
SIZES = (
    (5000, {"optimizer": "sgd", "batch_size": 64, "least_epochs": 20}),
    (0, {"optimizer": "adam", "batch_size": 32, "least_epochs": 20}),
)


class Fit(NamedTuple):
    """A network for data of the user's own, and how few of them it learns.

    Attributes
    ----------
    axes, least : int
        It is for samples of so many axes, the last of them (the last two of a picture) at least so long.
    model : str
    steps : int
        Adam takes so many at least.
    lr : float or None
        Of Adam; None for its own.
    shift : float
        Pictures are shifted by this share of the shorter side at most.
    """

    axes: int
    least: int
    model: str
    steps: int = 300
    lr: float | None = None
    shift: float = 0.0


# The first row that fits counts. bench/own_data.py draws what they were chosen by.
MODELS = (
    Fit(3, 40, "picture_cnn", 2000, 3e-3, 1 / 8),
    Fit(3, 16, "vgg_small", 600, 3e-3, 1 / 8),
    Fit(3, 4, "digits_cnn"),
    Fit(2, 8, "signal_cnn", 600, 3e-3),
    Fit(1, 1, "table_mlp", 1000, 3e-3),
    Fit(0, 0, "mlp"),
)


def suited(n_images: int, image_shape: Sequence[int]) -> dict[str, Any]:
    """Settings for data of the user's own, by their number (`SIZES`) and their shape (`MODELS`).

    Parameters
    ----------
    n_images : int
        For training.
    image_shape : tuple of int

    Returns
    -------
    dict
        model, optimizer, batch_size, epochs, and lr and augment where the network has its own. A batch is an eighth of
        the images at most, and there are as many epochs as it takes to make the steps of few images.
    """
    row: dict[str, Any] = next(row for least, row in SIZES if n_images >= least)
    axes, side = len(image_shape), min(image_shape[-2:] if len(image_shape) == 3 else image_shape[-1:])
    fit = next(fit for fit in MODELS if fit.axes in (0, axes) and side >= fit.least)
    batch_size = max(1, min(row["batch_size"], n_images // 8))
    few = row["optimizer"] == "adam"
    steps = fit.steps if few else 0
    settings = {"model": fit.model, "optimizer": row["optimizer"], "batch_size": batch_size,
                "epochs": max(row["least_epochs"], math.ceil(steps / math.ceil(n_images / batch_size)))}
    if few and fit.lr is not None:
        settings["lr"] = fit.lr
    if fit.shift:
        settings["augment"] = {"shift": int(fit.shift * side), "mirror": False, "padding": "reflect"}
    return settings


def settled(row: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """The settings of a run: those of a recipe, and what was said otherwise in their place.

    Parameters
    ----------
    row : dict
        An entry of `RECIPES`, or the settings that suit the data.
    given : dict
        Settings that the user gave.

    Returns
    -------
    dict
        Without "lr" where neither gives one and the optimiser's own is meant.

    Raises
    ------
    ValueError
        Another model than that which the recipe's groups are for.
    """
    row = {key: value for key, value in row.items() if key not in ("about", "data")}
    if "groups" in row and given.get("model", row["model"]) != row["model"]:
        raise ValueError(f"this recipe trains the parts of {row['model']} in different ways, and {given['model']} has "
                         "other parts; leave out --model or --recipe")
    if "optimizer" in given:
        fallen = GROUPED if "groups" in row else ("lr",) if given["optimizer"] != row.get("optimizer") else ()
        row = {key: value for key, value in row.items() if key not in fallen}
    return {**_GENERAL, **row, **given}
