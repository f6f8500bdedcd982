"""CIFAR-100: colour pictures of a hundred kinds of things."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinydl.data.records import Form, load_records
from tinydl.data.registry import File, Source, register

if TYPE_CHECKING:
    from tinydl._types import Path, Split

__all__ = ["load_cifar100"]

CIFAR100_NAMES = (
    "apple", "aquarium_fish", "baby", "bear", "beaver", "bed", "bee", "beetle", "bicycle", "bottle", "bowl", "boy",
    "bridge", "bus", "butterfly", "camel", "can", "castle", "caterpillar", "cattle", "chair", "chimpanzee", "clock",
    "cloud", "cockroach", "couch", "crab", "crocodile", "cup", "dinosaur", "dolphin", "elephant", "flatfish",
    "forest", "fox", "girl", "hamster", "house", "kangaroo", "keyboard", "lamp", "lawn_mower", "leopard", "lion",
    "lizard", "lobster", "man", "maple_tree", "motorcycle", "mountain", "mouse", "mushroom", "oak_tree", "orange",
    "orchid", "otter", "palm_tree", "pear", "pickup_truck", "pine_tree", "plain", "plate", "poppy", "porcupine",
    "possum", "rabbit", "raccoon", "ray", "road", "rocket", "rose", "sea", "seal", "shark", "shrew", "skunk",
    "skyscraper", "snail", "snake", "spider", "squirrel", "streetcar", "sunflower", "sweet_pepper", "table", "tank",
    "telephone", "television", "tiger", "tractor", "train", "trout", "tulip", "turtle", "wardrobe", "whale",
    "willow_tree", "wolf", "woman", "worm",
)
_FORM = Form("CIFAR-100", CIFAR100_NAMES, 2, r"train\.bin", r"test\.bin", "train.bin", "cifar-100-binary",
             (0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762))


def load_cifar100(path: Path) -> Split:
    """CIFAR-100: 50,000 + 10,000 colour pictures of a hundred classes, 3x32x32.

    Parameters
    ----------
    path : path-like
        A folder with ``train.bin`` and ``test.bin``, the folder around it, or ``cifar-100-binary.tar.gz`` or the folder
        that holds it. Of a picture's two labels the fine one is read.

    Returns
    -------
    train, test : ArrayDataset

    Raises
    ------
    DataError
        Files that are missing, foreign, truncated or hold a label above 99.

    References
    ----------
    A. Krizhevsky, "Learning multiple layers of features from tiny images", 2009.
    """
    return load_records(path, _FORM)


register(
    "cifar100", lambda folder, seed: load_cifar100(folder),
    {"model": "resnet20", "epochs": 30, "batch_size": 128, "augment": {"shift": 4, "mirror": True}},
    Source("https://www.cs.toronto.edu/~kriz", "cifar100", 169, (
        File("cifar-100-binary.tar.gz", "03b5dce01913d631647c71ecec9e9cb8"),)))
