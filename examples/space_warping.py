"""How a net warps space: two classes that no line separates, layer by layer, until a line does.

    python examples/space_warping.py [--short] [--out FOLDER]

Above, one layer by hand: W turns and stretches the plane, ReLU folds it, and a line can part the corners of XOR. Below,
a net has found its folds by training; its last hidden layer has two units. It takes 3 s.
"""

import argparse
from pathlib import Path

import numpy as np

import tinydl as td
from tinydl.inspect import plots


def rings(n, rng):
    label = np.arange(n) % 2
    radius, angle = 0.55 * label + 0.35 + rng.normal(0, 0.07, n), rng.uniform(0, 2 * np.pi, n)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1).astype(np.float32), label


def by_a_line(points, labels):
    """Share of the points on the right side of the line (of least squares)."""
    one = np.column_stack([points, np.ones(len(points))])
    return np.mean((one @ np.linalg.lstsq(one, 2.0 * labels - 1, rcond=None)[0] > 0) == labels)


def scatter(axes, points, labels, title):
    if points.shape[1] > 2:  # the plane in which they spread most
        points = (points - points.mean(axis=0)) @ np.linalg.svd(points - points.mean(axis=0))[2][:2].T
    for k in (0, 1):
        axes.plot(*points[labels == k].T, plots.MARKERS[k], c=plots.CLASSES[k], mec="white", mew=0.4, ms=4)
    axes.set_title(title, fontsize=10)
    axes.set(xlabel="first coordinate", ylabel="second coordinate", aspect="equal", adjustable="datalim")


def main(short=False, out="."):
    figure = plots.new_figure(12, 7)
    panels = np.reshape(plots.plain(*figure.subplots(2, 4).flat), (2, 4))
    corners, xor = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32), np.array([0, 1, 1, 0])
    grid = np.stack(np.meshgrid(np.linspace(-0.5, 1.5, 21), np.linspace(-0.5, 1.5, 21)), axis=2).astype(np.float32)
    turn, w, relu = td.tensor([[0.8, -0.6], [0.6, 0.8]]), td.tensor([[1.0, -1.0], [-1.0, 1.0]]), td.ops.relu
    steps = {"XOR: no line parts the colours": lambda x: x, "turned, then folded by ReLU": lambda x: relu(x @ turn.T),
             "Wx: onto a line": lambda x: x @ w.T, "ReLU(Wx): a line parts them": lambda x: relu(x @ w.T)}
    for axes, (title, step) in zip(panels[0], steps.items(), strict=True):
        lines = step(td.tensor(grid)).numpy()
        axes.plot(*lines[::2].T, *lines[:, ::2].transpose(2, 0, 1), color=plots.GREY, alpha=0.6, linewidth=0.5)
        scatter(axes, step(td.tensor(corners)).numpy(), xor, title)

    td.manual_seed(2)
    x, y = rings(300, np.random.default_rng(0))
    net = td.nn.Sequential(td.nn.Linear(2, 16), td.nn.ReLU(), td.nn.Linear(16, 2), td.nn.Tanh(), td.nn.Linear(2, 2))
    loss_fn, optimizer = td.nn.CrossEntropyLoss(), td.optim.Adam(net.parameters(), lr=0.03)
    for _ in range(150 if short else 500):
        optimizer.zero_grad()
        loss_fn(net(x), y).backward()
        optimizer.step()
    with td.no_grad():
        spaces = {"input": x, "ReLU, 16 units": net[:2](x).numpy(), "tanh, 2 units": net[:4](x).numpy()}
        square = np.stack(np.meshgrid(*[np.linspace(-1.2, 1.2, 200, dtype=np.float32)] * 2), axis=2)
        regions = net(square.reshape(-1, 2)).numpy().argmax(axis=1).reshape(200, 200)
        right = np.mean(net(x).numpy().argmax(axis=1) == y)
    shares = {name: by_a_line(points, y) for name, points in spaces.items()}
    for axes, (name, points) in zip(panels[1, :3], spaces.items(), strict=True):
        scatter(axes, points, y, f"{name}: a line parts {100 * shares[name]:.0f} %")
        print(f"{name:15} a line parts {100 * shares[name]:5.1f} % of the points")
    panels[1, 3].contourf(square[..., 0], square[..., 1], regions, [-1, 0.5, 2], colors=plots.CLASSES, alpha=0.25)
    scatter(panels[1, 3], x, y, f"Decision regions: {100 * right:.1f} % right")
    plots.save(figure, Path(out) / "space_warping.png")
    return shares, right


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true", help="train less")
    parser.add_argument("--out", default=".", help="folder for the picture")
    main(**vars(parser.parse_args()))
