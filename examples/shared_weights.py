"""Shared weights: a Linear layer moved along a signal by a loop is a convolution, in its outputs and in its training.

    python examples/shared_weights.py [--short] [--out FOLDER]

The same weights are used at every place, so their gradient is the sum of the places' gradients. It takes 3 s.
"""

import argparse
from pathlib import Path

import numpy as np

import tinydl as td
from tinydl.inspect import plots

CHANNELS, WIDTH, FILTERS = 2, 5, 4


def scan(layer, x):
    """The layer on each window of x (N, C, L): a scanning network, written as a loop."""
    return td.ops.stack([layer(td.tensor(x[:, :, i:i + WIDTH]).flatten(1)) for i in range(x.shape[2] - WIDTH + 1)], 2)


def main(short=False, out="."):
    td.manual_seed(0)
    linear = td.nn.Linear(CHANNELS * WIDTH, FILTERS)
    conv = td.nn.Conv1d(CHANNELS, FILTERS, WIDTH)
    conv.weight.data[...] = linear.weight.data.reshape(FILTERS, CHANNELS, WIDTH)
    conv.bias.data[...] = linear.bias.data

    rng = np.random.default_rng(0)
    x = rng.normal(size=(16, CHANNELS, 24)).astype(np.float32)
    teacher = rng.normal(size=(FILTERS, CHANNELS, WIDTH)).astype(np.float32)
    target = td.ops.conv1d(td.tensor(x), td.tensor(teacher)).numpy()  # what both shall learn

    losses = {"Linear, scanned by a loop": [], "Conv1d": []}
    runs = [(lambda: scan(linear, x), linear), (lambda: conv(x), conv)]
    loss_fn, difference = td.nn.MSELoss(), {}
    for (name, history), (forward, layer) in zip(losses.items(), runs, strict=True):
        optimizer = td.optim.SGD(layer.parameters(), lr=0.2)
        for step in range(10 if short else 60):
            optimizer.zero_grad()
            y = forward()
            loss = loss_fn(y, target)
            loss.backward()
            if step == 0:
                difference[name] = (y.numpy().copy(), layer.weight.grad.reshape(FILTERS, -1).copy())
            optimizer.step()
            history.append(loss.item())

    (y1, g1), (y2, g2) = difference.values()
    worst = {"outputs": np.abs(y1 - y2).max(), "first gradient": np.abs(g1 - g2).max(),
             "trained weights": np.abs(linear.weight.data - conv.weight.data.reshape(FILTERS, -1)).max()}
    for what, value in worst.items():
        print(f"largest difference of the {what}: {value:.1e}")

    figure = plots.new_figure(11, 3.6)
    first, second, third = plots.plain(*figure.subplots(1, 3))
    for axes, a, b, title, xlabel, ylabel in (
            (first, y1[0, 0], y2[0, 0], "Output of filter 0", "place", "y"),
            (second, g1[0], g2[0], "Its first gradient", "weight (channel, tap)", "dL/dw")):
        axes.plot(a, "o", color=plots.BLUE, markersize=8, markerfacecolor="none", label="Linear, scanned")
        axes.plot(b, ".-", color=plots.ORANGE, linewidth=1, label="Conv1d")
        axes.set(title=f"{title}: differs by {np.abs(a - b).max():.0e}", xlabel=xlabel, ylabel=ylabel)
    for (name, history), style, colour in zip(losses.items(), ("o", ".-"), (plots.BLUE, plots.ORANGE), strict=True):
        third.semilogy(history, style, color=colour, markersize=8 if style == "o" else 4, markerfacecolor="none",
                       label=name.removesuffix(" by a loop"))
    third.set(title="Training from the same start", xlabel="step", ylabel="mean squared error")
    for axes in (first, second, third):
        plots.legend(axes)
    plots.save(figure, Path(out) / "shared_weights.png")
    return worst


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true", help="few training steps")
    parser.add_argument("--out", default=".", help="folder for the picture")
    main(**vars(parser.parse_args()))
