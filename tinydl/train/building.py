"""What a run is built from, by its settings: net, loss, optimiser, schedule, augmentation, views."""

import fnmatch
import inspect
import itertools
import math

import numpy as np

from tinydl import models, nn, optim, random
from tinydl._check import meant
from tinydl.data import ArrayDataset, Augment
from tinydl.train.evaluation import evaluation_mode
from tinydl.train.freezing import Freeze
from tinydl.train.restarts import Restarted
from tinydl.train.stopping import EarlyStopping

__all__ = [
    "SCHEDULES", "RunError", "build_augment", "build_callbacks", "build_loss", "build_net",
    "build_optimizer", "check_data", "check_settings", "find_model", "model_names", "prepare", "viewed",
]


class RunError(ValueError):
    """A run that cannot be made or continued; one line with the value and the cure."""


# --- net -----------------------------------------------------------------------------------------------------------

def model_names():
    """Names of the networks in `tinydl.models`."""
    return [name for name in models.__all__ if name.islower() and inspect.isfunction(getattr(models, name))]


def find_model(name):
    """The function of `tinydl.models` that makes the network of a name; RunError when there is none."""
    names = model_names()
    if name not in names:
        raise RunError(f"unknown model {name!r}; {meant(name, names)}the networks are {', '.join(names)}")
    return getattr(models, name)


def build_net(name, image_shape, n_classes, seed=0):
    """A network of `tinydl.models` for images of a shape and a number of classes, with weights from `seed`.

    Raises
    ------
    RunError
        Unknown name, or a network that does not take such images or has another number of classes.
    """
    factory = find_model(name)
    known = inspect.signature(factory).parameters
    wanted = {"num_classes": n_classes, "in_channels": image_shape[0], "input_shape": tuple(image_shape)}
    random.manual_seed(seed)
    shape = "x".join(map(str, image_shape))
    try:
        net = factory(**{key: value for key, value in wanted.items() if key in known})
        with evaluation_mode():
            out = net(np.zeros((1, *image_shape), np.float32)).shape
    except (ValueError, TypeError) as error:
        raise RunError(f"model {name} does not take images of {shape}: {error}") from None
    except MemoryError as error:
        raise RunError(f"model {name} for images of {shape} needs more memory than there is ({error})") from None
    if out != (1, n_classes):
        raise RunError(f"model {name} gives {out[-1]} outputs, the data have {n_classes} classes")
    return net


def prepare(settings, net, train):
    """Give parameters the first values that the training images say."""
    whiten = settings.get("whiten")
    if whiten is None:
        return
    parameter = dict(net.named_parameters()).get(whiten["parameter"])
    if parameter is None:
        raise RunError(f"the recipe whitens {whiten['parameter']}, which {settings['model']} does not have")
    nn.init.whitening_(parameter, train.subset(slice(whiten["images"])).normalised())


def viewed(settings, net):
    """The net as it is tested and predicts: over several views, where the recipe has them."""
    return nn.AveragedViews(net, **settings["views"]) if settings.get("views") else net


# --- loss and images -----------------------------------------------------------------------------------------------

_LOSSES = {"classes": nn.CrossEntropyLoss, "labels": nn.BCEWithLogitsLoss, "regression": nn.MSELoss}


def build_loss(settings):
    """The loss that the task has, with the arguments that the settings name."""
    arguments = dict(settings.get("loss", {}))
    if arguments.get("weight") is not None:
        arguments["weight"] = np.array(arguments["weight"], np.float32)
    return _LOSSES[settings.get("task", "classes")](**arguments)


def build_augment(settings):
    """The augmentation of training images, or None."""
    return Augment(**settings["augment"]) if settings.get("augment") else None


# --- optimizer and schedule ----------------------------------------------------------------------------------------

_KINDS = {"muon": optim.Muon, **{name: choice.kind for name, choice in optim.BY_NAME.items()}}
_NO_HYPER_PARAMETERS = ("optimizer", "parameters", "epochs", "decay")


def _matches(name, row):
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in row["parameters"])


