"""Geometry of windows: the tuples that kernels take, by hand, and what is refused."""

import pickle

import numpy as np
import pytest

import tinydl as td
from tinydl.ops.geometry import ConvGeometry, ConvGeometry1d, PoolGeometry, PoolGeometry1d

#        N  C  H  W   O  KH KW SH SW PH PW DH DW G  P  Q
CONV = (2, 6, 9, 11, 8, 3, 2, 2, 3, 1, 0, 2, 1, 2, 4, 4)
SIGNAL = (2, 3, 1, 10, 5, 1, 4, 1, 2, 0, 1, 1, 2, 1, 1, 3)
#        N  C  H  W   KH KW SH SW PH PW DH DW P  Q
POOL = (2, 3, 7, 8, 3, 2, 2, 3, 1, 0, 1, 2, 4, 2)


def conv():
    return ConvGeometry.of((2, 6, 9, 11), (8, 3, 3, 2), (2, 3), (1, 0), (2, 1), 2)


def signal():
    return ConvGeometry.of((2, 3, 10), (5, 3, 4), (2,), (1,), (2,), 1)


def test_a_convolution_by_hand():
    # Rows: 9 + 2 entries, a window reaches over 2*(3-1)+1 = 5, (11 - 5) // 2 + 1 = 4; columns: (11 - 2) // 3 + 1 = 4.
    geometry = conv()
    assert type(geometry) is ConvGeometry and geometry == CONV
    assert (geometry.O, geometry.DH, geometry.G, geometry.Q) == (8, 2, 2, 4)
    assert geometry.in_shape == (2, 6, 9, 11) and geometry.out_shape == (2, 8, 4, 4)
    assert (geometry.window, geometry.stride, geometry.reach) == ((3, 2), (2, 3), (5, 2))
    assert geometry.macs == 2 * 8 * 4 * 4 * 3 * 3 * 2


def test_a_signal_is_an_image_of_one_row():
    # (10 + 2 - (2*3 + 1)) // 2 + 1 = 3
    geometry = signal()
    assert type(geometry) is ConvGeometry1d and geometry == SIGNAL
    assert geometry.in_shape == (2, 3, 10) and geometry.out_shape == (2, 5, 3)
    assert geometry.reach == (1, 7) and geometry.macs == 2 * 5 * 3 * 3 * 4


def test_a_transposed_convolution_has_the_geometry_of_the_convolution():
    # (4-1)*2 - 2 + 5 = 9 rows, (4-1)*3 + 2 = 11 columns, and one row that the stride leaves undetermined.
    found = ConvGeometry.of_transposed((2, 8, 4, 4), (8, 3, 3, 2), (2, 3), (1, 0), (0, 0), (2, 1), 2)
    assert found == CONV and found.in_shape == (2, 6, 9, 11)
    found = ConvGeometry.of_transposed((2, 8, 4, 4), (8, 3, 3, 2), (2, 3), (1, 0), (1, 0), (2, 1), 2)
    assert found.in_shape == (2, 6, 10, 11) and found.out_shape == (2, 8, 4, 4)
    assert ConvGeometry.of_transposed((2, 5, 3), (5, 3, 4), (2,), (1,), (1,), (2,), 1) == SIGNAL
    assert ConvGeometry.of_transposed((2, 5, 3), (5, 3, 4), (2,), (1,), (1,), (2,), 1).in_shape == (2, 3, 10)


def test_a_pooling_window_by_hand():
    # Rows: (7 + 2 - 3) // 2 + 1 = 4; columns: (8 - 3) // 3 + 1 = 2.
    geometry = PoolGeometry.of((2, 3, 7, 8), (3, 2), (2, 3), (1, 0), (1, 2), False)
    assert type(geometry) is PoolGeometry and geometry == POOL
    assert (geometry.out_shape, geometry.window, geometry.stride) == ((2, 3, 4, 2), (3, 2), (2, 3))
    assert (geometry.reach, geometry.macs) == ((3, 3), 0)
    geometry = PoolGeometry.of((2, 3, 8), (2,), (3,), (0,), (2,), False)
    assert type(geometry) is PoolGeometry1d and geometry == (2, 3, 1, 8, 1, 2, 1, 3, 0, 0, 1, 2, 1, 2)
    assert geometry.out_shape == (2, 3, 2)


@pytest.mark.parametrize(("size", "kernel", "stride", "padding", "down", "up"), [
    (5, 2, 2, 0, 2, 3), (5, 3, 2, 1, 3, 3), (2, 2, 3, 1, 1, 1), (4, 2, 3, 1, 2, 2), (5, 1, 3, 0, 2, 2)])
def test_a_window_that_is_rounded_up_starts_inside(size, kernel, stride, padding, down, up):
    for ceil_mode, expected in ((False, down), (True, up)):
        geometry = PoolGeometry.of((1, 1, size), (kernel,), (stride,), (padding,), (1,), ceil_mode)
        assert geometry.out_shape == (1, 1, expected)


