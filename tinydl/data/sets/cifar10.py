"""CIFAR-10: colour pictures of ten kinds of animals and vehicles."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinydl.data.records import Form, load_records
from tinydl.data.registry import File, Source, register

if TYPE_CHECKING:
    from tinydl._types import Path, Split

__all__ = ["load_cifar10"]

CIFAR10_NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
_FORM = Form("CIFAR-10", CIFAR10_NAMES, 1, r"data_batch_\d+\.bin", r"test_batch\.bin", "data_batch_*.bin",
             "cifar-10-batches-bin", (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616))


def load_cifar10(path: Path) -> Split:
    """CIFAR-10: 50,000 + 10,000 colour pictures of ten classes, 3x32x32.

    Parameters
    ----------
    path : path-like
        A folder with ``data_batch_*.bin`` and ``test_batch.bin``, the folder around it, or ``cifar-10-binary.tar.gz``
        or the folder that holds it. Training batches that are absent are left out; the dataset's size tells.

    Returns
    -------
    train, test : ArrayDataset

    Raises
    ------
    DataError
        Files that are missing, foreign, truncated or hold a label above 9.

    References
    ----------
    A. Krizhevsky, "Learning multiple layers of features from tiny images", 2009.
    """
    return load_records(path, _FORM)


register(
    "cifar10", lambda folder, seed: load_cifar10(folder),
    {"model": "resnet20", "epochs": 20, "batch_size": 128, "augment": {"shift": 4, "mirror": True}},
    Source("https://www.cs.toronto.edu/~kriz", "cifar10", 170, (
        File("cifar-10-binary.tar.gz", "c32a1d4ab5d03f1284b67883e8d87530"),)))