def _grouped(settings, net):
    """The optimisers of a recipe's groups as one; its groups are in the order of the recipe's."""
    rows = settings["groups"]
    parameters = {name: p for name, p in net.named_parameters() if p.requires_grad}
    owner = {name: next((k for k, row in enumerate(rows) if _matches(name, row)), None) for name in parameters}
    homeless = [name for name, k in owner.items() if k is None]
    if homeless:
        raise RunError(f"the recipe's groups say nothing of {', '.join(homeless[:3])} of {settings['model']}")
    factor = settings["lr"] / rows[0]["lr"]
    summed = settings.get("loss", {}).get("reduction") == "sum"
    made = []
    for k, row in enumerate(rows):
        group = {key: value for key, value in row.items() if key not in _NO_HYPER_PARAMETERS}
        group["lr"] = row["lr"] * factor
        group["params"] = [p for name, p in parameters.items() if owner[name] == k]
        if not group["params"]:
            raise RunError(f"{settings['model']} has no parameter {' or '.join(row['parameters'])}, which the recipe "
                           "trains")
        if row.get("decay"):
            group["weight_decay"] = settings["weight_decay"] * (settings["batch_size"] / group["lr"] if summed else 1)
        made.append(_KINDS[row["optimizer"]]([group]))
    return optim.MultiOptimizer(*made)


def _momentum(settings):
    """The optimiser's arguments for the momentum that the settings name, none where they name none."""
    momentum, name = settings.get("momentum"), settings["optimizer"]
    if momentum is None:
        return {}
    known = inspect.signature(optim.BY_NAME[name].kind).parameters
    if "momentum" not in known:
        raise RunError(f"{name} has no momentum; leave out --momentum, or choose "
                       + " or ".join(key for key, choice in optim.BY_NAME.items()
                                     if "momentum" in inspect.signature(choice.kind).parameters))
    return {"momentum": momentum, **({"nesterov": momentum > 0} if "nesterov" in known else {})}


def _one_cycle(optimizer, settings, steps):
    moves = any(not {"momentum", "betas"}.isdisjoint(group) for group in optimizer.param_groups)
    return optim.OneCycleLR(optimizer, [group["lr"] for group in optimizer.param_groups],
                            total_steps=settings["epochs"] * steps, cycle_momentum=moves)


def _linear(optimizer, settings, steps):
    rows = settings.get("groups", [{}])
    lengths = [min(row.get("epochs", settings["epochs"]), settings["epochs"]) * steps for row in rows]
    return optim.LinearLR(optimizer, 1.0, 0.0, lengths, per_batch=True)


def _thirds(optimizer, settings, steps):
    return optim.StepLR(optimizer, max(1, math.ceil(settings["epochs"] / 3)))


def _multi_step(optimizer, settings, steps):
    return optim.MultiStepLR(optimizer, [math.ceil(settings["epochs"] * share) for share in (0.5, 0.75)])


SCHEDULES = {
    "onecycle": _one_cycle,
    "cosine": lambda optimizer, settings, steps: optim.CosineAnnealingLR(optimizer, settings["epochs"]),
    "linear": _linear,
    "step": _thirds,
    "multistep": _multi_step,
    "none": lambda optimizer, settings, steps: None,
}


def build_optimizer(settings, net, steps_per_epoch):
    """(optimizer, scheduler or None) as the settings of a run say."""
    if settings.get("groups"):
        optimizer = _grouped(settings, net)
    else:
        optimizer = optim.BY_NAME[settings["optimizer"]].make(
            net.parameters(), settings["lr"], weight_decay=settings["weight_decay"], **_momentum(settings))
    return optimizer, _scheduled(optimizer, settings, steps_per_epoch)


def _scheduled(optimizer, settings, steps):
    """The schedule, or one after the other where a run was made longer after the epochs `restarts`."""
    make, restarts = SCHEDULES[settings["schedule"]], settings.get("restarts") or []
    if settings["schedule"] == "none" or not restarts:
        return make(optimizer, settings, steps)
    rates, made = [group["lr"] for group in optimizer.param_groups], []
    for first, last in itertools.pairwise([0, *restarts, settings["epochs"]]):
        for group, lr in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = lr  # the schedule before has set its first
        made.append(make(optimizer, {**settings, "epochs": last - first}, steps))
    return Restarted(optimizer, made, [epoch * (steps if made[0].per_batch else 1) for epoch in restarts])


