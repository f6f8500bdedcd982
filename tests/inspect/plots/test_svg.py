"""SVG that follows the reader's scheme, small and the same at every run."""

import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from tinydl.inspect import plots
from tinydl.inspect.plots.svg import compact, follow

pytest.importorskip("matplotlib")


def test_numbers_names_and_comments():
    text = """<?xml version="1.0"?>
<svg>
 <!-- made -->
 <g id="a"><path id="b" d="M 1.23456 -0.10001 L 20 3.999999"/></g>
 <text x="1.23456">x = 0.604368</text>
 <use href="#b" style="font: 10px 'DejaVu Sans', Vera, sans-serif; fill: #1f5fa8"/>
</svg>"""
    out = follow(text)
    assert '<g><path id="k0" d="M1.23 -0.1L20 4"/></g>' in out and 'href="#k0"' in out
    assert "font: 10px 'DejaVu Sans', Verdana, sans-serif; fill: #1f5fa8" in out
    assert '<text x="1.23">x = 0.604368</text>' in out  # words are not touched
    assert "made" not in out and "xml" not in out.split("<svg>")[0]
    assert out.index("prefers-color-scheme: dark") < out.index("</svg>")


def test_what_points_share_is_said_once():
    point = '<g clip-path="url(#frame)">\n<use xlink:href="#dot" x="{}" y="2" style="fill: {}"/>\n</g>\n'
    text = ("<svg x='1'>\n" + "".join(point.format(*each) for each in ((1, "red"), (2, "red"), (3, "blue")))
            + '<path id="dot" d="M 1 2 \nL 3 -4 \nz \n"/>\n<clipPath id="frame"/>\n</svg>\n')
    assert compact(text) == """<svg x='1'>
<g clip-path="url(#k1)">
<g style="fill: red">
<use xlink:href="#k0" x="1" y="2"/>
<use xlink:href="#k0" x="2" y="2"/>
</g>
<use xlink:href="#k0" x="3" y="2" style="fill: blue"/>
</g>
<path id="k0" d="M1 2L3 -4z"/>
<clipPath id="k1"/>
</svg>
"""
    words = '<svg width="1">\n<text style="font-size: 9px; font-family: A, B; text-anchor: end">a</text>\n</svg>\n'
    assert compact(words) == ('<svg style="font-family: A, B" width="1">\n'
                              '<text style="font-size: 9px; text-anchor: end">a</text>\n</svg>\n')


def test_a_figure_as_svg(tmp_path):
    texts = []
    for name in "ab":
        figure = plots.new_figure(3, 2)
        axes = figure.add_subplot()
        axes.plot(np.sin(np.arange(50)), color=plots.ORANGE)
        axes.set_title("A sine & more")
        plots.save(figure, tmp_path / f"{name}.svg")
        texts.append((tmp_path / f"{name}.svg").read_text())
    assert texts[0] == texts[1]
    root = ElementTree.fromstring(texts[0])
    assert "A sine & more" in ["".join(each.itertext()) for each in root.iter("{http://www.w3.org/2000/svg}text")]
    assert f"stroke: {plots.ORANGE}" in texts[0] and "fill: #ffffff" not in texts[0]


def test_dark_paper(tmp_path):
    from matplotlib.image import imread

    figure = plots.new_figure(2, 1)
    for dark, paper in ((False, (1, 1, 1)), (True, (0x1e / 255, 0x21 / 255, 0x29 / 255))):
        plots.save(figure, tmp_path / "a.png", dark=dark)
        assert np.allclose(imread(tmp_path / "a.png")[0, 0, :3], paper, atol=1e-3)
