"""Pictures of nets and their training: curves, confusion matrix, filters, features, regions, gradients.

matplotlib is imported when a picture is made. Every function returns a `matplotlib.figure.Figure` made without pyplot,
so no window opens, no global state or backend is touched, and figures go away with their last reference.
"""

import os

import numpy as np

__all__ = [
    "confusion", "curves", "decision_regions", "feature_maps", "feature_space", "filters", "gradient_flow", "lr_range",
    "misclassified", "saliency", "save",
]

_BLUE, _ORANGE, _GREY = "#1f5fa8", "#d9641e", "#8a8a8a"
_CLASSES = (_BLUE, _ORANGE, "#2f8f4e", "#8d4bb0", "#b8860b", "#c2356b", "#3aa6a6", "#6b4f3a", "#5b6bd6", "#7a7a7a")


def _figure(width, height):
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise ImportError("pictures need matplotlib: pip install 'tinydl-cnn[app]'") from None
    figure = Figure(figsize=(width, height), dpi=120, layout="constrained")
    figure.get_layout_engine().set(w_pad=0.08, h_pad=0.06)
    return figure


def save(figure, path):
    """Write a figure to `path`, whole or not at all; the format follows from the name (png, svg, pdf)."""
    import io

    from tinydl._files import atomic_write

    buffer = io.BytesIO()
    extension = os.path.splitext(os.fspath(path))[1].lstrip(".") or "png"
    figure.savefig(buffer, format=extension)
    with atomic_write(path) as file:
        file.write(buffer.getvalue())


def _plain(axes):
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25, linewidth=0.6)


def curves(history, title="Training"):
    """Loss and accuracy over the epochs.

    Parameters
    ----------
    history : dict of str to list
        ``Trainer.history``: "epoch", "loss" and, where there are, "val_loss", "accuracy", "val_accuracy".
    title : str

    Returns
    -------
    Figure
    """
    epochs = history.get("epoch") or list(range(1, len(history["loss"]) + 1))
    panels = [("loss", "cross-entropy loss" if "accuracy" in history else "loss", 1.0)]
    if "accuracy" in history:
        panels.append(("accuracy", "accuracy / %", 100.0))
    figure = _figure(5.0 * len(panels), 3.8)
    for axes, (key, label, factor) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        for name, column, colour in (("training", key, _BLUE), ("validation", f"val_{key}", _ORANGE)):
            if column in history:
                values = factor * np.asarray(history[column], float)
                last = f"{values[-1]:.4f}" if factor == 1 else f"{values[-1]:.2f} %"
                axes.plot(epochs, values, color=colour, marker="o" if len(epochs) <= 30 else None, markersize=3.5,
                          label=f"{name} (last {last})")
        if key == "loss" and min(history[key]) > 0 and max(history[key]) > 20 * min(history[key]):
            axes.set_yscale("log")
        axes.set_xlabel("epoch")
        axes.set_ylabel(label)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.legend(frameon=False)
        _plain(axes)
    figure.suptitle(title)
    return figure


def confusion(matrix, class_names=None, title="Confusion matrix"):
    """A confusion matrix with its counts; the colour is the share of the row, so rare classes show as well.

    Parameters
    ----------
    matrix : array of int, shape (K, K)
        Rows are the true classes; see `tinydl.train.confusion_matrix`.
    class_names : sequence of str, optional
    title : str

    Returns
    -------
    Figure
    """
    matrix = np.asarray(matrix)
    k = len(matrix)
    names = [str(i) for i in range(k)] if class_names is None else [str(n) for n in class_names]
    size = min(12.0, max(4.8, 2.0 + 0.45 * k))
    figure = _figure(size + 0.6, size)
    axes = figure.add_subplot()
    share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    image = axes.imshow(100 * share, cmap="Blues", vmin=0, vmax=100)
    if k <= 25:
        for i, j in np.argwhere(matrix > 0):
            axes.text(j, i, f"{matrix[i, j]}", ha="center", va="center", fontsize=8,
                      color="white" if share[i, j] > 0.5 else "black")
    rotation = 45 if max(map(len, names)) > 3 else 0
    axes.set_xticks(range(k), names, rotation=rotation, ha="right" if rotation else "center", fontsize=8)
    axes.set_yticks(range(k), names, fontsize=8)
    axes.set_xlabel("predicted class")
    axes.set_ylabel("true class")
    right, total = int(np.trace(matrix)), int(matrix.sum())
    axes.set_title(f"{title}\n{right:,} of {total:,} right" + (f" ({100 * right / total:.2f} %)" if total else ""),
                   fontsize=11)
    figure.colorbar(image, ax=axes, fraction=0.046, pad=0.03, label="share of the true class / %")
    return figure


