"""What a run is trained for, by its targets: classes, several classes a sample, or a regression."""

import numpy as np

from tinydl.data import DataError

__all__ = ["output_names", "scaled", "split_parts", "target_facts", "task_of", "unscaled"]


def task_of(data):
    """'classes', 'labels' (several classes a sample) or 'regression', by the labels of a data set."""
    if data.labels is None:
        raise DataError(f"{data.name}: has no labels to train on")
    if data.labels.dtype.kind != "f":
        return "classes"
    return "regression" if data.n_classes is None else "labels"


def target_facts(train):
    """What config.json says of the targets: the task, and mean and standard deviation of a regression's."""
    task = task_of(train)
    if task != "regression":
        return {"task": task}
    y = train.labels.astype(np.float64)
    if y.ndim != 2:
        raise DataError(f"{train.name}: targets of a run must have shape (N, K), got {y.shape}")
    std = y.std(axis=0)
    if not (std > 0).all():
        raise DataError(f"{train.name}: all targets in column {int(np.argmin(std))} are {y[0, np.argmin(std)]:g}")
    return {"task": task, "target_mean": y.mean(axis=0).tolist(), "target_std": std.tolist()}


def output_names(settings):
    """A name for each output of a run's net: its classes, or "0", "1", ... of a regression."""
    return [str(k) for k in range(len(settings["target_mean"]))] if settings.get("task") == "regression" \
        else list(settings["class_names"])


def scaled(data, settings):
    """The data as the net is trained on it: targets of a regression have mean 0 and standard deviation 1."""
    if settings.get("task") != "regression":
        return data
    y = (data.labels - np.array(settings["target_mean"])) / np.array(settings["target_std"])
    made = data.like(data.images, y.astype(np.float32))
    made.about = data.about
    return made


def unscaled(outputs, settings):
    """Outputs of the net in the units of the user's targets, float64."""
    outputs = outputs.astype(np.float64)
    if settings.get("task") != "regression":
        return outputs
    return outputs * np.array(settings["target_std"]) + np.array(settings["target_mean"])


def split_parts(settings, train, test):
    """(training, validation or None) of a run's data, in the units of its net.

    The setting "val_split" is the share of every class that is taken from the training data, 0 for none. Without it
    (data sets that come with their test images, as published) the validation part that is published is validated on
    after every epoch, the last ``train.about["n_valid"]`` samples, or else the test images.
    """
    share, published = settings.get("val_split"), train.about.get("n_valid")
    if share is None and published:
        return tuple(scaled(train.subset(part), settings)
                     for part in (slice(0, -published), slice(len(train) - published, None)))
    if not share:
        return scaled(train, settings), scaled(test, settings) if share is None else None
    rest, valid = train.split(share, settings["seed"])
    if len(valid) == 0 or len(rest) == 0:
        raise DataError(f"{train.name}: {len(train)} samples are too few to hold out {share:.0%} of every class for "
                        "validation; --val-split 0 does without")
    return scaled(rest, settings), scaled(valid, settings)
