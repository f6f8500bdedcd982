"""Pictures of the page on Winograd's algorithm."""

from fractions import Fraction

import numpy as np

from tinydl.inspect import plots
from tools.pictures.draw import bare, cells, panels

__all__ = ["winograd_points", "winograd_tile"]

A, B = Fraction(5, 8), Fraction(3, 2)
OURS, TEXTBOOK = [Fraction(0), A, -A, B, -B], [Fraction(p) for p in (0, 1, -1, 2, -2)]


def _product(roots):
    """Coefficients, from the constant one up, of the product of (x - root)."""
    c = [Fraction(1)]
    for root in roots:
        c = [(c[i - 1] if i else 0) - root * (c[i] if i < len(c) else 0) for i in range(len(c) + 1)]
    return c


def _matrices(points):
    """A', G, B' of F(4, 3) for five points and infinity."""
    scale = [1 / np.prod([p - q for q in points if q != p]) for p in points]
    a = [[p**k for p in points] + [int(k == 3)] for k in range(4)]
    g = [[p**k * s for k in range(3)] for p, s in zip(points, scale, strict=True)] + [[0, 0, 1]]
    b = [_product([q for q in points if q != p]) + [0] for p in points] + [_product(points)]
    return [np.array(m, float) for m in (a, g, b)]


def winograd_tile():
    """One tile: six inputs by six become four outputs by four by 36 products."""
    a, g, b = _matrices(OURS)
    rng = np.random.default_rng(0)
    d, w = rng.integers(-2, 3, (6, 6)).astype(float), np.array([[1.0, 0, -1], [2, 0, -2], [1, 0, -1]])
    u, v = g @ w @ g.T, b @ d @ b.T
    y = (a @ (u * v) @ a.T).round(9) + 0.0
    direct = [[(d[i:i + 3, j:j + 3] * w).sum() for j in range(4)] for i in range(4)]
    assert np.allclose(y, direct)
    steps = (("d, 6 x 6", d, 3), ("B' d B", v, None), ("G g G'", u, None), ("36 products", u * v, None),
             ("Y = A' [...] A", y, None))
    figure = plots.new_figure(8.8, 2.3)
    every = figure.subplots(1, 5, width_ratios=(6, 6, 6, 6, 4))
    for axes, (title, values, limit) in zip(every, steps, strict=True):
        bare(axes, title, 9)
        cells(axes, values, limit=limit, words=values is d or values is y, size=7)
    for axes, word in zip(every[1:], ("\u2192", "\u2299", "=", "\u2192"), strict=True):
        axes.text(-0.6, -3, word, ha="center", va="center", fontsize=12)
    figure.suptitle("A Sobel filter by F(4x4, 3x3): the integers come back exactly, within rounding", fontsize=10)
    return figure


def winograd_points():
    """Errors in float32 with our points and the textbook's, beside those of the direct sum."""
    rng = np.random.default_rng(0)
    d = rng.standard_normal((400, 64, 6, 6)).astype(np.float32)
    w = (rng.standard_normal((64, 3, 3)) * np.sqrt(2 / (9 * 64))).astype(np.float32)

    def direct(kind):
        total = np.zeros((400, 4, 4), kind)
        for c in range(64):
            for i in range(3):
                for j in range(3):
                    total += d[:, c, i:i + 4, j:j + 4].astype(kind) * kind(w[c, i, j])
        return total

    exact = direct(np.float64)
    unit = np.sqrt(np.mean(exact**2)) * 2**-24
    figure, (axes,) = panels(7.6, 3.3, 1)
    shown = {"direct sum": direct(np.float32)}
    for name, points in (("0, \u00b15/8, \u00b13/2", OURS), ("0, \u00b11, \u00b12", TEXTBOOK)):
        a, g, b = (m.astype(np.float32) for m in _matrices(points))
        shown[f"points {name}"] = a @ ((g @ w @ g.T) * (b @ d @ b.T)).sum(axis=1) @ a.T
    for k, (name, y) in enumerate(shown.items()):
        error = (y - exact) / unit
        axes.hist(error.ravel(), np.linspace(-40, 40, 81), histtype="step", color=plots.CLASSES[k], linewidth=1.6,
                  linestyle=("-", "--", ":")[k], label=f"{name}: rms {np.sqrt(np.mean(error**2)):.1f}")
    axes.set(xlabel="error / (rms of the result times 2\u207b\u00b2\u2074)", ylabel="outputs")
    plots.legend(axes)
    return figure
