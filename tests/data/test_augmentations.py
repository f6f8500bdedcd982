"""Each row of the table on small numbers worked by hand, and the words that name them."""

import zlib
from pathlib import Path

import numpy as np
import pytest

from tinydl.data import augmentations as table
from tinydl.data.augmentations import AUGMENTATIONS, Scene, checked, from_words, mix

ARROW = np.array([[0, 8, 0, 0], [8, 8, 8, 0], [0, 0, 8, 4], [2, 0, 0, 0]], np.float32)


def changed(name, batch, drawn=None, *, settings=None, black=0.0, samples=None, epoch=0, **more):
    """A batch (B, H, W) or (B, H, W, C) after the change of a row."""
    batch = np.array(batch, np.float32)
    rows = batch if batch.ndim == 4 else batch[..., None]
    scene = Scene(settings or {}, np.arange(len(rows)) if samples is None else np.array(samples),
                  np.full(rows.shape[-1], black, np.float32), 5, epoch)
    AUGMENTATIONS[name].change(rows, scene, **({} if drawn is None else {name: np.array(drawn)}), **more)
    return rows.reshape(batch.shape)


@pytest.mark.parametrize("turns", [0, 1, 2, 3, -1])
def test_quarter_turns_are_those_of_numpy(turns):
    got = changed("rotate", [ARROW, ARROW], [turns * np.pi / 2, 0])
    np.testing.assert_allclose(got[0], np.rot90(ARROW, turns), atol=1e-5)
    assert np.array_equal(got[1], ARROW)


def test_enlarged_twice_by_hand():
    """Pixels -3/2, -1/2, 1/2, 3/2 from the middle come from half as far: the weights are 1/4 and 3/4."""
    got = changed("scale", np.array([[[0, 4, 8, 12]]]), [2.0])
    np.testing.assert_allclose(got[0, 0], [3, 5, 7, 9])


@pytest.mark.parametrize(("settings", "line"), [({}, [-1, -1, 0, 6, -1, -1]),
                                               ({"padding": "reflect"}, [5, 1, 0, 6, 4, 8])])
def test_shrunk_to_a_third_by_hand(settings, line):
    """Columns 0 to 5 come from -5, -2, 1, 4, 7, 10: outside is black, or the line mirrored at 0 and 5."""
    got = changed("scale", np.array([[[8, 0, 1, 4, 6, 5]]]), [1 / 3], settings=settings, black=-1.0)
    np.testing.assert_allclose(got[0, 0], line, atol=1e-5)


def test_half_a_pixel_outside_is_half_black():
    got = changed("scale", np.array([[[6.0, 6.0]]]), [0.5], black=-2.0)  # from -1/2 and 3/2
    np.testing.assert_allclose(got[0, 0], [2, 2])


def test_light_by_hand():
    assert changed("brightness", [[[1.0, 3.0]]], [2.0], black=-1.0).tolist() == [[[3.0, 7.0]]]
    assert changed("contrast", [[[1.0, 3.0]], [[0.0, 4.0]]], [0.5, 2.0]).tolist() == [[[1.5, 2.5]], [[-2.0, 6.0]]]
    channels = changed("contrast", [[[[1.0, 10.0], [3.0, 30.0]]]], [0.5])
    assert channels.tolist() == [[[[1.5, 15.0], [2.5, 25.0]]]]


def test_noise_is_normal_and_by_sample():
    zeros = np.zeros((3, 20, 20), np.float32)
    settings = {"noise": 2.0}
    got = changed("noise", zeros, settings=settings)
    assert abs(got.mean()) < 0.3 and 1.8 < got.std() < 2.2
    assert np.array_equal(changed("noise", zeros[:2], settings=settings, samples=[2, 0]), got[[2, 0]])
    assert not np.array_equal(got[0], got[1])
    assert not np.array_equal(changed("noise", zeros, settings=settings, epoch=1), got)
    # The stream as it stands in NumPy: sample k begins at counter (0, 0, k, 0).
    key = np.random.SeedSequence((5, zlib.crc32(b"noise"), 0))
    bits = np.random.Philox(key)
    bits.advance(2 << 128)
    expected = 2 * np.random.Generator(bits).standard_normal((20, 20), np.float32)
    assert np.array_equal(got[2], expected)


@pytest.mark.parametrize(("place", "rows", "columns"), [((0.5, 0.5), (1, 3), (1, 3)), ((0.0, 0.99), (0, 1), (2, 4)),
                                                        ((0.99, 0.0), (2, 4), (0, 1))])
def test_cutout_is_cut_off_at_the_edges(place, rows, columns):
    got = changed("cutout", np.ones((1, 4, 4)), [place], settings={"cutout": 2})
    expected = np.ones((4, 4))
    expected[slice(*rows), slice(*columns)] = 0
    assert np.array_equal(got[0], expected)