@pytest.mark.parametrize(("size", "kernel", "stride", "padding", "dilation", "fits"), [
    (1, 2, 2, 0, 1, True), (1, 2, 1, 0, 1, False), (3, 4, 3, 0, 1, True), (1, 4, 3, 0, 1, False),
    (2, 3, 2, 0, 2, False), (2, 2, 2, 0, 2, True), (1, 4, 2, 1, 1, True), (0, 1, 2, 0, 1, False),
    (2, 5, 4, 0, 1, True)])
def test_a_window_larger_than_the_input_fits_when_it_is_rounded_up(size, kernel, stride, padding, dilation, fits):
    """By less than a stride; the sizes that PyTorch gives, which test_against_torch.py asks for too."""
    settings = (1, 1, size), (kernel,), (stride,), (padding,), (dilation,)
    with pytest.raises(ValueError, match="does not fit the input"):
        PoolGeometry.of(*settings, False)
    if fits:
        assert PoolGeometry.of(*settings, True).out_shape == (1, 1, 1)
    else:
        with pytest.raises(ValueError, match="does not fit the input"):
            PoolGeometry.of(*settings, True)


def test_they_are_tuples_that_keep_their_names():
    for geometry in (conv(), signal()):
        copy = pickle.loads(pickle.dumps(geometry))
        assert copy == geometry and type(copy) is type(geometry) and copy.out_shape == geometry.out_shape
        assert geometry._replace(N=7).out_shape == (7, *geometry.out_shape[1:])


@pytest.mark.parametrize(("change", "message"), [
    (dict(x_shape=(2, 4, 9, 11)), "the input has 4 channels, the weight of shape .* with groups=2 takes 6$"),
    (dict(x_shape=(2, 9, 11, 6)), r"has 9 channels, .* takes 6; images \(N, H, W, C\) .*moveaxis\(x, -1, 1\)"),
    (dict(w_shape=(7, 3, 3, 2)), "groups=2 must divide the 7 output channels"),
    (dict(x_shape=(2, 6, 2, 11)), r"the kernel of \(3, 2\) with dilation \(2, 1\) is larger than the input \(2, 11\)"),
    (dict(stride=(0, 1)), r"stride must be at least 1, got \(0, 1\)"),
    (dict(groups=0), "groups must be at least 1, got 0"),
])
def test_convolutions_that_cannot_be(change, message):
    good = dict(x_shape=(2, 6, 9, 11), w_shape=(8, 3, 3, 2), stride=(2, 3), padding=(1, 0), dilation=(2, 1), groups=2)
    with pytest.raises(ValueError, match=message):
        ConvGeometry.of(**{**good, **change})


@pytest.mark.parametrize(("change", "message"), [
    (dict(padding=(2, 1)), r"at most half the window, got padding \(2, 1\) for window \(3, 2\)"),
    (dict(x_shape=(2, 3, 1, 1)), r"a window of \(3, 2\) .* does not fit the input \(2, 3, 1, 1\); use a smaller"),
])
def test_windows_that_cannot_be(change, message):
    good = dict(x_shape=(2, 3, 7, 8), kernel_size=(3, 2), stride=(2, 3), padding=(0, 0), dilation=(1, 1),
                ceil_mode=False)
    with pytest.raises(ValueError, match=message):
        PoolGeometry.of(**{**good, **change})


# Numbers that are equal to an int and are none must not be remembered in its place.

@pytest.mark.parametrize("bad", [2.0, np.float32(2), 2 + 0j])
def test_a_number_that_is_no_integer_spoils_nothing(bad):
    ConvGeometry.of.cache_clear()
    PoolGeometry.of.cache_clear()
    x, w = td.tensor(np.ones((3, 4, 5, 5), "f")), td.tensor(np.ones((6, 2, 3, 3), "f"))
    with pytest.raises(TypeError, match="groups must be an integer, got"):
        td.ops.conv2d(x, w, groups=bad)
    assert td.ops.conv2d(x, w, groups=2).data.ravel()[0] == 18
    for settings in (dict(stride=(bad, bad)), dict(dilation=(bad, bad)), dict(padding=(bad, bad))):
        good = dict(stride=(1, 1), dilation=(1, 1), padding=(0, 0))
        with pytest.raises(TypeError, match="must be an integer or 2 of them"):
            ConvGeometry.of((3, 4, 7, 7), (6, 4, 3, 3), **{**good, **settings}, groups=1)
        settings = {name: (2, 2) for name in settings}
        for number in ConvGeometry.of((3, 4, 7, 7), (6, 4, 3, 3), **{**good, **settings}, groups=1):
            assert type(number) is int
    with pytest.raises(TypeError, match="kernel_size must be"):
        PoolGeometry.of((1, 1, 9, 9), (bad, bad), (1, 1), (0, 0), (1, 1), False)
    assert PoolGeometry.of((1, 1, 9, 9), (2, 2), (1, 1), (0, 0), (1, 1), False).window == (2, 2)


def test_integers_of_numpy_become_ints():
    x, w = td.tensor(np.ones((3, 4, 5, 5), "f")), td.tensor(np.ones((6, 2, 3, 3), "f"))
    assert td.ops.conv2d(x, w, groups=np.int64(2), stride=np.int32(1)).data.ravel()[0] == 18
