"""The test samples that a net gets most wrong, in words."""

import numpy as np

from tinydl.train.task import unscaled

__all__ = ["most_wrong"]

_COLUMNS = 6  # of a table that are shown beside a sample


def most_wrong(settings, test, outputs, most=10):
    """The worst mistakes first, as a table.

    Parameters
    ----------
    settings : dict
        Of the run.
    test : ArrayDataset
        With targets in the user's units.
    outputs : array
        What the net says of it.
    most : int

    Returns
    -------
    head : list of str
    rows : list of list of str
        None where all is right. The first cell is the number of the sample in the test data, from 0.
    """
    task = settings.get("task", "classes")
    head, rows = {"classes": _classes, "labels": _labels, "regression": _values}[task](settings, test, outputs, most)
    columns = (test.about.get("columns") or settings.get("about", {}).get("columns") or [])[:_COLUMNS]
    if len(test.image_shape) == 1 and columns:
        head = [*head, *columns]
        rows = [[*row, *(f"{value:.6g}" for value in test.images[int(row[0])][:len(columns)])] for row in rows]
    return head, rows


def _classes(settings, test, outputs, most):
    """Those of which the net is surest of a wrong class."""
    logits = outputs.astype(np.float64)
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    said = shares.argmax(axis=1)
    wrong = np.flatnonzero(said != test.labels)
    order = wrong[np.argsort(-shares[wrong, said[wrong]], kind="stable")][:most]
    names = test.class_names
    return ["sample", "true", "predicted", "sure"], [
        [str(k), names[test.labels[k]], names[said[k]], f"{shares[k, said[k]]:.1%}"] for k in order]


def _labels(settings, test, outputs, most):
    """Those with the wrong answer to one label of which the net is surest."""
    shares = 1 / (1 + np.exp(-outputs.astype(np.float64)))
    sure = np.where((outputs > 0) != (test.labels > 0), np.maximum(shares, 1 - shares), 0)
    label = sure.argmax(axis=1)
    worst = sure.max(axis=1)
    order = np.argsort(-worst, kind="stable")[:min(most, int((worst > 0).sum()))]
    return ["sample", "label", "true", "sure"], [
        [str(k), test.class_names[label[k]], "yes" if test.labels[k, label[k]] > 0 else "no", f"{worst[k]:.1%}"]
        for k in order]


def _values(settings, test, outputs, most):
    """Those with the largest error, in units of each target's standard deviation."""
    said = unscaled(outputs, settings).reshape(len(test), -1)
    true = np.asarray(test.labels, np.float64).reshape(len(test), -1)
    error = np.abs((said - true) / np.asarray(settings["target_std"])).max(axis=1)
    order = np.argsort(-error, kind="stable")[:most]
    return ["sample", "true", "predicted"], [
        [str(k), *(", ".join(f"{value:.4g}" for value in values[k]) for values in (true, said))] for k in order]
