"""Folders with one folder a class: which files belong to which class, and reading many of them at once."""

import os
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from tinydl._check import path_of, printable
from tinydl.data.dataset import ArrayDataset, DataError

__all__ = ["Layout", "each", "kind_of_folder", "part_datasets", "scan", "walked"]

_TRAIN, _TEST = "train", ("test", "val", "valid", "validation")


class Layout(NamedTuple):
    """The files of a folder of classes.

    Attributes
    ----------
    class_names : tuple of str
    files : list of str
        Their paths, those for training first.
    labels : array of int64, shape (N,)
    n_train : int or None
        How many of them are for training; None when none are said to be for testing.
    notes : list of str
        What was left out.
    """

    class_names: tuple[str, ...]
    files: list[str]
    labels: np.ndarray
    n_train: int | None
    notes: list[str]


def _entries(folder):
    """(folders, files) in a folder, by name, without hidden ones."""
    try:
        entries = sorted((e for e in os.scandir(folder) if not _hidden(e.name)), key=lambda e: e.name)
    except OSError as error:
        raise DataError(f"{folder}: {error.strerror or error}") from None
    return [e.name for e in entries if e.is_dir()], [e.name for e in entries if e.is_file()]


def _hidden(name):
    """Whether a file or folder is one that its owner does not see; __MACOSX is in archives that a Mac has packed."""
    return name.startswith(".") or name == "__MACOSX"


def _has(name, extensions):
    return os.path.splitext(name)[1].lower() in extensions


def walked(folder):
    """`os.walk`; a folder that cannot be read is an error and not left out."""
    def fail(error):
        raise DataError(f"{error.filename}: {error.strerror or error}")

    return os.walk(folder, onerror=fail)


def _below(folder, extensions):
    """(files, number of files of other kinds) anywhere below a folder, by name."""
    found, others = [], 0
    for place, folders, names in walked(folder):
        folders[:] = sorted(name for name in folders if not _hidden(name))
        for name in sorted(names):
            if name.startswith("."):
                continue
            if _has(name, extensions):
                found.append(os.path.join(place, name))
            else:
                others += 1
    return found, others


def kind_of_folder(folder, kinds):
    """Which kind of files a folder of classes holds.

    Parameters
    ----------
    folder : str
    kinds : dict
        {name: extensions}.

    Returns
    -------
    str
    """
    counts = {kind: len(_below(folder, extensions)[0]) for kind, extensions in kinds.items()}
    present = [kind for kind, count in counts.items() if count]
    if len(present) > 1:
        raise DataError(f"{folder}: holds " + " and ".join(f"{counts[kind]} {kind}" for kind in present)
                        + "; a folder of classes has one kind of file")
    if not present:
        wanted = " or ".join(f"{kind} ({', '.join(extensions[:3])}, ...)" if len(extensions) > 3 else
                             f"{kind} ({', '.join(extensions)})" for kind, extensions in kinds.items())
        raise DataError(f"{folder}: no {wanted} in it; it must hold one folder a class")
    return present[0]


def _classes(folder, extensions, what):
    """({class: files}, notes) of a folder that has one folder a class."""
    names, loose = _entries(folder)
    notes = []
    if any(_has(name, extensions) for name in loose):
        first = next(name for name in loose if _has(name, extensions))
        if not names:
            raise DataError(f"{folder}: {first} and other {what} lie in the folder itself; put them into one folder a "
                            "class")
        notes.append(f"{sum(_has(name, extensions) for name in loose)} {what} that lie in {folder} itself belong to no "
                     "class and are left out")
    classes, others = {}, 0
    for name in names:
        if os.path.join(os.path.realpath(folder), "").startswith(
                os.path.join(os.path.realpath(os.path.join(folder, name)), "")):
            raise DataError(f"{os.path.join(folder, name)}: a link to a folder that it lies in; remove it")
        classes[name], more = _below(os.path.join(folder, name), extensions)
        others += more
    empty = [name for name, files in classes.items() if not files]
    if empty:
        raise DataError(f"{os.path.join(folder, empty[0])}: a class without {what}; remove the folder, or fill it")
    if others:
        notes.append(f"{others} files that are no {what} are left out")
    return classes, notes


def scan(folder, extensions, what):
    """The classes and files of a folder: one folder a class, or these in train/ and test/ (or val/).

    Parameters
    ----------
    folder : str
    extensions : sequence of str
        Of the files that count, in lower case with the dot.
    what : str
        What they are, in the plural.

    Returns
    -------
    Layout

    Raises
    ------
    DataError
        No folder, files beside no folders, a class without files, fewer than two classes, a class that is only tested.
    """
    folder = path_of(folder)
    if not os.path.isdir(folder):
        raise DataError(f"{folder}: no such folder")
    names, _ = _entries(folder)
    by_lower = {name.lower(): name for name in reversed(names)}
    tests = [by_lower[name] for name in _TEST if name in by_lower]
    split = _TRAIN in by_lower and bool(tests) and bool(_entries(os.path.join(folder, by_lower[_TRAIN]))[0])
    if not split:
        classes, notes = _classes(folder, extensions, what)
        parts = [(folder, classes)]
    else:
        parts, notes = [], []
        for name in (by_lower[_TRAIN], tests[0]):
            place = os.path.join(folder, name)
            classes, more = _classes(place, extensions, what)
            parts.append((place, classes))
            notes += more
        notes += [f"{os.path.join(folder, name)} is not read: {tests[0]} is the test part, and validation is split off "
                  "from the training part" for name in tests[1:]]
    known = parts[0][1]
    if len(known) < 2:
        said = f"only the class {next(iter(known))!r}" if known else "no folders of classes"
        raise DataError(f"{parts[0][0]}: {said}; a net needs two classes to tell apart, each in a folder of its own")
    class_names = tuple(known)
    files, labels = [], []
    for place, classes in parts:
        for name, found in classes.items():
            if name not in known:
                raise DataError(f"{os.path.join(place, name)}: a class that {parts[0][0]} does not have")
            files += found
            labels += [class_names.index(name)] * len(found)
    n_train = sum(map(len, known.values())) if split else None
    return Layout(tuple(map(printable, class_names)), files, np.array(labels, np.int64), n_train, notes)


def each(function, items, report=None):
    """``[function(item) for item in items]`` by several threads; DataError is put in the place of what it prevented.

    Parameters
    ----------
    function : callable
    items : sequence
    report : callable, optional
        Called with (items done, items in all).
    """
    def safe(item):
        try:
            return function(item)
        except DataError as error:
            return error

    results = []
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        try:
            for result in pool.map(safe, items):
                results.append(result)
                if report is not None:
                    report(len(results), len(items))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return results


def part_datasets(folder, samples, layout, test_fraction, seed, **normalisation):
    """(train, test) of all samples in the order of the layout's files."""
    name = os.path.basename(os.path.abspath(folder))
    data = ArrayDataset(samples, layout.labels, class_names=layout.class_names, name=name, **normalisation)
    if layout.n_train is None:
        train, test = data.split(test_fraction, seed)
        if len(test) == 0:
            raise DataError(f"{folder}: {len(data)} files are too few to hold out {test_fraction:.0%} of every class")
    else:
        train, test = data.subset(slice(0, layout.n_train)), data.subset(slice(layout.n_train, None))
    train = train.with_statistics()
    test = train.like(test.images, test.labels, f"{name} test")
    train.name = f"{name} train"
    return train, test