def _grid(n, columns, inches, aspect, gap, beside=0.2):
    """A figure with one bare axes for `n` pictures in rows of `columns`: (figure, axes, places).

    One axes with many images is drawn ten times faster than many axes. A place is the extent of a picture and the
    point above its middle for a caption, for which each row has `gap` (in heights of a picture). `inches` is the height
    of a picture, `beside` the room for a colour bar.
    """
    rows = -(-n // columns)
    figure = _figure(max(4.5, inches * 1.12 * aspect * columns + beside), inches * (1 + gap) * rows + 0.6)
    axes = figure.add_subplot()
    places = []
    for index in range(n):
        row, column = divmod(index, columns)
        left, top = 1.12 * aspect * column, -(1 + gap) * row
        places.append(((left, left + aspect, top - 1, top), (left + aspect / 2, top + 0.04)))
    axes.set_axis_off()
    axes.set_aspect("equal")
    axes.set_autoscale_on(False)
    axes.set_xlim(0, 1.12 * aspect * columns)
    axes.set_ylim(-(1 + gap) * rows + gap, gap)
    return figure, axes, places


def _first_filters(net):
    """(name, weight) of the first convolution of a net, found by the rank of its weight."""
    for name, parameter in net.named_parameters():
        if parameter.ndim == 4:
            return name, np.asarray(parameter.data)
    return None


def filters(weight, title=None, max_filters=64):
    """Convolution filters as a grid of images.

    Filters of three channels are shown in colour, each scaled to the full range; others as one row of grey images
    per filter bank, with the mean over their channels if they have several. One scale for all, zero is white.

    Parameters
    ----------
    weight : nn.Module or array, shape (O, C, KH, KW)
        Of a net, its first 2-D convolution is taken.
    title : str, optional
    max_filters : int
        The first so many are shown.

    Returns
    -------
    Figure or None
        None for a net without a 2-D convolution.
    """
    if hasattr(weight, "named_parameters"):
        found = _first_filters(weight)
        if found is None:
            return None
        name, weight = found
        title = title or f"First-layer filters ({name})"
    weight = np.asarray(getattr(weight, "data", weight) if hasattr(weight, "requires_grad") else weight)
    if weight.ndim != 4:
        raise ValueError(f"filters have shape (O, C, KH, KW), got {weight.shape}")
    n_out, channels, height, width = weight.shape
    shown = min(n_out, max_filters)
    colour = channels == 3
    grey = weight.mean(axis=1)
    limit = float(np.abs(grey).max()) or 1.0
    figure, axes, places = _grid(shown, min(shown, 8), 0.85, width / height, gap=0.32,
                                 beside=0.2 if colour else 1.1)
    image = None
    for index, (extent, (x, y)) in enumerate(places):
        if colour:
            picture = weight[index].transpose(1, 2, 0)
            low, high = picture.min(), picture.max()
            axes.imshow((picture - low) / ((high - low) or 1.0), interpolation="nearest", extent=extent)
        else:
            image = axes.imshow(grey[index], cmap="RdBu", vmin=-limit, vmax=limit, interpolation="nearest",
                                extent=extent)
        axes.text(x, y, str(index), ha="center", va="bottom", fontsize=7, color=_GREY)
    what = "in colour, each scaled to its range" if colour else \
        "weight" if channels == 1 else f"mean weight over {channels} channels"
    if image is not None:
        figure.colorbar(image, ax=axes, fraction=0.04, pad=0.02, label=what)
    count = f"{shown} of {n_out}" if shown < n_out else f"{n_out}"
    figure.suptitle(f"{title or 'Filters'}\n{count} filters of {channels}x{height}x{width}"
                    + (f", {what}" if colour else ""), fontsize=10)
    return figure


def _picture(image):
    """An image (C, H, W) as imshow takes it."""
    image = np.asarray(image, np.float32)
    low, high = image.min(), image.max()
    image = (image - low) / ((high - low) or 1.0)
    return image.transpose(1, 2, 0) if len(image) == 3 else image[0]


def misclassified(images, labels, logits, class_names=None, max_images=24, title="Most confident mistakes"):
    """The most wrong images: those where the net is surest of a wrong class.

    Parameters
    ----------
    images : array, shape (N, C, H, W)
    labels : array of int, shape (N,)
    logits : array, shape (N, K)
    class_names : sequence of str, optional
    max_images : int
    title : str

    Returns
    -------
    Figure
        Says so when there are no mistakes.
    """
    labels, logits = np.asarray(labels), np.asarray(logits, np.float64)
    names = [str(i) for i in range(logits.shape[1])] if class_names is None else list(class_names)
    probabilities = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    predicted = logits.argmax(axis=1)
    wrong = np.flatnonzero(predicted != labels)
    sure = probabilities[wrong, predicted[wrong]]
    chosen = wrong[np.argsort(-sure, kind="stable")][:max_images]
    if len(chosen) == 0:
        figure = _figure(5, 1.6)
        figure.suptitle(title)
        figure.text(0.5, 0.4, f"none: all {len(labels):,} images are classified right", ha="center")
        return figure
    figure, axes, places = _grid(len(chosen), min(8, max(4, len(chosen))), 1.4, images.shape[3] / images.shape[2],
                                 gap=0.55)
    for (extent, (x, y)), index in zip(places, chosen, strict=True):
        axes.imshow(_picture(images[index]), cmap="gray_r", interpolation="nearest", extent=extent)
        axes.text(x, y, f"true: {names[labels[index]]}\ntaken for: {names[predicted[index]]}\n"
                  f"({100 * probabilities[index, predicted[index]]:.0f} % sure)", ha="center", va="bottom", fontsize=8)
    figure.suptitle(f"{title}: {len(chosen)} of {len(wrong):,} wrong among {len(labels):,}", fontsize=11)
    return figure


def lr_range(lrs, losses, suggestion=None, title="Learning-rate range test"):
    """Loss over the learning rate, as `tinydl.train.LRFinder` measured it.

    Parameters
    ----------
    lrs, losses : sequences of float
    suggestion : float, optional
        Marked with a line.
    title : str

    Returns
    -------
    Figure
    """
    figure = _figure(5.4, 3.8)
    axes = figure.add_subplot()
    axes.plot(lrs, losses, color=_BLUE)
    axes.set_xscale("log")
    if suggestion is not None:
        axes.axvline(suggestion, color=_ORANGE, linestyle="--", label=f"suggested: {suggestion:.2g}")
        axes.legend(frameon=False)
    axes.set_xlabel("learning rate")
    axes.set_ylabel("smoothed loss")
    axes.set_title(title)
    _plain(axes)
    return figure


def gradient_flow(flow, title="Gradient flow"):
    """Gradients, spectral norms and their product over the layers of one or several nets.

    Parameters
    ----------
    flow : GradientFlow, or dict of str to GradientFlow
        What `tinydl.inspect.gradient_flow` returned; several nets by name are drawn into the same axes.
    title : str

    Returns
    -------
    Figure
    """
    flows = flow if isinstance(flow, dict) else {"": flow}
    has_norms = any(np.isfinite(f.product) for f in flows.values())
    deepest = max(len(f.layers) for f in flows.values())
    single = len(flows) == 1
    panels = 3 if has_norms else 2
    figure = _figure(4.6 * panels, 4.4 if single and deepest <= 25 else 4.0)
    axes = figure.subplots(1, panels)
    for colour, (name, f) in zip(_CLASSES * (1 + len(flows) // len(_CLASSES)), flows.items(), strict=False):
        x = np.arange(1, len(f.layers) + 1)
        marker = "o" if len(x) <= 30 else None
        style = {"color": colour, "marker": marker, "markersize": 3.5}
        columns = {key: _positive([getattr(layer, key) for layer in f.layers])
                   for key in ("activation_gradient", "weight_gradient", "spectral_norm", "product")}
        shown = f"{name} ({f.verdict})" if name else "dL/d(output of the layer)"
        axes[0].plot([0, *x], [*_positive([f.input_gradient]), *columns["activation_gradient"]], label=shown, **style)
        known = np.isfinite(columns["weight_gradient"])
        axes[1].plot(x[known], columns["weight_gradient"][known], label=name or "dL/d(weights of the layer)", **style)
        if has_norms:
            if single:
                axes[2].plot(x, columns["spectral_norm"], color=_ORANGE, marker=marker, markersize=3.5,
                             label="spectral norm of the layer")
            axes[2].plot(x, columns["product"], label=name or "product from here to the end", **style)
    labels = ("norm of the gradient at the output", "norm of the gradient of the weights",
              "largest singular value of the Jacobian" if single else "product of spectral norms from here to the end")
    for k, (panel, label) in enumerate(zip(axes, labels, strict=False)):
        panel.set_yscale("log")
        panel.set_ylabel(label)
        panel.set_xlabel("layer (0: the input)" if k == 0 else "layer")
        panel.xaxis.get_major_locator().set_params(integer=True)
        _at_least_a_decade(panel)
        panel.legend(frameon=False, fontsize=8)
        _plain(panel)
        if single and deepest <= 25:
            names = [f"{layer.name} {layer.kind}" for layer in next(iter(flows.values())).layers]
            ticks = ["input", *names] if k == 0 else names
            panel.set_xticks(range(1 - (k == 0), deepest + 1), ticks, rotation=60, ha="right", fontsize=7)
            panel.set_xlabel("layer")
    only = next(iter(flows.values()))
    figure.suptitle(f"{title}: {only.verdict}, {only.ratio:.2g} of the gradient reaches the input" if single else title)
    return figure


def _positive(values):
    """Values for a logarithmic axis: 0 becomes the least normal number."""
    values = np.asarray(values, float)
    return np.where(values == 0, np.finfo(float).tiny, values)


def _at_least_a_decade(axes):
    """Widen a logarithmic axis whose values hardly differ, so that rounding does not look like a trend."""
    low, high = axes.get_ylim()
    if 0 < low < high and high / low < 10:
        middle = (low * high) ** 0.5
        axes.set_ylim(middle / 10**0.5, middle * 10**0.5)


def _points(x, y):
    x, y = np.asarray(x, float), np.asarray(y)
    if x.ndim != 2 or x.shape[1] != 2:
        raise ValueError(f"this picture needs points in the plane, an array (N, 2), got shape {x.shape}")
    if y.shape != (len(x),) or y.dtype.kind not in "iu":
        raise ValueError(f"the labels must be {len(x)} integers, got {y.dtype} of shape {y.shape}")
    return x, y


def _scatter(axes, x, y, class_names, size=14):
    for k in np.unique(y):
        name = f"class {k}" if class_names is None else str(class_names[k])
        axes.scatter(*x[y == k].T, s=size, color=_CLASSES[k % len(_CLASSES)], edgecolors="white", linewidths=0.4,
                     label=name, zorder=3)


def _outputs(net, x):
    """Outputs of a net (in evaluation mode) or of a function, as an array."""
    if hasattr(net, "modules"):
        from tinydl.train import predict

        return np.asarray(predict(net, x.astype(np.float32)))
    y = net(x)
    return np.asarray(y.data if hasattr(y, "requires_grad") else y)


def decision_regions(net, x, y, class_names=None, title="Decision regions", resolution=200):
    """Points in the plane, and how a net divides the plane.

    Parameters
    ----------
    net : nn.Module or callable
        From points (N, 2) to logits (N, K), or to one logit (N, 1) whose sign decides.
    x : array, shape (N, 2)
    y : array of int, shape (N,)
    class_names : sequence of str, optional
    title : str
    resolution : int
        Pixels along each axis.

    Returns
    -------
    Figure
    """
    from matplotlib.colors import ListedColormap

    x, y = _points(x, y)
    margin = 0.12 * np.ptp(x, axis=0) + 1e-6
    (left, bottom), (right, top) = x.min(axis=0) - margin, x.max(axis=0) + margin
    across, up = np.meshgrid(np.linspace(left, right, resolution), np.linspace(bottom, top, resolution))
    mesh = np.stack([across.ravel(), up.ravel()], axis=1)

    def classes(points):
        logits = _outputs(net, points)
        return (logits[:, 0] > 0).astype(int) if logits.shape[1] == 1 else logits.argmax(axis=1)

    regions = classes(mesh).reshape(across.shape)
    n = int(max(regions.max(), y.max())) + 1
    colours = ListedColormap([_CLASSES[k % len(_CLASSES)] for k in range(n)])
    figure = _figure(5.4, 4.8)
    axes = figure.add_subplot()
    axes.imshow(regions, extent=(left, right, bottom, top), origin="lower", cmap=colours, vmin=0, vmax=n - 1 or 1,
                alpha=0.25, aspect="auto", interpolation="nearest")
    if n > 1:
        axes.contour(across, up, regions, levels=np.arange(n - 1) + 0.5, colors="#444444", linewidths=0.9)
    _scatter(axes, x, y, class_names)
    right_ones = float(np.mean(classes(x) == y))
    axes.set_title(f"{title} ({100 * right_ones:.1f} % of {len(x):,} points right)", fontsize=11)
    axes.set_xlabel("$x_1$")
    axes.set_ylabel("$x_2$")
    axes.legend(frameon=True, framealpha=0.9, fontsize=8)
    return figure


def feature_space(net, x, y, layers=None, class_names=None, title="What each layer makes of the plane"):
    """Points in the plane, and the grid under them, as each layer of a net sees them.

    A linear map shears the grid, ReLU folds it, tanh squeezes it. Layers with more than two units are shown along the
    two directions in which the points vary most (principal components), those with one unit along a line.

    Parameters
    ----------
    net : nn.Module
        Takes points (N, 2).
    x : array, shape (N, 2)
    y : array of int, shape (N,)
    layers : sequence of str, optional
        Names of the layers to show; by default all.
    class_names : sequence of str, optional
    title : str

    Returns
    -------
    Figure
    """
    from matplotlib.collections import LineCollection

    from tinydl.inspect.features import feature_maps as outputs_of

    x, y = _points(x, y)
    low, high = x.min(axis=0), x.max(axis=0)
    lines, steps = 13, 60
    along = np.linspace(0, 1, steps)
    grid = [np.stack([low[0] + (high[0] - low[0]) * (along if k else np.full(steps, t)),
                      low[1] + (high[1] - low[1]) * (np.full(steps, t) if k else along)], axis=1)
            for t in np.linspace(0, 1, lines) for k in (0, 1)]
    together = np.concatenate([x, *grid])
    found = outputs_of(net, together)
    names = list(found) if layers is None else list(layers)
    missing = [name for name in names if name not in found]
    if missing:
        raise ValueError(f"the net has no layer {missing[0]!r} with an output; it has {', '.join(found)}")
    kinds = {name: type(module).__name__ for name, module in net.named_modules()}
    panels = [("input", together, ("$x_1$", "$x_2$"))]
    for name in names:
        panels.append((f"{name}: {kinds[name]}", *_plane(found[name].reshape(len(together), -1), len(x))))
    columns = min(4, len(panels))
    rows = -(-len(panels) // columns)
    figure = _figure(3.3 * columns, 3.3 * rows + 0.5)
    every = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, (name, places, labels) in zip(every, panels, strict=False):
        net_lines = places[len(x):].reshape(2 * lines, steps, 2)
        axes.add_collection(LineCollection(net_lines, colors=_GREY, linewidths=0.5, alpha=0.6))
        _scatter(axes, places[:len(x)], y, class_names, size=9)
        axes.set_title(name, fontsize=10)
        axes.set_xlabel(labels[0], fontsize=8)
        axes.set_ylabel(labels[1], fontsize=8)
        axes.tick_params(labelsize=7)
        axes.locator_params(nbins=5)
        axes.autoscale_view()
        _plain(axes)
    for axes in every[len(panels):]:
        axes.set_axis_off()
    every[0].legend(frameon=True, framealpha=0.9, fontsize=7)
    figure.suptitle(title, fontsize=12)
    return figure


def _plane(features, n):
    """(Places in the plane, axis labels) of feature vectors; principal components are those of the first `n`."""
    width = features.shape[1]
    if width == 1:
        return np.concatenate([features, np.zeros_like(features)], axis=1), ("unit 1", "")
    if width == 2:
        return features, ("unit 1", "unit 2")
    centre = features[:n].mean(axis=0)
    _, size, directions = np.linalg.svd(features[:n] - centre, full_matrices=False)
    share = 100 * size[:2] ** 2 / max(float((size**2).sum()), 1e-300)
    return (features - centre) @ directions[:2].T, tuple(
        f"component {k + 1} ({share[k]:.0f} % of the variance)" for k in range(2))


def feature_maps(maps, image=None, title="Feature maps", max_maps=64):
    """Feature maps of one image as a grid of pictures.

    Parameters
    ----------
    maps : array, shape (C, H, W) or (1, C, H, W)
        See `tinydl.inspect.feature_maps`.
    image : array, shape (1 or 3, H, W), optional
        What the net saw; shown first.
    title : str
    max_maps : int
        The first so many are shown.

    Returns
    -------
    Figure
    """
    maps = np.asarray(maps, np.float64)
    maps = maps[0] if maps.ndim == 4 and len(maps) == 1 else maps
    if maps.ndim != 3:
        raise ValueError(f"feature maps of one image have shape (C, H, W), got {maps.shape}; take those of one image")
    channels, height, width = maps.shape
    shown = min(channels, max_maps)
    extra = 0 if image is None else 1
    figure, axes, places = _grid(shown + extra, min(8, shown + extra), 1.0, width / height, gap=0.28, beside=1.1)
    low, high = float(maps.min()), float(maps.max())
    signed = low < 0
    limit = max(abs(low), abs(high)) or 1.0
    style = {"cmap": "RdBu", "vmin": -limit, "vmax": limit} if signed else {"cmap": "viridis", "vmin": 0, "vmax": limit}
    if extra:
        extent, (x, y) = places[0]
        axes.imshow(_picture(image), cmap="gray", interpolation="nearest", extent=extent)
        axes.text(x, y, "input", ha="center", va="bottom", fontsize=8)
    for index, (extent, (x, y)) in enumerate(places[extra:]):
        drawn = axes.imshow(maps[index], interpolation="nearest", extent=extent, **style)
        axes.text(x, y, str(index), ha="center", va="bottom", fontsize=7, color=_GREY)
    figure.colorbar(drawn, ax=axes, fraction=0.04, pad=0.02, label="activation")
    count = f"{shown} of {channels}" if shown < channels else f"{channels}"
    figure.suptitle(f"{title}\n{count} channels of {height}x{width}", fontsize=10)
    return figure


def saliency(images, gradients, captions=None, title="Saliency: where the score depends on the pixels", max_images=8):
    """Images, and under each the size of the gradient of its score.

    Parameters
    ----------
    images : array, shape (N, C, H, W)
    gradients : array, shape (N, C, H, W)
        See `tinydl.inspect.saliency`; the largest absolute value over the channels is shown, each image scaled to its
        own maximum.
    captions : sequence of str, optional
    title : str
    max_images : int
        The first so many are shown.

    Returns
    -------
    Figure
    """
    images, gradients = np.asarray(images), np.asarray(gradients)
    if images.ndim != 4 or images.shape != gradients.shape:
        raise ValueError(f"images and gradients must have one shape (N, C, H, W), got {images.shape} and "
                         f"{gradients.shape}")
    n = min(len(images), max_images)
    figure, axes, places = _grid(2 * n, n, 1.4, images.shape[3] / images.shape[2], gap=0.2, beside=1.1)
    size = np.abs(gradients[:n]).max(axis=1)
    size /= np.maximum(size.max(axis=(1, 2), keepdims=True), np.finfo(float).tiny)
    for index in range(n):
        extent, (x, y) = places[index]
        axes.imshow(_picture(images[index]), cmap="gray_r", interpolation="nearest", extent=extent)
        if captions is not None:
            axes.text(x, y, str(captions[index]), ha="center", va="bottom", fontsize=8)
        drawn = axes.imshow(size[index], cmap="magma", vmin=0, vmax=1, interpolation="nearest",
                            extent=places[n + index][0])
    figure.colorbar(drawn, ax=axes, fraction=0.04, pad=0.02, label="|d score / d pixel|, largest = 1")
    figure.suptitle(title, fontsize=11)
    return figure
