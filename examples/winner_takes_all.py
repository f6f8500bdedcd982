"""The winner takes all: how a filter learns through max-pooling, by the formula and by back-propagation.

    python examples/winner_takes_all.py [--short] [--out FOLDER]

The net is conv -> sigmoid -> max-pool -> linear -> squared error: y = sum over windows m of w2[m] * max over the window
of sigma(a), a = x * w, and L = (t - y)^2 / 2. Only the winner of each window passes its gradient on:

    dL/dw[j] = -(t - y) * sum over m of w2[m] * sigma'(a[i]) * x[i + j],   i the winner of window m.

It takes 2 s.
"""

import argparse
from pathlib import Path

import numpy as np

import tinydl as td
from tinydl.inspect import plots


def main(short=False, out="."):
    rng = np.random.default_rng(3)
    n, width, window, step, t = (20, 3, 4, 2, 5.0) if short else (42, 5, 6, 4, 5.0)
    x = rng.normal(size=n)
    w = td.tensor(rng.normal(size=(1, 1, width)), requires_grad=True)
    n_windows = (n - width + 1 - window) // step + 1
    w2 = rng.normal(size=n_windows)

    # Back-propagation.
    a = td.ops.conv1d(td.tensor(x.reshape(1, 1, n)), w)
    winners_values = td.ops.max_pool1d(td.ops.sigmoid(a), window, stride=step)
    y = (winners_values.reshape(n_windows) * td.tensor(w2)).sum()
    loss = 0.5 * (t - y) ** 2
    loss.backward()

    # The formula, written out with loops; windows overlap, so one place may win several of them.
    a, y = a.numpy()[0, 0], y.item()
    sigma = 1 / (1 + np.exp(-a))
    winners, gradient = [], np.zeros(width)
    for m in range(n_windows):
        winner = max(range(m * step, m * step + window), key=lambda i: sigma[i])
        winners.append(winner)
        for j in range(width):
            gradient[j] -= (t - y) * w2[m] * sigma[winner] * (1 - sigma[winner]) * x[winner + j]

    difference = np.abs(gradient - w.grad[0, 0]).max()
    print(f"{len(a)} places, {n_windows} windows, {len(set(winners))} winners; "
          f"of {len(a) - len(set(winners))} places the filter learns nothing")
    print(f"largest difference between formula and back-propagation: {difference:.1e}")

    figure = plots.new_figure(10, 4)
    left, right = plots.plain(*figure.subplots(1, 2, width_ratios=(2, 1)))
    left.plot(sigma, "o-", color=plots.GREY, markersize=4, label="sigma(a), all places")
    left.plot(winners, sigma[winners], "o", color=plots.ORANGE, markersize=8, label="winner of a window")
    for m in range(n_windows):
        height = 1.06 + 0.06 * (m % 2)
        left.plot([m * step - 0.2, m * step + window - 0.8], [height, height], color=plots.BLUE, linewidth=3)
    left.plot([], [], color=plots.BLUE, linewidth=3, label=f"windows of {window}, every {step}")
    left.set(title=f"{len(set(winners))} of {len(a)} places win", xlabel="place i", ylabel="activation", ylim=(0, 1.2))
    right.bar(np.arange(width) - 0.2, gradient, 0.4, color=plots.BLUE, label="formula")
    right.bar(np.arange(width) + 0.2, w.grad[0, 0], 0.4, color=plots.ORANGE, label="back-propagation")
    right.set(title=f"Gradients differ by {difference:.0e}", xlabel="weight j", ylabel="dL/dw[j]",
              xticks=range(width))
    right.axhline(0, color="black", linewidth=0.8)
    for axes in (left, right):
        plots.legend(axes)
    plots.save(figure, Path(out) / "winner_takes_all.png")
    return difference


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true", help="a shorter signal")
    parser.add_argument("--out", default=".", help="folder for the picture")
    main(**vars(parser.parse_args()))