def test_mixup_by_hand():
    batch, others = np.full((2, 1, 2, 1), 8, np.float32), np.full((2, 1, 2, 1), 4, np.float32)
    share = mix(batch, others, mixup=np.array([[0.25, 0.9], [1.0, 0.0]]))
    assert share.tolist() == [0.25, 1.0] and batch.reshape(2, 2).tolist() == [[5, 5], [8, 8]]
    assert np.all(others == 4)


def test_cutmix_by_hand():
    """A quarter of 4x4 is a box of 2x2; half of 8 steps of a signal is a span of 4, here cut off at its begin."""
    batch, others = np.zeros((1, 4, 4, 1), np.float32), np.ones((1, 4, 4, 1), np.float32)
    assert mix(batch, others, cutmix=np.array([[0.75, 0.5, 0.5]])).tolist() == [0.75]
    assert batch[0, :, :, 0].tolist() == [[0, 0, 0, 0], [0, 1, 1, 0], [0, 1, 1, 0], [0, 0, 0, 0]]
    batch = np.zeros((1, 1, 8, 1), np.float32)
    assert mix(batch, np.ones_like(batch), cutmix=np.array([[0.5, 0.9, 0.125]])).tolist() == [1 - 3 / 8]
    assert batch[0, 0, :, 0].tolist() == [1, 1, 1, 0, 0, 0, 0, 0]


def test_both_mixtures_by_their_coin():
    batch = np.zeros((2, 4, 4, 1), np.float32)
    share = mix(batch, np.ones_like(batch), np.array([[0.5, 0.4], [0.5, 0.6]]), np.array([[0.75, 0.5, 0.5]] * 2))
    assert share.tolist() == [0.5, 0.75] and np.all(batch[0] == 0.5) and set(batch[1].ravel().tolist()) == {0, 1}


@pytest.mark.parametrize("name", [name for name, row in AUGMENTATIONS.items() if row.draw is not None])
def test_draws_follow_their_distribution(name):
    """Range, mean and variance of 5000; Beta(1, 1), the share of cutmix, is uniform too."""
    row, n = AUGMENTATIONS[name], 5000
    drawn = row.draw(table.stream(name, 1, 2), n, row.check(row.example))
    assert len(drawn) == n and np.array_equal(drawn, row.draw(table.stream(name, 1, 2), n, row.check(row.example)))
    low, high = {"rotate": (-np.pi / 18, np.pi / 18), "scale": (0.9, 1.1), "brightness": (0.8, 1.2),
                 "contrast": (0.8, 1.2)}.get(name, (0, 1))
    # 1/12 is the variance of the uniform distribution, 1 / (4 (2 * 0.2 + 1)) that of Beta(0.2, 0.2).
    columns = drawn.reshape(n, -1).T
    variances = [1 / 5.6, 1 / 12] if name == "mixup" else [1 / 12] * len(columns)
    for column, variance in zip(columns, variances, strict=True):
        share = (column - low) / (high - low)
        assert 0 <= share.min() < 0.01 and 0.99 < share.max() <= 1
        assert abs(share.mean() - 0.5) < 0.02 and abs(share.var() - variance) < 0.005


@pytest.mark.parametrize(("settings", "error", "message"), [
    ({"rotate": 181}, ValueError, "rotate must be degrees from 0 to 180, got 181"),
    ({"noise": np.nan}, ValueError, "noise must be a standard deviation from 0 to 1e+06, got nan"),
    ({"mixup": True}, ValueError, "mixup must be a number from 0 to 100, got True"),
    ({"cutout": 1.5}, ValueError, "cutout must be a number of pixels"),
    ({"rotation": 3}, TypeError, "'rotation' is no augmentation; did you mean rotate?"),
])
def test_values_that_cannot_be(settings, error, message):
    with pytest.raises(error) as caught:
        checked(settings)
    assert message in str(caught.value)


def test_words():
    assert from_words("rotate=10, cutout=8,noise=1e-2") == {"shift": 0, "mirror": False, "rotate": 10.0, "cutout": 8,
                                                           "noise": 0.01}
    assert set(from_words(table.usual_words())) == set(AUGMENTATIONS)
    with pytest.raises(ValueError, match=r"'turn' is no augmentation; there are shift, .*, or none"):
        from_words("turn")
    with pytest.raises(ValueError, match="shift must be a number of pixels, 0 or more, got 'far'"):
        from_words("shift=far")


def test_the_page_has_the_table():
    page = (Path(__file__).parents[2] / "docs" / "5-training.md").read_text()
    for name, row in AUGMENTATIONS.items():
        assert f"| {name} | {row.example} | {row.about} |" in page
