import numpy as np
import pytest

import tinydl as td


def test_literal():
    x = td.tensor([[[1.0, 2.0]]])
    w = td.tensor([[[1.0, 10.0, 100.0]]])
    assert td.ops.conv_transpose1d(x, w).data.tolist() == [[[1, 12, 120, 200]]]
    assert td.ops.conv_transpose1d(x, w, stride=2, bias=td.tensor([5.0])).data.tolist() == [[[6, 15, 107, 25, 205]]]
    assert td.ops.conv_transpose1d(x, w, stride=2, padding=1, output_padding=1).data.tolist() == [[[10, 102, 20, 200]]]


def test_it_is_the_transpose_of_the_convolution():
    """<conv(y, w), x> = <y, conv_transpose(x, w)>."""
    rng = np.random.default_rng(0)
    x, w, y = rng.normal(size=(2, 4, 3, 4)), rng.normal(size=(4, 3, 3, 2)), rng.normal(size=(2, 6, 7, 9))
    args = dict(stride=(2, 3), padding=(1, 0), groups=2)
    left = td.ops.conv2d(td.tensor(y), td.tensor(w), **args)
    assert left.shape == (2, 4, 4, 3)
    x = rng.normal(size=left.shape)
    right = td.ops.conv_transpose2d(td.tensor(x), td.tensor(w), output_padding=(0, 1), **args)
    assert right.shape == (2, 6, 7, 9)
    assert (left.data * x).sum() == pytest.approx((right.data * y).sum())


@pytest.mark.parametrize(
    "args",
    [
        dict(),
        dict(stride=2, padding=1, output_padding=1),
        dict(dilation=2, groups=2),
        dict(stride=(1, 3), output_padding=(0, 2)),
    ],
    ids=str,
)
def test_gradients(gradcheck, args):
    rng = np.random.default_rng(0)
    gradcheck(
        lambda x, w, b: td.ops.conv_transpose2d(x, w, b, **args),
        rng.normal(size=(2, 4, 3, 4)),
        rng.normal(size=(4, 3, 3, 2)),
        rng.normal(size=3 * args.get("groups", 1)),
    )


def test_any_memory_order_of_the_weight():
    rng = np.random.default_rng(0)
    x, w = td.tensor(rng.normal(size=(2, 4, 3, 4))), rng.normal(size=(4, 3, 3, 2))
    results = [td.ops.conv_transpose2d(x, td.Tensor(v)).data for v in (
        w, np.asfortranarray(w), td.Parameter(w, dtype=w.dtype).data)]
    for other in results[1:]:
        np.testing.assert_array_equal(results[0], other)


@pytest.mark.parametrize(
    "args, message",
    [
        (dict(stride=0), "stride must be at least 1"),
        (dict(output_padding=1), "smaller than stride"),
        (dict(groups=3), "groups=3 does not divide"),
        (dict(padding=4), "gives no output"),
        (dict(dilation=0), "dilation"),
        (dict(padding=2**62), r"below 2\*\*31"),
    ],
)
def test_bad_arguments(args, message):
    with pytest.raises(ValueError, match=message):
        td.ops.conv_transpose2d(np.ones((1, 4, 3, 3)), np.ones((4, 2, 3, 3)), **args)


def test_shapes_and_types_that_do_not_fit():
    with pytest.raises(ValueError, match="the input has 3 channels"):
        td.ops.conv_transpose2d(np.ones((1, 3, 3, 3)), np.ones((4, 2, 3, 3)))
    with pytest.raises(ValueError, match="batch axis in front"):
        td.ops.conv_transpose2d(np.ones((4, 3, 3)), np.ones((4, 2, 3, 3)))
    with pytest.raises(TypeError, match=r"float64, the weight float32; convert the input with x.astype\('float32'\)"):
        td.ops.conv_transpose2d(np.ones((1, 4, 3, 3)), np.ones((4, 2, 3, 3), np.float32))
    with pytest.raises(ValueError, match="the bias must have one entry for each of the 2 output channels"):
        td.ops.conv_transpose2d(np.ones((1, 4, 3, 3)), np.ones((4, 2, 3, 3)), td.tensor(np.ones(3)))
