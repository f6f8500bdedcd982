"""MNIST: handwritten digits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinydl.data.idx import load_images
from tinydl.data.registry import File, Source, register

if TYPE_CHECKING:
    from tinydl._types import Path, Split

__all__ = ["load_mnist"]


def load_mnist(folder: Path) -> Split:
    """MNIST: 60,000 + 10,000 handwritten digits, 1x28x28.

    Parameters
    ----------
    folder : path-like
        Holds the four IDX files, plain or gzipped; ``mnist/``, ``MNIST/`` and ``MNIST/raw/`` in it are tried too.

    Returns
    -------
    train, test : ArrayDataset

    Raises
    ------
    DataError
        Files that are missing, foreign, truncated or do not fit together.

    References
    ----------
    Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to document recognition", 1998.
    """
    return load_images(folder, ("mnist", "MNIST", "MNIST/raw", "raw"), "MNIST", class_names="0123456789", mean=0.1307,
                       std=0.3081)


register(
    "mnist", lambda folder, seed: load_mnist(folder),
    {"model": "lenet_bn", "epochs": 1, "batch_size": 64},
    Source("https://ossci-datasets.s3.amazonaws.com/mnist", "mnist", 12, (
        File("train-images-idx3-ubyte.gz", "f68b3c2dcbeaaa9fbdd348bbdeb94873", "6bbc9ace898e44ae57da46a324031adb"),
        File("train-labels-idx1-ubyte.gz", "d53e105ee54ea40749a09fcbcd1e9432", "a25bea736e30d166cdddb491f175f624"),
        File("t10k-images-idx3-ubyte.gz", "9fb629c4189551a2d022fa330f9573f3", "2646ac647ad5339dbf082846283269ea"),
        File("t10k-labels-idx1-ubyte.gz", "ec29112dd5afa0611ce80d1b7f02629c", "27ae3e4e09519cfbb04c329615203637"))))
