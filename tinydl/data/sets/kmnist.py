"""Kuzushiji-MNIST: cursive Japanese letters in MNIST's form."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinydl.data.idx import load_images
from tinydl.data.registry import File, Source, register

if TYPE_CHECKING:
    from tinydl._types import Path, Split

__all__ = ["load_kmnist"]

KMNIST_NAMES = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")


def load_kmnist(folder: Path) -> Split:
    """Kuzushiji-MNIST: 60,000 + 10,000 handwritten letters of ten kinds, 1x28x28; as `load_mnist`.

    References
    ----------
    T. Clanuwat et al., "Deep learning for classical Japanese literature", arXiv:1812.01718, 2018. CC BY-SA 4.0.
    """
    return load_images(folder, ("kmnist", "KMNIST", "KMNIST/raw", "raw"), "KMNIST", class_names=KMNIST_NAMES,
                       mean=0.1918, std=0.3483)


register(
    "kmnist", lambda folder, seed: load_kmnist(folder), {"model": "lenet_bn", "epochs": 5, "batch_size": 64},
    Source("http://codh.rois.ac.jp/kmnist/dataset/kmnist", "kmnist", 21, (
        File("train-images-idx3-ubyte.gz", "bdb82020997e1d708af4cf47b453dcf7"),
        File("train-labels-idx1-ubyte.gz", "e144d726b3acfaa3e44228e80efcd344"),
        File("t10k-images-idx3-ubyte.gz", "5c965bf0a639b31b8f53240b1b52f4d7"),
        File("t10k-labels-idx1-ubyte.gz", "7320c461ea6c1c855c0b718fb2a4b134"))))
