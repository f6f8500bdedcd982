"""Pictures of the page on seeing what happens."""

import numpy as np

import tinydl as td
from tinydl.data import load_digits
from tinydl.inspect import gradient_flow, plots, saliency
from tools.pictures.draw import panels

__all__ = ["digit_filters", "flow", "folding", "regions", "saliencies"]

CORNERS, XOR = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32), np.array([0, 1, 1, 0])


def folding():
    """Step by step: the corners of XOR under W x, + b, ReLU, with the grid of the plane."""
    w, b = td.tensor([[1.0, 1.0], [1.0, 1.0]]), td.tensor([0.0, -1.0])
    turn = td.tensor([[0.8, -0.6], [0.6, 0.8]])
    steps = {"x": lambda x: x, "turned: R x": lambda x: x @ turn.T,
             "folded: ReLU(R x)": lambda x: td.ops.relu(x @ turn.T), "W x, W = (1 1; 1 1)": lambda x: x @ w.T,
             "W x + b, b = (0, \u22121)": lambda x: x @ w.T + b, "ReLU(W x + b)": lambda x: td.ops.relu(x @ w.T + b)}
    grid = np.stack(np.meshgrid(np.linspace(-0.5, 1.5, 41), np.linspace(-0.5, 1.5, 41)), axis=2).astype(np.float32)
    figure, every = panels(8.6, 5.8, 3, rows=2)
    for k, (axes, (title, step)) in enumerate(zip(every, steps.items(), strict=True)):
        lines = step(td.tensor(grid)).data
        axes.plot(*lines[::4].transpose(2, 1, 0), color=plots.GREY, alpha=0.6, linewidth=0.6)
        axes.plot(*lines[:, ::4].transpose(2, 0, 1), color=plots.GREY, alpha=0.6, linewidth=0.6)
        places = step(td.tensor(CORNERS)).data
        for label in (0, 1):
            axes.plot(*places[label == XOR].T, plots.MARKERS[label], color=plots.CLASSES[label], markersize=9,
                      label=f"class {label}")
        if k == 5:
            axes.plot([-0.2, 3.2], [-0.35, 1.35], color=plots.CLASSES[2], linestyle="--", label="a line parts them")
            axes.set(xlim=(-0.3, 3.2), ylim=(-0.6, 2.2))
        axes.set_title(title, fontsize=10)
        axes.set_aspect("equal", "datalim")
    figure.legend(*every[5].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
    return figure


def regions():
    """Two rings, and the plane as three layers of a trained net see it."""
    rng = np.random.default_rng(0)
    y = np.arange(300) % 2
    radius, angle = 0.55 * y + 0.35 + rng.normal(0, 0.07, 300), rng.uniform(0, 2 * np.pi, 300)
    x = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1).astype(np.float32)
    td.manual_seed(2)
    net = td.nn.Sequential(td.nn.Linear(2, 16), td.nn.ReLU(), td.nn.Linear(16, 2), td.nn.Tanh(), td.nn.Linear(2, 2))
    optimizer, loss_fn = td.optim.Adam(net.parameters(), lr=0.03), td.nn.CrossEntropyLoss()
    for _ in range(300):
        optimizer.zero_grad()
        loss_fn(net(x), y).backward()
        optimizer.step()
    return plots.feature_space(net, x, y, layers=["1", "3", "4"], class_names=("inner ring", "outer ring"))


def _digits_net(epochs=8):
    td.manual_seed(0)
    train, test = load_digits()
    net = td.models.digits_cnn()
    td.train.Trainer(net, td.optim.Adam(net.parameters(), lr=3e-3)).fit(train, epochs=epochs, progress=False)
    return net, test


def digit_filters():
    """Filters of the first layer of a net that was trained on digits."""
    return plots.filters(_digits_net()[0], title="What the first layer of digits_cnn looks for")


def saliencies():
    """Digits, and the pixels that their class's score depends on."""
    net, test = _digits_net()
    chosen = [int(np.flatnonzero(test.labels == k)[0]) for k in range(6)]
    images = test.normalised()[chosen]
    return plots.saliency(images, saliency(net, images, target=test.labels[chosen]),
                          [str(test.labels[i]) for i in chosen])


def flow():
    """gradient_flow of 20 layers of sigmoids: each Jacobian's norm is below 1, the product vanishes."""
    x, y = np.random.default_rng(0).normal(size=(64, 16)).astype(np.float32), np.arange(64) % 4
    nets = {}
    for name, act in (("sigmoid", td.nn.Sigmoid), ("tanh", td.nn.Tanh), ("ReLU, Kaiming", td.nn.ReLU)):
        td.manual_seed(0)
        net = td.nn.Sequential(*[td.nn.Sequential(td.nn.Linear(16, 16), act()) for _ in range(20)], td.nn.Linear(16, 4))
        if act is td.nn.ReLU:
            for block in list(net)[:20]:
                td.nn.init.kaiming_normal_(block[0].weight, nonlinearity="relu")
        nets[name] = gradient_flow(net, x, y, layers=[str(k) for k in range(21)], warn=False)
    return plots.gradient_flow(nets, "20 layers of 16 units")
