"""Pictures of filters, feature maps and saliency."""

import numpy as np
import pytest

from tinydl.inspect import plots

pytest.importorskip("matplotlib")


@pytest.mark.parametrize("channels", [1, 3, 16])
def test_filters(channels):
    weight = np.random.default_rng(0).standard_normal((10, channels, 3, 3))
    figure = plots.filters(weight)
    assert len(figure.axes[0].images) == 10
    assert [t.get_text() for t in figure.axes[0].texts] == [str(i) for i in range(10)]
    assert f"10 filters of {channels}x3x3" in figure.get_suptitle()
    assert "8 of 10" in plots.filters(weight, max_filters=8).get_suptitle()


def test_filters_of_zeros_and_of_a_wrong_shape():
    plots.filters(np.zeros((1, 3, 1, 1)))
    with pytest.raises(ValueError, match=r"\(O, C, KH, KW\), got \(3, 4\)"):
        plots.filters(np.zeros((3, 4)))


def test_feature_maps(texts):
    maps = np.random.default_rng(0).normal(size=(1, 10, 4, 6))
    figure = plots.feature_maps(maps, np.zeros((1, 8, 12)), max_maps=8)
    assert len(figure.axes[0].images) == 9
    assert "8 of 10 channels of 4x6" in figure.get_suptitle() and "input" in texts(figure)
    assert figure.axes[0].images[1].get_clim()[0] == -figure.axes[0].images[1].get_clim()[1]  # signed: zero is white
    assert plots.feature_maps(np.abs(maps[0])).axes[0].images[0].get_clim()[0] == 0
    with pytest.raises(ValueError, match="take those of one image"):
        plots.feature_maps(np.zeros((2, 3, 4, 4)))


def test_saliency():
    images, gradients = np.random.default_rng(0).normal(size=(2, 3, 3, 5, 5))
    figure = plots.saliency(images, gradients, ["cat", "dog", "owl"], max_images=2)
    assert len(figure.axes[0].images) == 4
    assert [t.get_text() for t in figure.axes[0].texts] == ["cat", "dog"]
    assert figure.axes[0].images[1].get_array().max() == 1
    plots.saliency(images, np.zeros_like(images))
    with pytest.raises(ValueError, match="must have one shape"):
        plots.saliency(images, gradients[:1])
