"""scikit-learn's 1,797 handwritten digits: real data that needs no download."""

import importlib.util
import os

import numpy as np

from tinydl.data.dataset import ArrayDataset, DataError
from tinydl.data.registry import register

__all__ = ["load_digits"]


def _table():
    """The 1797 x 65 table of pixels and label."""
    spec = importlib.util.find_spec("sklearn")
    if spec is None or spec.origin is None:
        raise DataError("the digits come with scikit-learn, which is not installed: pip install 'tinydl-cnn[app]'")
    # Reading the file takes 30 ms, importing scikit-learn (and SciPy with it) more than a second.
    path = os.path.join(os.path.dirname(spec.origin), "datasets", "data", "digits.csv.gz")
    if os.path.isfile(path):
        import gzip

        with gzip.open(path, "rt") as file:
            numbers = file.read().replace("\n", ",").rstrip(",")
        table = np.array(numbers.split(","), np.float32)
        if table.size % 65 == 0:
            return table.reshape(-1, 65)
    from sklearn.datasets import load_digits as load

    bunch = load()
    return np.column_stack([bunch.data, bunch.target])


def load_digits(test_fraction=0.2, seed=0):
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

    Raises
    ------
    DataError
        scikit-learn, whose installed files hold the data, is missing.

    References
    ----------
    E. Alpaydin, C. Kaynak, "Optical recognition of handwritten digits", UCI Machine Learning Repository, 1998.
    """
    table = _table()
    images = table[:, :64].astype(np.uint8).reshape(-1, 1, 8, 8)
    data = ArrayDataset(images, table[:, 64].astype(np.int64), class_names="0123456789", mean=0.3053, std=0.3761,
                        scale=1 / 16, name="digits")
    train, test = data.split(test_fraction, seed)
    train.name, test.name = "digits train", "digits test"
    return train, test


register("digits", lambda folder, seed: load_digits(seed=seed), {"model": "digits_cnn", "epochs": 15, "batch_size": 32})
