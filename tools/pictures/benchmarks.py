"""Pictures of the page of benchmarks, from the kept results."""

import json

import numpy as np

from bench.training import winograd
from tinydl.inspect import plots
from tools.pictures.draw import panels
from tools.pictures.machine import RESULT

__all__ = ["budget", "inference", "kernel_shares", "memory", "training_steps", "winograd_training"]

LABELS = {"torch": "PyTorch", "torch-cl": "PyTorch, channels last", "torch-compile": "PyTorch, compiled",
          "tf": "TensorFlow", "jax": "JAX", "onnxruntime": "ONNX Runtime"}


def _rows(part):
    return json.loads(RESULT.read_text())[part]["rows"]


def _ratios(rows, threads):
    """{net (batch): {system: its time over tinydl's}} for a number of threads."""
    found = {}
    for row in rows:
        if row["threads"] == threads and row.get("ms"):
            found.setdefault(f"{row['net']} ({row['batch']})", {})[row["system"]] = row["ms"]
    return {net: {s: ms / times["tinydl"] for s, ms in times.items() if s != "tinydl"} for net, times in found.items()}


def _compared(part, title, height):
    rows = _rows(part)
    figure, every = panels(8.6, height, 2, sharey=True)
    systems = list(dict.fromkeys(r["system"] for r in rows if r["system"] != "tinydl"))
    for axes, threads in zip(every, (1, 2), strict=True):
        ratios = _ratios(rows, threads)
        for k, system in enumerate(systems):
            places = [(values[system], n) for n, values in enumerate(ratios.values()) if system in values]
            axes.plot(*np.transpose(places), plots.MARKERS[k], color=plots.CLASSES[k], markersize=6,
                      label=LABELS.get(system, system))
        axes.axvline(1, color="black", linewidth=1)
        axes.set_xscale("log")
        most = max(v for values in ratios.values() for v in values.values())
        ticks = [t for t in (1, 2, 3, 5, 10) if t <= 1.1 * most]
        axes.set_xticks(ticks, [f"{t}x" for t in ticks])
        axes.minorticks_off()
        axes.set_yticks(range(len(ratios)), list(ratios))
        axes.set(title=f"{threads} thread{'s' * (threads > 1)}", xlabel="time / tinydl's time")
    every[0].invert_yaxis()
    figure.suptitle(title)
    figure.legend(*every[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
    return figure


def training_steps():
    """A training step of other systems over tinydl's."""
    return _compared("networks", "Training steps: right of the line tinydl is faster", 4.2)


def inference():
    """Predictions of ONNX Runtime over tinydl's."""
    return _compared("inference", "Predictions: right of the line tinydl is faster", 4.8)


def kernel_shares():
    """The share of its limit that each kernel reaches, by group."""
    rows = [r for r in _rows("kernels") if r["threads"] == 1 and r.get("share")]
    groups = {}
    for row in rows:
        groups.setdefault(row["group"], []).append(row)
    order = sorted(groups, key=lambda g: -np.median([r["share"] for r in groups[g]]))
    figure, (axes,) = panels(8, 0.32 * len(order) + 1.4, 1)
    for limit, marker, colour in (("FMA peak", "o", plots.BLUE), ("memory", "s", plots.ORANGE)):
        places = [(100 * r["share"], k) for k, g in enumerate(order) for r in groups[g]
                  if (r["limit"] == "FMA peak") == (limit == "FMA peak")]
        if places:
            axes.plot(*np.transpose(places), marker, color=colour, markersize=4, alpha=0.75, label=f"limit: {limit}")
    axes.axvline(100, color="black", linewidth=1)
    axes.set_yticks(range(len(order)), order)
    axes.invert_yaxis()
    axes.set_xlabel("share of the limit / %, one thread")
    plots.legend(axes)
    return figure


def budget():
    """Where a training step spends its time, by kind of kernel."""
    figure, (axes,) = panels(8.4, 2.6, 1)
    steps = {}
    for row in _rows("budget"):
        step = steps.setdefault(f"{row['net']}\nbatch {row['batch']}", {"step": row["step_ms"]})
        kind = next((k for k in ("winograd backward", "winograd forward", "direct backward", "direct forward")
                     if k in row["kernel"]), "other kernels")
        step[kind] = step.get(kind, 0) + row["ms"]
    for y, step in enumerate(steps.values()):
        step["Python between kernels"] = step["step"] - sum(ms for kind, ms in step.items() if kind != "step")
        left = 0.0
        for k, kind in enumerate(("winograd backward", "winograd forward", "direct backward", "direct forward",
                                  "other kernels", "Python between kernels")):
            width = step.get(kind, 0.0)
            axes.barh(y, width, left=left, color=plots.CLASSES[k], edgecolor="white", label=kind if y == 0 else None)
            if width > 4:
                axes.text(left + width / 2, y, f"{100 * width / step['step']:.0f} %", ha="center", va="center",
                          fontsize=8, fontweight="bold", color="white")
            left += width
    axes.set_yticks(range(len(steps)), list(steps))
    axes.set_xlabel("milliseconds of one step, one thread")
    plots.legend(axes)
    return figure


def memory():
    """The largest memory during training steps."""
    rows = [r for r in _rows("memory") if r["what"] == "peak"]
    figure, (axes,) = panels(7, 1.0 + 0.45 * len(rows), 1)
    names = [LABELS.get(r["system"], r["system"]) for r in rows]
    axes.barh(names, [r["peak_mb"] for r in rows], color=[plots.BLUE] + [plots.GREY] * (len(rows) - 1))
    for y, r in enumerate(rows):
        axes.text(r["peak_mb"], y, f" {r['peak_mb']:.0f} MB", va="center", fontsize=9)
    axes.invert_yaxis()
    axes.set_xlabel("peak of resnet20 steps, batch 128 / MB")
    axes.margins(x=0.15)
    return figure


def winograd_training():
    """Losses of trainings with direct convolutions and with Winograd's."""
    return winograd.chart(json.loads(winograd.RESULT.read_text())["rows"])
