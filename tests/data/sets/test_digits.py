import subprocess
import sys

import numpy as np
import pytest

from tinydl.data import load_digits
from tinydl.data.npz import read_arrays
from tinydl.data.sets import digits


def test_digits_are_those_of_scikit_learn():
    datasets = pytest.importorskip("sklearn.datasets")
    train, test = load_digits()
    bunch = datasets.load_digits()
    assert len(train) + len(test) == 1797
    assert train.image_shape == (1, 8, 8)
    everything = {(*x.reshape(-1).tolist(), y) for part in (train, test)
                  for x, y in zip(part.images, part.labels, strict=True)}
    assert everything == {(*x.astype(int).tolist(), int(y)) for x, y in zip(bunch.data, bunch.target, strict=True)}


def test_a_fifth_of_every_class_is_held_out():
    train, test = load_digits()
    share = np.bincount(test.labels) / np.bincount(np.concatenate([train.labels, test.labels]))
    assert np.abs(share - 0.2).max() < 0.003
    assert not np.array_equal(test.images, load_digits(seed=1)[1].images)
    assert np.array_equal(test.images, load_digits(seed=0)[1].images)


def test_normalisation_is_that_of_the_data():
    train, _ = load_digits()
    x = train.normalised()
    assert abs(x.mean()) < 0.01
    assert abs(x.std() - 1) < 0.01
    assert train.images.max() == 16


def test_numpy_alone_reads_them():
    code = ("import sys; sys.modules.update(dict.fromkeys(('sklearn', 'scipy', 'PIL')));"
            "from tinydl.data import load_digits; train, test = load_digits();"
            "print(len(train), len(test), train.images.dtype)")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1438", "359", "uint8"]


def test_the_order_and_the_sums_that_were_published():
    """The first digits of the table are 0 to 9; 178 zeros; the first image's sum of 294 is that of its row."""
    arrays = read_arrays(digits._FILE)
    assert arrays["y"][:10].tolist() == list(range(10))
    assert np.bincount(arrays["y"]).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert arrays["x"][0].sum() == 294 and arrays["x"].max() == 16