def build_callbacks(settings, net):
    """What happens along the way: an early stop; parameters that are trained in the first epochs only are frozen."""
    rows = settings.get("groups") or ()
    early = [EarlyStopping(patience=settings["early_stopping"])] if settings.get("early_stopping") else []
    return early + [Freeze([name for name, _ in net.named_parameters() if _matches(name, row)], row["epochs"])
            for row in rows if row.get("epochs", settings["epochs"]) < settings["epochs"]]


# --- settings from a file ------------------------------------------------------------------------------------------

_OPTIONAL = {"loss": dict, "augment": dict, "views": dict, "whiten": dict, "groups": list, "read": dict, "about": dict,
             "task": str, "target_mean": list, "target_std": list, "early_stopping": int, "momentum": (int, float),
             "val_split": (int, float), "shards": int, "fast_allreduce": bool,
             "sync_batchnorm": bool, "restarts": list}


def check_settings(settings):
    """Raise RunError when settings that only some runs have are those of none."""
    for key, kind in _OPTIONAL.items():
        if settings.get(key) is not None and not isinstance(settings[key], kind):
            raise RunError(f"{key} is {settings[key]!r}, which no run of tinydl has")
    for key, build in (("task", _check_task), ("loss", build_loss), ("augment", build_augment),
                       ("views", lambda settings: viewed(settings, nn.Identity())), ("groups", _check_groups),
                       ("whiten", _check_whiten), ("restarts", _check_restarts)):
        try:
            build(settings)
        except (TypeError, ValueError, KeyError) as error:
            raise RunError(f"{key} is {settings.get(key)!r}, which no run of tinydl has ({error})") from None


def check_data(settings):
    """Raise RunError when what settings say of the run's data can be true of none."""
    shape, names = settings["image_shape"], settings["class_names"]
    if not (1 <= len(shape) <= 3 and all(type(n) is int and 1 <= n < 2**31 for n in shape)):
        raise RunError(f"image_shape is {shape!r}, which no data have (CxHxW, CxL or C, each at least 1)")
    if not all(isinstance(name, str) for name in names):
        raise RunError(f"class_names is {names!r}, which no data have (a list of words)")
    try:
        ArrayDataset(np.zeros((0, shape[0]), np.float32), mean=settings["mean"], std=settings["std"],
                     scale=settings["scale"])
    except (TypeError, ValueError) as error:
        raise RunError(f"{error}, which no data have") from None


def _check_task(settings):
    task = settings.get("task", "classes")
    if task not in _LOSSES:
        raise ValueError(f"one of {', '.join(_LOSSES)}")
    if task == "regression":
        mean, std = (np.array(settings[key], np.float64) for key in ("target_mean", "target_std"))
        if mean.ndim != 1 or mean.shape != std.shape or not (np.isfinite(mean).all() and (std > 0).all()):
            raise ValueError("its target_mean and target_std")
    share = settings.get("val_split")
    if share is not None and not 0 <= share < 1:
        raise ValueError(f"val_split {share}")
    if (settings.get("early_stopping") or 0) < 0:
        raise ValueError(f"early_stopping {settings['early_stopping']}")


def _check_groups(settings):
    for row in settings.get("groups", ()):
        if not (row["optimizer"] in _KINDS and all(isinstance(name, str) for name in row["parameters"])
                and row["lr"] > 0 and row.get("epochs", 1) >= 1):
            raise ValueError(row)


def _check_whiten(settings):
    if "whiten" in settings and not (isinstance(settings["whiten"]["parameter"], str)
                                     and settings["whiten"]["images"] >= 1):
        raise ValueError("parameter and images")


def _check_restarts(settings):
    if not settings.get("restarts"):
        return
    ends = [0, *settings["restarts"], settings["epochs"]]
    if not all(isinstance(end, int) for end in ends) or any(a >= b for a, b in itertools.pairwise(ends)):
        raise ValueError(f"whole numbers that rise and are less than {settings['epochs']}, the epochs")
