"""Fashion-MNIST: pictures of clothes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinydl.data.idx import load_images
from tinydl.data.registry import File, Source, register

if TYPE_CHECKING:
    from tinydl._types import Path, Split

__all__ = ["FASHION_NAMES", "load_fashion_mnist"]

FASHION_NAMES = ("T-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag",
                 "ankle boot")


def load_fashion_mnist(folder: Path) -> Split:
    """Fashion-MNIST: 60,000 + 10,000 pictures of clothes, 1x28x28; as `load_mnist`.

    References
    ----------
    H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST: a novel image dataset for benchmarking machine learning
    algorithms", 2017.
    """
    return load_images(folder, ("fashion-mnist", "fashion_mnist", "FashionMNIST", "FashionMNIST/raw", "raw"),
                       "Fashion-MNIST", class_names=FASHION_NAMES, mean=0.2860, std=0.3530)


register(
    "fashion-mnist", lambda folder, seed: load_fashion_mnist(folder),
    {"model": "vgg_small", "epochs": 12, "batch_size": 128, "augment": {"shift": 2, "mirror": True}},
    Source("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com", "fashion-mnist", 31, (
        File("train-images-idx3-ubyte.gz", "8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
        File("train-labels-idx1-ubyte.gz", "25c81989df183df01b3e8a0aad5dffbe"),
        File("t10k-images-idx3-ubyte.gz", "bef4ecab320f06d8554ea6380940ec79"),
        File("t10k-labels-idx1-ubyte.gz", "bb300cfdad3c16e7a12a480ee83cd310"))))
