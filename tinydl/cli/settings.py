"""The settings of a new run: what the flags, a file and the recipe or the size of the data say."""

import argparse
import json
import os

from tinydl._check import meant
from tinydl._files import open_file
from tinydl.cli.output import UserError
from tinydl.cli.parser import flags_of
from tinydl.distributed.shards import owned

__all__ = ["FLAGS", "check", "check_shards", "from_file", "given", "reading", "resolve", "unset"]

# Flags that only a new run has, in the order in which --resume names them.
_READING = ("size", "mode", "skip_damaged", "label", "drop", "shape", "task", "rate", "seconds",
            "features")
_TRAINING = ("model", "epochs", "batch_size", "lr", "optimizer", "schedule", "weight_decay", "momentum", "val_split",
             "early_stopping")
FLAGS = ("data", "recipe", *_TRAINING, "label_smoothing", "class_weights", "augment", "seed", "out", "config",
         *_READING, "download", "drop_last", "shards", "fast_allreduce", "sync_batchnorm")
# Settings of a run that follow from its data and its machine, and those that only a file can say.
_FACTS = ("image_shape", "class_names", "mean", "std", "scale", "images", "task", "target_mean", "target_std", "about",
          "n_train", "n_test", "data_crc32", "tinydl", "numpy", "isa_level")
_TABLES = {"loss": dict, "views": dict, "whiten": dict, "groups": list, "restarts": list}
_VALIDATED = 0.1  # of data of the user's own
_MAX_BYTES = 10_000_000


def unset(value):
    """Whether a flag was not given (a number 0 was)."""
    return value is None or value is False


def _pick(value, names, what):
    if value not in names:
        raise UserError(f"unknown {what} {value!r}; {meant(value, names)}choose {', '.join(names)}")
    return value


# --- a file --------------------------------------------------------------------------------------------------------

def _parsed(path):
    try:
        with open_file(path) as file:
            if os.fstat(file.fileno()).st_size > _MAX_BYTES:
                raise UserError(f"{path}: too large to be a configuration")
            text = file.read().decode("utf-8")
        if os.path.splitext(path)[1].lower() == ".json":
            content = json.loads(text)
        else:
            import tomllib

            content = tomllib.loads(text)
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or error}") from None
    except (ValueError, RecursionError) as error:  # both parsers' errors are ValueErrors
        raise UserError(f"{path}: cannot be read ({error})") from None
    if not isinstance(content, dict):
        raise UserError(f"{path}: holds no settings")
    return content


def from_file(args):
    """Put the settings of the file --config where no flag says otherwise; returns those that have no flag.

    A file is TOML, or JSON as config.json of a run; keys are flags, with - or _. What a run's file says of its data is
    left out.
    """
    from tinydl.cli.entry import command_line_parser

    path = args.config
    content = _parsed(path)
    a_runs = "data_crc32" in content
    content = {key.replace("-", "_"): value for key, value in content.items() if not (a_runs and key in _FACTS)}
    options = content.pop("read", {})
    if not isinstance(options, dict):
        raise UserError(f"{path}: read is {options!r}, not a table of how data are read")
    content.update(options)
    actions = {action.dest: action for action in flags_of(command_line_parser().commands["train"]).values()}
    extra = {}
    for key, value in content.items():
        if key in _TABLES:
            if not isinstance(value, _TABLES[key]):
                raise UserError(f"{path}: {key} is {value!r}, not a table")
            extra[key] = value
        elif key not in FLAGS and key not in ("data_dir", "threads", "quiet", "json") or key in ("config", "download"):
            raise UserError(f"{path}: unknown setting {key!r}; {meant(key, [*FLAGS, *_TABLES])}".rstrip("; "))
        elif value is not None and unset(getattr(args, key)):
            setattr(args, key, _value(path, actions[key], key, value))
    return extra


def _value(path, action, key, value):
    """A value of a file as its flag would have parsed it."""
    if isinstance(action, argparse._StoreTrueAction):
        if not isinstance(value, bool):
            raise UserError(f"{path}: {key} is {value!r}, not true or false")
        return value
    if key == "drop":
        return [str(name) for name in (value if isinstance(value, list) else [value])]
    if key == "augment" and isinstance(value, dict):
        value = ",".join(f"{name}={str(item).lower() if isinstance(item, bool) else item}"
                         for name, item in value.items() if item is not False) or "none"
    elif isinstance(value, list):
        value = ("x" if key in ("size", "shape") else ",").join(map(str, value))
    try:
        if isinstance(value, (bool, dict)):
            raise argparse.ArgumentTypeError(f"{value!r} is no value for it")
        return (action.type or str)(str(value))
    except (argparse.ArgumentTypeError, ValueError) as error:
        raise UserError(f"{path}: {key}: {error}") from None


