"""Pictures of the page from formula to machine code."""

import json
from pathlib import Path

import numpy as np

from tinydl.inspect import plots
from tools.pictures.draw import bare, cells, frame, panels

__all__ = ["register_tile", "roofline"]

RESULT = Path(__file__).resolve().parents[2] / "bench/results/reference.json"


def register_tile():
    """The tile of level v3: six pixels by two vectors of eight channels in twelve registers."""
    from matplotlib.patches import Rectangle

    figure = plots.new_figure(8.4, 3.6)
    axes = bare(figure.add_subplot(), "One step of k: acc[i][v] += x[i] * w[v]. Two loads of w, six broadcasts of x, "
                                      "twelve FMAs", 10)
    for v in range(2):
        cells(axes, np.full((1, 8), 0.6), left=3 + 8.6 * v, top=0, limit=1, words=False)
        axes.text(7 + 8.6 * v, -0.5, f"w[{v}]: ymm{(11, 0)[v]}", ha="center", va="center", fontsize=9, color="#010101")
        for i in range(6):
            cells(axes, np.full((1, 8), 0.25), left=3 + 8.6 * v, top=1.6 + 1.1 * i, limit=1, words=False)
            register = ((12, 6, 8, 9, 7, 10), (4, 15, 3, 2, 1, 5))[v][i]
            axes.text(7 + 8.6 * v, -(2.1 + 1.1 * i), f"acc[{i}][{v}]: ymm{register}", ha="center", va="center",
                      fontsize=9, color="#010101")
    for i in range(6):
        cells(axes, [[-0.5]], left=1, top=1.6 + 1.1 * i, limit=1, words=False)
        axes.text(1.5, -(2.1 + 1.1 * i), f"x[{i}]", ha="center", va="center", fontsize=9, color="#010101")
    frame(axes, 0.85, 1.45, 1.3, 1.3)
    frame(axes, 2.85, -0.15, 8.3, 1.3)
    frame(axes, 2.85, 1.45, 8.3, 1.3)
    axes.text(0.8, -0.5, "ymm13 =", ha="center", fontsize=9)
    axes.add_patch(Rectangle((0, 0.3), 19.8, -8.8, fill=False, linewidth=0))
    axes.set_xlim(-0.4, 20)
    axes.set_ylim(-8.5, 0.4)
    return figure


def roofline():
    """Kernels of the kept benchmark under the roof of their machine: memory's rate, then the peak of multiply-adds."""
    rows = [r for r in json.loads(RESULT.read_text())["kernels"]["rows"]
            if r["threads"] == 1 and r.get("gflops") and r.get("gbs")]
    figure, (axes,) = panels(8, 4.2, 1)
    peak, memory = (np.median([r[key] for r in rows]) for key in ("peak_gflops", "memory_gbs"))
    x = np.geomspace(0.3, 600, 100)
    axes.loglog(x, np.minimum(peak, memory * x), color=plots.GREY,
                label=f"roof: {memory:.0f} GB/s, {peak:.0f} GFLOP/s")
    kinds = {"forward": [], "backward": [], "other": []}
    for r in rows:
        kind = next((k for k in ("backward", "forward") if k in r["kernel"]), "other")
        kinds[kind].append((r["gflops"] / r["gbs"], r["gflops"]))
    for k, (kind, points) in enumerate(kinds.items()):
        if points:
            axes.plot(*np.transpose(points), plots.MARKERS[k], color=plots.CLASSES[k], markersize=4, label=kind)
    axes.set(xlabel="operations for each byte that is moved", ylabel="GFLOP/s, one thread",
             title="Kernels under the roof; Winograd's do a quarter of the products that are counted")
    plots.legend(axes)
    return figure
