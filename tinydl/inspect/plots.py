"""Pictures of training: curves, confusion matrix, filters, misclassified images.

matplotlib is imported when a picture is made. Every function returns a `matplotlib.figure.Figure` made without pyplot,
so no window opens, no global state or backend is touched, and figures go away with their last reference.
"""

import os

import numpy as np

__all__ = ["confusion", "curves", "filters", "lr_range", "misclassified", "save"]

_BLUE, _ORANGE, _GREY = "#1f5fa8", "#d9641e", "#8a8a8a"


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