# --- settings ------------------------------------------------------------------------------------------------------

def given(args, extra):
    """Settings of a new run that the flags say, checked as far as they can be before the data are read."""
    from tinydl import optim
    from tinydl.recipes import RECIPES
    from tinydl.train import building

    said = {key: getattr(args, key) for key in _TRAINING if getattr(args, key) is not None}
    if args.recipe is not None:
        _pick(args.recipe, RECIPES, "recipe")
    if "optimizer" in said and not (extra.get("groups") and said["optimizer"] == "muon"):
        _pick(said["optimizer"], optim.BY_NAME, "optimizer")
    if "schedule" in said:
        _pick(said["schedule"], building.SCHEDULES, "schedule")
    if "model" in said:
        building.find_model(said["model"])
    if args.augment is not None:
        said["augment"] = args.augment
    return {**said, **extra}


def reading(args):
    """How the user's data are read, as arguments of `data.load`."""
    return {key: getattr(args, key) for key in _READING if getattr(args, key) is not None}


def resolve(args, said, data, train):
    """Settings of a new run, without the data's own facts: a recipe or what suits the data, and the flags.

    Parameters
    ----------
    args : Namespace
    said : dict
        What `given` returned.
    data : str
    train : ArrayDataset
    """
    from tinydl import optim
    from tinydl.data import BY_NAME
    from tinydl.data.registry import find
    from tinydl.recipes import RECIPES, settled, suited

    row = RECIPES[args.recipe] if args.recipe else find(data).recipe
    if not row:
        kept = round(len(train) * (1 - said.get("val_split", _VALIDATED)))
        row = suited(max(1, kept), train.image_shape)
    # A file's groups are the whole of how parts are trained: its optimizer does not take their place.
    settings = settled({**row, **said}, {}) if "groups" in said else settled(row, said)
    if "lr" not in settings:
        settings["lr"] = optim.BY_NAME[settings["optimizer"]].lr
    settings["drop_last"] = args.drop_last or settings.get("drop_last", False)
    settings["recipe"], settings["seed"] = args.recipe, args.seed or 0
    shards = args.shards or args.comm.size
    settings.update({"shards": shards} if shards > 1 else {})
    settings.update({name: True for name in ("fast_allreduce", "sync_batchnorm") if getattr(args, name)})
    stops = settings.get("early_stopping") and not train.about.get("n_valid")
    if "val_split" not in settings and (data not in BY_NAME or stops):
        settings["val_split"] = _validated(train)
    if settings.get("early_stopping") and settings.get("val_split") == 0:
        raise UserError("--early-stopping needs validation images; leave out --val-split 0")
    loss = {**settings.get("loss", {}), **_loss(args, train)}
    if loss:
        settings["loss"] = loss
    return settings


def _validated(train):
    """The share of the training data that is validated on where none is asked for: a tenth, or one of every class."""
    import numpy as np

    labels = train.labels
    most = np.unique(labels, return_counts=True)[1].max() if labels.ndim == 1 and train.n_classes else len(train)
    if round(_VALIDATED * most):
        return _VALIDATED
    return 1 / int(most) if most > 1 else 0.0


def _loss(args, train):
    """Arguments of the loss that the flags say."""
    import numpy as np

    from tinydl.train.task import task_of

    said = {"label_smoothing": args.label_smoothing, "weight": args.class_weights}
    said = {key: value for key, value in said.items() if value is not None and value != "none"}
    if said and task_of(train) != "classes":
        raise UserError("--label-smoothing and --class-weights are for classes; the task of these data is "
                        f"{task_of(train)}")
    weight = said.get("weight")
    if weight == "balanced":
        counts = np.bincount(train.labels.reshape(-1), minlength=train.n_classes)
        said["weight"] = (counts.sum() / (train.n_classes * np.maximum(counts, 1))).tolist()
    elif weight is not None and not any(weight):
        raise UserError("--class-weights are all 0: nothing would be learned")
    elif weight is not None and len(weight) != train.n_classes:
        raise UserError(f"--class-weights has {len(weight)} numbers, the data have {train.n_classes} classes: "
                        f"{', '.join(train.class_names[:10])}")
    return said


def check_shards(settings, comm):
    """Refuse shards that the processes cannot share out evenly."""
    owned(settings.get("shards", 1), comm.rank, comm.size)


def check(settings, net, labels):
    """Refuse settings that do not fit each other or the net, before a folder is made."""
    from tinydl.train import building

    building.check_settings(settings)
    if settings.get("augment"):
        building.build_augment(settings).check(settings["image_shape"], labels)
    building.build_optimizer(settings, net, 1)


