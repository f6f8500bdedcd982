"""Filters that find edges: second differences of a curve, then Sobel filters and (1, -2, 1) on a photograph.

    python examples/edges.py [--short] [--out FOLDER]

A convolution with fixed weights is differentiation by finite differences: (1, -2, 1) on samples of f, h apart, gives
h^2 f'' + O(h^4). The photograph of a temple in China comes with scikit-learn. It takes 6 s.
"""

import argparse
from pathlib import Path

import numpy as np
from sklearn.datasets import load_sample_image

import tinydl as td
from tinydl.inspect import plots

FILTERS = {
    "Sobel, left to right": [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]],
    "Sobel, top to bottom": [[-1, -2, -1], [0, 0, 0], [1, 2, 1]],
    "(1, -2, 1) across": [[0, 0, 0], [1, -2, 1], [0, 0, 0]],
}


def main(short=False, out="."):
    h = 0.1
    curve = (h * np.arange(10)).reshape(1, 1, 10) ** 2  # f(x) = x^2, so f'' = 2
    second = td.ops.conv1d(td.tensor(curve), td.tensor(np.array([[[1.0, -2.0, 1.0]]]))).numpy()
    print(f"(1, -2, 1) on ten samples of x^2, {h} apart: {second.size} values of {second.mean():.6f}")
    print(f"h^2 f'' is {h * h * 2:.6f}")

    photo = load_sample_image("china.jpg")[::4 if short else 1, ::4 if short else 1]
    grey = photo.mean(axis=2, dtype=np.float32)[None, None] / 255
    filters = td.nn.Conv2d(1, 3, 3, bias=False)
    filters.weight.data[...] = np.array(list(FILTERS.values()))[:, None]
    with td.no_grad():
        across, down, bend = filters(grey).numpy()[0]
    strength = np.hypot(across, down)  # the length of the gradient
    share = np.mean(strength > 1)
    print(f"{100 * share:.1f} % of {strength.size:,} pixels lie on an edge (gradient above 1)")

    figure = plots.new_figure(11, 5.4)
    pictures = [(grey[0, 0], "The photograph", "gray", 0, 1), *(
        (response, name, "RdBu", -limit, limit)
        for response, name, limit in zip((across, down, bend), FILTERS, (2, 2, 0.5), strict=True)),
        (strength, "Edges: length of the Sobel gradient", "gray", 0, 3),
        (strength > 1, f"Gradient above 1: {100 * share:.1f} % of the pixels", "gray", 0, 1)]
    for axes, (picture, title, colours, low, high) in zip(figure.subplots(2, 3).flat, pictures, strict=True):
        shown = axes.imshow(picture, cmap=colours, vmin=low, vmax=high)
        axes.set_title(title, fontsize=10)
        axes.set_axis_off()
        if picture.dtype != bool:
            figure.colorbar(shown, ax=axes, fraction=0.03, label="brightness" if low == 0 and high == 1 else "response")
    figure.suptitle(f"Three filters of 3x3 find the edges of a photograph of {grey.shape[3]}x{grey.shape[2]} pixels")
    plots.save(figure, Path(out) / "edges.png")
    return second, share


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true", help="a quarter of the photograph's resolution")
    parser.add_argument("--out", default=".", help="folder for the picture")
    main(**vars(parser.parse_args()))
