"""The pictures of the examples, as the examples draw them."""

import contextlib
import importlib.util
import io
import tempfile
from pathlib import Path

from tinydl.inspect import plots

__all__ = ["example_digits", "example_edges", "example_keyword_scan", "example_microcontroller",
           "example_shared_weights", "example_space_warping", "example_vanishing_gradients", "example_winner_takes_all"]

FOLDER = Path(__file__).resolve().parents[2] / "examples"


def _figure(name, short=False):
    """The figure that an example hands to plots.save."""
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    kept, save = [], plots.save
    plots.save = lambda figure, path, dark=False: kept.append(figure)
    try:
        with tempfile.TemporaryDirectory() as out, contextlib.redirect_stdout(io.StringIO()):
            example.main(short=short, out=out)
    finally:
        plots.save = save
    return kept[0]


def example_digits():
    """Confusion matrix of the digits that the net has not seen."""
    return _figure("digits")


def example_edges():
    """Sobel filters and a second difference, at a quarter of the photograph's resolution."""
    from matplotlib.image import AxesImage

    figure = _figure("edges", short=True)
    for image in figure.findobj(AxesImage):
        image.set_interpolation("none")  # pixels as they are, not those of the screen
    return figure


def example_keyword_scan():
    """A detector that fires wherever the word is said."""
    return _figure("keyword_scan", short=True)


def example_microcontroller():
    """Integers answer as floats do."""
    return _figure("microcontroller", short=True)


def example_shared_weights():
    """A layer that a loop moves along a signal, and a convolution."""
    return _figure("shared_weights", short=True)


def example_space_warping():
    """Two classes that no line parts, layer by layer."""
    return _figure("space_warping")


def example_vanishing_gradients():
    """The gradient through 50 blocks of four kinds."""
    return _figure("vanishing_gradients")


def example_winner_takes_all():
    """A filter learns from the winners of its windows."""
    return _figure("winner_takes_all")
