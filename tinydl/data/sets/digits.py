"""The 1,797 handwritten digits that come with tinydl: real data that needs no download and no other package.

`digits.npz` beside this file holds the test part of the "Optical recognition of handwritten digits" of the UCI Machine
Learning Repository (E. Alpaydin and C. Kaynak, 1998, doi:10.24432/C50P49), under the licence CC BY 4.0. The values are
those of the publication, its table of text became two arrays.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np

from tinydl.data.dataset import ArrayDataset
from tinydl.data.npz import read_arrays
from tinydl.data.registry import register

if TYPE_CHECKING:
    from tinydl._types import Split

__all__ = ["load_digits"]

_FILE = os.path.join(os.path.dirname(__file__), "digits.npz")


def load_digits(test_fraction: float = 0.2, seed: int = 0) -> Split:
    """The 1,797 digits of 1x8x8 pixels with 17 grey levels, split into training and test data.

    Parameters
    ----------
    test_fraction : float
        Share of every class that is held out.
    seed : int
        Fixes which images are held out.

    Returns
    -------
    train, test : ArrayDataset
        1,438 and 359 images by default; uint8 from 0 to 16, scaled by 1/16.

    References
    ----------
    E. Alpaydin, C. Kaynak, "Optical recognition of handwritten digits", UCI Machine Learning Repository, 1998,
    doi:10.24432/C50P49, CC BY 4.0.
    """
    arrays = read_arrays(_FILE)
    data = ArrayDataset(arrays["x"][:, None], arrays["y"].astype(np.int64), class_names="0123456789", mean=0.3053,
                        std=0.3761, scale=1 / 16, name="digits")
    train, test = data.split(test_fraction, seed)
    train.name, test.name = "digits train", "digits test"
    return train, test


register("digits", lambda folder, seed: load_digits(seed=seed), {"model": "digits_cnn", "epochs": 15, "batch_size": 32})
