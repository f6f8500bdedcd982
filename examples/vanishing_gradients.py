"""Why deep plain nets do not learn: the gradient on its way down through four nets of the same depth.

    python examples/vanishing_gradients.py [--short] [--out FOLDER]

Each layer multiplies the gradient by its Jacobian. In a plain net the product goes to 0; with batch norm it does not
vanish, but grows; a residual block x + F(x) has the Jacobian identity + dF/dx, and is near the identity if F is.
It takes 3 s.
"""

import argparse
from pathlib import Path

import tinydl as td
from tinydl.data import load_digits
from tinydl.inspect import gradient_flow, plots

CHANNELS = 8


class Residual(td.nn.Module):
    """x + F(x) with F = conv, ReLU, conv; `scale` makes F's last convolution small."""

    def __init__(self, scale=None):
        self.inner = td.nn.Sequential(conv(), td.nn.ReLU(), conv())
        if scale is not None:
            td.nn.init.small_(self.inner[2].weight, scale)
            td.nn.init.zeros_(self.inner[2].bias)

    def forward(self, x):
        return td.ops.add(x, self.inner(x))


def conv():
    return td.nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1)


BLOCKS = {
    "plain": lambda: td.nn.Sequential(conv(), td.nn.ReLU()),
    "batch norm": lambda: td.nn.Sequential(conv(), td.nn.BatchNorm2d(CHANNELS), td.nn.ReLU()),
    "residual": Residual,
    "residual, small start": lambda: Residual(scale=0.01),
}


def main(short=False, out="."):
    depth = 20 if short else 50
    train, _ = load_digits()
    x, y = train.normalised()[:32], train.labels[:32]
    figure = plots.new_figure(8, 5)
    axes = figure.subplots()
    left = {}
    for colour, (name, block) in zip(plots.CLASSES, BLOCKS.items(), strict=False):
        td.manual_seed(0)
        net = td.nn.Sequential(td.nn.Conv2d(1, CHANNELS, 3, padding=1), *[block() for _ in range(depth)],
                               td.nn.Flatten(), td.nn.Linear(CHANNELS * 64, 10))
        names = [str(k) for k in range(depth + 1)]  # the first convolution and the blocks
        flow = gradient_flow(net, x, y, layers=names, spectral=False, warn=False)
        norms = [layer.activation_gradient for layer in flow.layers]
        left[name] = norms[0] / norms[-1]
        print(f"{name:22} below {depth} blocks {left[name]:8.3g} of the gradient ({flow.verdict})")
        axes.semilogy(range(depth + 1), [norm / norms[-1] for norm in norms], color=colour,
                      label=f"{name}: {left[name]:.2g} times")
    axes.invert_xaxis()
    axes.set(title=f"The gradient on its way back through {depth} blocks, before any training",
             xlabel="block, from the last to the first", ylabel="norm of the gradient / norm at the last block")
    axes.xaxis.get_major_locator().set_params(integer=True)
    plots.plain(axes)
    plots.legend(axes)
    plots.save(figure, Path(out) / "vanishing_gradients.png")
    return left


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true", help="20 blocks in place of 50")
    parser.add_argument("--out", default=".", help="folder for the picture")
    main(**vars(parser.parse_args()))
