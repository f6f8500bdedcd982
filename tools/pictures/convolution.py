"""Pictures of the page on convolution."""

import numpy as np

import tinydl as td
from tinydl.inspect import conv_matrix, plots, receptive_field
from tools.pictures.draw import arrow, bare, cells, frame

__all__ = ["matrices", "receptive_fields", "sliding_filter", "windows"]

IMAGE = np.array([[1.0, 1, 1, 0, 0], [0, 1, 1, 1, 0], [0, 0, 1, 1, 1], [0, 0, 1, 1, 0], [0, 1, 1, 0, 0]])
CROSS = np.array([[1.0, 0, 1], [0, 1, 0], [1, 0, 1]])


def sliding_filter():
    """The filter at four of its nine places on the 5x5 image, and the output as far as it is known."""
    whole = td.ops.conv2d(td.tensor(IMAGE[None, None]), td.tensor(CROSS[None, None])).data[0, 0]
    figure = plots.new_figure(8.4, 4.2)
    every = figure.subplots(2, 4, height_ratios=(5, 3))
    for (above, below), (p, q) in zip(every.T, ((0, 0), (0, 1), (1, 1), (2, 2)), strict=True):
        bare(above, f"row {p}, column {q}")
        cells(above, IMAGE, limit=1.6)
        frame(above, q, p, 3, 3)
        for i, j in np.ndindex(3, 3):
            above.text(q + j + 0.95, -(p + i + 0.93), f"\u00d7{CROSS[i, j]:.0f}", fontsize=6, ha="right",
                       color="#010101")
        bare(below)
        known = np.array([whole[i, j] if (i, j) <= (p, q) else 0 for i, j in np.ndindex(3, 3)]).reshape(3, 3)
        cells(below, known, limit=7, words=False)
        for i, j in np.ndindex(3, 3):
            if (i, j) <= (p, q):
                below.text(j + 0.5, -(i + 0.5), f"{whole[i, j]:.0f}", ha="center", va="center", fontsize=10,
                           color="#010101")
        frame(below, q, p, 1, 1)
        below.set_xlim(-1, 4)
    figure.suptitle("y[p, q] = \u03a3 w[i, j] x[p + i, q + j]: the filter slides, the sum of products is one output",
                    fontsize=11)
    return figure


def matrices():
    """A and its transpose for X 2x4, two filters of width 3: the taps have the numbers 1 to 12."""
    conv = td.nn.Conv1d(2, 2, 3, bias=False).double()
    conv.weight.data[...] = np.arange(1, 13).reshape(2, 2, 3)
    A = conv_matrix(conv, (2, 4)).toarray()
    figure = plots.new_figure(8.4, 3.5)
    left, right = figure.subplots(1, 2, width_ratios=(2, 1))
    for axes, matrix, title in ((left, A, "A: vec(Y) = A vec(X), 4 x 8"), (right, A.T, "A': dX = A' dY, 8 x 4")):
        bare(axes, title)
        cells(axes, matrix, limit=20, words=False)
        for (i, j), value in np.ndenumerate(matrix):
            if value:
                o, c, k = np.unravel_index(int(value) - 1, (2, 2, 3))
                axes.text(j + 0.5, -(i + 0.5), f"w{o + 1}{c + 1}{k + 1}", ha="center", va="center", fontsize=8,
                          color="#010101")
    for axes, row, column in ((left, 2, 4), (right, 4, 2)):
        for k in (0, 1):
            for m in (0, 1):
                frame(axes, k * column, m * row, column, row, plots.GREY, linewidth=1.4)
    figure.suptitle("A convolution as a matrix: w, output channel, input channel, tap; white is 0", fontsize=11)
    return figure


def receptive_fields():
    """What one output depends on: the gradient at the input of nets of 1 to 4 layers of 3x3, and with a stride."""
    def depends(net, size=17):
        for p in net.parameters():
            p.data[...] = 1.0
        x = td.tensor(np.zeros((1, 1, size, size)), requires_grad=True)
        y = net.double()(x)
        y[0, 0, y.shape[2] // 2, y.shape[3] // 2].backward()
        return x.grad[0, 0]

    def conv(stride=1):
        return td.nn.Conv2d(1, 1, 3, padding=1, stride=stride, bias=False)

    nets = {f"{n} layer{'s' * (n > 1)}": [conv() for _ in range(n)] for n in (1, 2, 4)}
    nets["3, the first of stride 2"] = [conv(2), conv(), conv()]
    figure = plots.new_figure(8.4, 2.9)
    for axes, (name, layers) in zip(figure.subplots(1, 4), nets.items(), strict=True):
        net = td.nn.Sequential(*layers)
        field = receptive_field(net, (1, 17, 17))
        bare(axes, f"{name}: {field}", 9)
        seen = depends(net)
        assert int((seen[8] != 0).sum()) == field
        axes.imshow(seen ** 0.5, cmap="Blues", interpolation="nearest", extent=(0, 17, -17, 0))
        axes.plot([0, 17, 17, 0, 0], [0, 0, -17, -17, 0], color=plots.GREY, linewidth=0.6)
    figure.suptitle("Receptive field: in how many ways each pixel reaches the output in the middle", fontsize=11)
    return figure


def windows():
    """unfold: every window of a 3x4 image a column of the matrix that im2col makes."""
    image = np.arange(1.0, 13).reshape(3, 4)
    columns = td.ops.unfold(td.tensor(image[None, None]), 2).data[0]
    figure = plots.new_figure(8.4, 2.9)
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.6))
    bare(left, "x, 3 x 4: the windows of 2 x 2")
    cells(left, image, limit=24)
    bare(right, "unfold(x), 4 x 6: a column is a window")
    cells(right, columns, limit=24)
    for column, (top, x), colour in ((0, (0, 0), plots.ORANGE), (4, (1, 1), plots.BLUE)):
        frame(left, x, top, 2, 2, colour)
        frame(right, column, 0, 1, 4, colour)
    arrow(right, (-1.4, -2), (-0.3, -2))
    return figure
