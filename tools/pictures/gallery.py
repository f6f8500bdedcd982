"""The pictures of the examples, as the examples draw them."""

import contextlib
import importlib.util
import io
import itertools
import tempfile
from pathlib import Path

import numpy as np

from tinydl.inspect import plots

__all__ = ["example_cifar10_94", "example_digits", "example_edges", "example_keyword_scan", "example_keyword_stream",
           "example_microcontroller", "example_serve", "example_shared_weights", "example_space_warping",
           "example_sweep_optuna", "example_sweep_ray", "example_vanishing_gradients", "example_winner_takes_all"]

FOLDER = Path(__file__).resolve().parents[2] / "examples"


def _example(name):
    """An example as a module."""
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    return example


def _figure(name, short=False, **options):
    """The figure that an example hands to plots.save."""
    example, kept, save = _example(name), [], plots.save
    plots.save = lambda figure, path, dark=False: kept.append(figure)
    try:
        with tempfile.TemporaryDirectory() as out, contextlib.redirect_stdout(io.StringIO()):
            example.main(short=short, out=out, **options)
    finally:
        plots.save = save
    return kept[0]


def example_cifar10_94():
    """The whole recipe on two classes of coloured noise: the data set is not here."""
    return _figure("cifar10_94", short=True)


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


def example_keyword_stream():
    """The same while the word is being said."""
    return _figure("keyword_stream")


def example_microcontroller():
    """Integers answer as floats do."""
    return _figure("microcontroller", short=True)


def example_serve():
    """What the page's server answers to three drawings: strokes between points of the canvas."""
    from fastapi.testclient import TestClient

    strokes = ((14, 16), (48, 16), (26, 54)), ((42, 56), (42, 8), (14, 38), (54, 38)), \
        tuple((32 + 14 * np.cos(a), 32 + 22 * np.sin(a)) for a in np.linspace(0, 2 * np.pi, 40))
    with tempfile.TemporaryDirectory() as out, contextlib.redirect_stdout(io.StringIO()):
        page = TestClient(_example("serve").main(out=out))
        drawn = [_pen(points) for points in strokes]
        answers = [page.post("/predict", json={"pixels": ink.tolist()}).json() for ink in drawn]
    figure = plots.new_figure(8, 4)
    above, below = figure.subplots(2, 3, height_ratios=(3, 2))
    for axes, bars, ink, answer in zip(above, plots.plain(*below), drawn, answers, strict=True):
        axes.imshow(ink, cmap="gray_r")
        axes.set(xticks=[], yticks=[], title=f"This is a {answer['digit']}.")
        bars.bar(range(10), answer["probabilities"], color=plots.BLUE)
        bars.set(xticks=range(10), ylim=(0, 1.05), xlabel="digit")
    below[0].set_ylabel("probability")
    return figure


def _pen(points, size=64, width=6):
    """The ink of a pen that goes from point to point, 0 to 1."""
    y, x = np.mgrid[:size, :size] + 0.5
    far = np.full((size, size), np.inf)
    for (x0, y0), (x1, y1) in itertools.pairwise(points):
        along = np.clip(((x - x0) * (x1 - x0) + (y - y0) * (y1 - y0)) / np.hypot(x1 - x0, y1 - y0) ** 2, 0, 1)
        far = np.minimum(far, np.hypot(x - x0 - along * (x1 - x0), y - y0 - along * (y1 - y0)))
    return np.clip((width + 1) / 2 - far, 0, 1)


def example_shared_weights():
    """A layer that a loop moves along a signal, and a convolution."""
    return _figure("shared_weights", short=True)


def example_space_warping():
    """Two classes that no line parts, layer by layer."""
    return _figure("space_warping")


def example_sweep_optuna():
    """Forty trials of rate, momentum and width."""
    return _figure("sweep_optuna")


def example_sweep_ray():
    """The same by another sweeper, one trial after the other."""
    return _figure("sweep_ray", cpus=1)


def example_vanishing_gradients():
    """The gradient through 50 blocks of four kinds."""
    return _figure("vanishing_gradients")


def example_winner_takes_all():
    """A filter learns from the winners of its windows."""
    return _figure("winner_takes_all")
