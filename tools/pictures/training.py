"""Pictures of the page on training."""

import numpy as np

import tinydl as td
from tinydl.inspect import plots
from tools.pictures.draw import panels

__all__ = ["batch_sizes", "initial_weights", "optimisers", "schedules"]


def _data(n=128):
    """Points of y = 1.5 x1 - 0.5 x2 and noise; the inputs have spreads of 1 and 0.35."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, 2)) * (1, 0.35)
    return x, x @ (1.5, -0.5) + rng.normal(0, 0.35, n)


def _loss(x, y, w):
    return ((td.tensor(x) @ w.reshape(2, 1)).reshape(len(x)) - td.tensor(y)).square().mean()


def batch_sizes():
    """The path down one loss surface with batches of 1, 16 and all 128 samples, and the batches' own surfaces."""
    x, y = _data()
    a, b = np.meshgrid(np.linspace(-0.6, 2.4, 61), np.linspace(-2.2, 1.2, 61))
    surface = ((x[:, :1, None] * a.ravel()[None, None] + x[:, 1:, None] * b.ravel() - y[:, None, None]) ** 2)[:, 0]
    figure, every = panels(8.6, 3.6, 3, sharey=True)
    for k, (axes, size) in enumerate(zip(every, (1, 16, 128), strict=True)):
        axes.contour(a, b, surface.mean(0).reshape(a.shape), levels=np.geomspace(0.15, 6, 9), colors=plots.GREY,
                     linewidths=0.6)
        first = surface[td.data.epoch_order(len(x), 0, 0)[:size]].mean(0).reshape(a.shape)
        axes.contour(a, b, first, levels=np.geomspace(0.15, 6, 6),
                     colors=plots.CLASSES[2], linewidths=0.7, linestyles="dashed")
        w = td.tensor(np.array([-0.4, 0.9]), requires_grad=True)
        optimizer, path = td.optim.SGD([w], lr=0.12), [w.data.copy()]
        for step in range(60):
            order = td.data.epoch_order(len(x), 0, step * size // len(x))
            rows = order[step * size % len(x):][:size]
            optimizer.zero_grad()
            _loss(x[rows], y[rows], w).backward()
            optimizer.step()
            path.append(w.data.copy())
        axes.plot(*np.transpose(path), color=plots.BLUE, marker="o", markersize=2.5, linewidth=1)
        axes.plot(1.5, -0.5, "*", color=plots.ORANGE, markersize=11)
        axes.set(title=f"batch {size}" if k < 2 else "the full batch, 128", xlabel="$w_1$", xlim=(-0.6, 2.4),
                 ylim=(-2.2, 1.2))
    every[0].set_ylabel("$w_2$")
    figure.suptitle("60 steps of SGD. Grey: the loss over all samples; dashed: over the first batch alone", fontsize=11)
    return figure


def optimisers():
    """Five rules on one narrow valley, each with a rate that suits it."""
    def valley(w):
        return 0.5 * (w[0] ** 2 + 25 * w[1] ** 2)

    rules = {"SGD, lr 0.07": lambda p: td.optim.SGD(p, lr=0.07),
             "momentum 0.8, lr 0.03": lambda p: td.optim.SGD(p, lr=0.03, momentum=0.8),
             "Nesterov 0.8, lr 0.03": lambda p: td.optim.SGD(p, lr=0.03, momentum=0.8, nesterov=True),
             "RMSprop, lr 0.1": lambda p: td.optim.RMSprop(p, lr=0.1),
             "Adam, lr 0.3": lambda p: td.optim.Adam(p, lr=0.3)}
    a, b = np.meshgrid(np.linspace(-3.2, 1.2, 89), np.linspace(-1, 1, 81))
    figure, (left, right) = panels(8.6, 4.0, 2, width_ratios=(3, 2))
    left.contour(a, b, 0.5 * (a**2 + 25 * b**2), levels=np.geomspace(0.05, 12, 9), colors=plots.GREY, linewidths=0.5)
    for k, (name, rule) in enumerate(rules.items()):
        w = td.tensor(np.array([-3.0, 0.7]), requires_grad=True)
        optimizer, path, losses = rule([w]), [w.data.copy()], []
        for _ in range(50):
            optimizer.zero_grad()
            loss = valley(w)
            losses.append(loss.item())
            loss.backward()
            optimizer.step()
            path.append(w.data.copy())
        style = {"color": plots.CLASSES[k], "marker": plots.MARKERS[k], "markersize": 3.5, "linewidth": 1}
        left.plot(*np.transpose(path[:26]), label=name, **style)
        right.semilogy(np.maximum(losses, 1e-8), **{**style, "markersize": 2.5})
    left.set(xlabel="$w_1$", ylabel="$w_2$", title="25 steps")
    right.set(xlabel="step", title="loss, 50 steps")
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
    return figure


def schedules():
    """Learning rates over 30 epochs."""
    from tinydl.optim import lr_scheduler as s

    shown = {"StepLR, 10 epochs, 0.3": lambda o: s.StepLR(o, 10, 0.3),
             "CosineAnnealingLR": lambda o: s.CosineAnnealingLR(o, 30),
             "OneCycleLR": lambda o: s.OneCycleLR(o, 1.0, total_steps=30),
             "ExponentialLR, 0.9": lambda o: s.ExponentialLR(o, 0.9),
             "warm restarts, 10, twice": lambda o: s.CosineAnnealingWarmRestarts(o, 10, 2)}
    figure, (axes,) = panels(8, 3.4, 1)
    for k, (name, make) in enumerate(shown.items()):
        optimizer = td.optim.SGD([td.tensor(np.zeros(1), requires_grad=True)], lr=1.0)
        schedule, rates = make(optimizer), []
        for _ in range(30):
            rates.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            schedule.step()
        axes.plot(rates, color=plots.CLASSES[k], marker=plots.MARKERS[k], markersize=3.5, label=name)
    axes.set(xlabel="epoch (OneCycleLR: batch)", ylabel="learning rate")
    plots.legend(axes)
    return figure


def initial_weights():
    """The spread of activations by depth for initial weights of four kinds."""
    kinds = {"Kaiming, gain of ReLU": lambda w: td.nn.init.kaiming_normal_(w, nonlinearity="relu"),
             "Xavier": td.nn.init.xavier_normal_, "default of Linear": lambda w: w,
             "normal, 0.2": lambda w: td.nn.init.normal_(w, 0, 0.2)}
    x0 = np.random.default_rng(0).normal(size=(256, 128)).astype(np.float32)
    figure, (axes,) = panels(8, 3.4, 1)
    for k, (name, init) in enumerate(kinds.items()):
        td.manual_seed(0)
        x, spread = td.tensor(x0), []
        for _ in range(30):
            layer = td.nn.Linear(128, 128, bias=False)
            init(layer.weight)
            x = td.ops.relu(layer(x))
            spread.append(np.sqrt(np.mean(x.data.astype(float) ** 2)))
        axes.semilogy(range(1, 31), spread, color=plots.CLASSES[k], marker=plots.MARKERS[k], markersize=3.5, label=name)
    axes.set(title="30 layers of 128 units with ReLU", xlabel="layer", ylabel="root mean square of the outputs")
    plots.legend(axes)
    return figure
