"""Colours that colour-blind readers tell apart, on light paper and on dark."""

import itertools

import numpy as np
import pytest

from tinydl.inspect import plots
from tinydl.inspect.plots.palette import CLASSES, DARK, GREY, INK, MARKERS, PAPER, darkened, style

pytest.importorskip("matplotlib")

# Machado, Oliveira, Fernandes (2009), severity 1: what readers without red, green or blue cones see, in linear RGB.
EYES = np.array([
    np.eye(3),
    [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]])
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def linear(colour):
    c = np.array([int(colour[k:k + 2], 16) for k in (1, 3, 5)]) / 255
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def lab(rgb):
    """CIELAB, where a distance of 2.3 is just seen."""
    x, y, z = (TO_XYZ @ np.clip(rgb, 0, 1)) / (0.9505, 1, 1.089)
    x, y, z = (np.cbrt(v) if v > 0.008856 else 7.787 * v + 16 / 116 for v in (x, y, z))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def contrast(a, b):
    """WCAG's ratio."""
    a, b = sorted((float(TO_XYZ[1] @ linear(c)) for c in (a, b)), reverse=True)
    return (a + 0.05) / (b + 0.05)


@pytest.mark.parametrize("colours, paper", [(CLASSES, PAPER), ([DARK[c] for c in CLASSES], DARK[PAPER])],
                         ids=["light", "dark"])
def test_every_reader_tells_the_classes_apart(colours, paper):
    for (i, a), (k, b) in itertools.combinations(enumerate(colours), 2):
        apart = min(np.linalg.norm(lab(eye @ linear(a)) - lab(eye @ linear(b))) for eye in EYES)
        assert apart > (23 if max(i, k) < 5 else 17), f"{a} and {b}: {apart:.1f}"
    assert all(contrast(colour, paper) >= 3 for colour in colours)
    assert len(set(MARKERS)) == len(MARKERS) == len(CLASSES) == len(set(CLASSES))


def test_words_can_be_read():
    for ink, paper in ((INK, PAPER), (GREY, PAPER), (DARK[INK], DARK[PAPER]), (DARK[GREY], DARK[PAPER])):
        assert contrast(ink, paper) >= 4.5


def test_a_figure_is_dark_for_a_while_only():
    figure = plots.new_figure(2, 2)
    axes = figure.add_subplot()
    line, = axes.plot([0, 1], color=plots.BLUE, label="a")
    dots = axes.scatter([0, 1], [1, 0], color=[plots.ORANGE, "#123456"], edgecolors=PAPER)
    words = axes.set_title("words")
    with darkened(figure):
        assert (line.get_color()[:3], words.get_color()[:3]) == tuple(
            tuple(int(DARK[c][k:k + 2], 16) / 255 for k in (1, 3, 5)) for c in (plots.BLUE, INK))
        assert np.allclose(dots.get_facecolor()[1][:3], np.array([0x12, 0x34, 0x56]) / 255)
        assert figure.get_facecolor()[0] < 0.2
    assert (line.get_color(), words.get_color()) == (plots.BLUE, "black")
    assert figure.get_facecolor() == (1, 1, 1, 1)


def test_rules_for_dark_pages():
    rules = style(".dark svg")
    assert f'.dark svg [style*="fill: {plots.BLUE}"] {{ fill: {DARK[plots.BLUE]} !important }}' in rules
    assert ".dark svg text:not([style*=\"fill:\"]) { fill: #e4e6eb }" in rules
