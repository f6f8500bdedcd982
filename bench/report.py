"""Tables and charts from result files; `python bench/report.py` writes the tables into the documents.

A document holds pairs of lines ``<!-- bench:NAME -->`` and ``<!-- /bench -->``; what stands between them is replaced by
the table NAME of bench/results/reference.json. Each table stands in one document. ``--check`` changes nothing and fails
when a file would change.
"""

import argparse
import json
import re
import statistics
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))

from bench.harness import ROOT, table

__all__ = ["TABLES", "chart", "fill", "ratios"]

REFERENCE = ROOT / "bench/results/reference.json"
FILES = (ROOT / "README.md", ROOT / "bench/README.md", ROOT / "docs/performance.md")
MARKED = re.compile(r"(<!-- bench:([a-z]+) -->\n).*?(<!-- /bench -->)", re.DOTALL)


def milliseconds(ms):
    return f"{ms:.3f}" if ms < 1 else f"{ms:.2f}" if ms < 10 else f"{ms:.1f}" if ms < 100 else f"{ms:.0f}"


def ratios(rows):
    """{(net, batch, threads): {system: its time / tinydl's time}} of the rows that tinydl is part of."""
    times = {}
    for row in rows:
        times.setdefault((row["net"], row["batch"], row["threads"]), {})[row["system"]] = row["ms"]
    return {key: {name: ms / systems["tinydl"] for name, ms in systems.items()}
            for key, systems in times.items() if "tinydl" in systems}


def systems_of(rows):
    return list(dict.fromkeys(row["system"] for row in rows if row["system"] != "tinydl"))


def network_table(rows):
    """Time of a step and, for every peer, how many times tinydl is faster."""
    peers, cells = systems_of(rows), []
    found, own = ratios(rows), {(r["net"], r["batch"], r["threads"]): r for r in rows if r["system"] == "tinydl"}
    for (net, batch, threads), by_system in found.items():
        row = own[net, batch, threads]
        cells.append([f"{net} ({batch})", threads, milliseconds(row["ms"]), f"{row['gflops']:.0f}",
                      *(f"{by_system[p]:.2f}x" if p in by_system else "-" for p in peers)])
    return table(["net (batch)", "threads", "tinydl ms", "GFLOP/s", *peers], cells)


def kernel_table(rows):
    """Median (and least) share of the limit by group, pass and number of threads."""
    groups = {}
    for row in rows:
        groups.setdefault((row["group"], row["kernel"], row["threads"]), []).append(row)
    cells = []
    for (group, kernel, threads), members in groups.items():
        limit = members[0]["limit"]
        unit, name = ("GFLOP/s", "gflops") if limit == "FMA peak" else ("GB/s", "gbs")
        shares = [100 * m["share"] for m in members]
        cells.append([group, kernel, threads, len(members), f"{statistics.median(m[name] for m in members):.0f} {unit}",
                      f"{statistics.median(shares):.0f} %", f"{min(shares):.0f} %", limit])
    return table(["group", "kernel", "threads", "shapes", "median rate", "median share", "least share", "of"], cells)


def memory_table(rows):
    """Import, peaks and growth."""
    cells = []
    for row in rows:
        if row["what"] == "import":
            cells += [["import tinydl, beyond import numpy", f"{row['seconds_over_numpy']:.3f} s"],
                      ["other packages loaded by it", ", ".join(row["other_packages"]) or "none"],
                      ["memory after the import", f"{row['rss_mb']:.0f} MB"]]
        elif row["what"] == "peak":
            cells.append([f"peak of {row['net']} steps, batch {row['batch']}: {row['system']}",
                          f"{row['peak_mb']:.0f} MB (after import {row['import_mb']:.0f} MB)"])
        else:
            cells.append([f"growth over {row['over']}", f"{row['mb']:.1f} MB"])
    return table(["what", "measured"], cells)


def scaling_table(rows):
    """Speed-up over the first number of threads."""
    return table(["net (batch)", "threads", "ms", "speed-up"], [
        [f"{r['net']} ({r['batch']})", r["threads"], milliseconds(r["ms"]), f"{r['speed_up']:.2f}x"] for r in rows])


def budget_table(rows):
    """Passes of a step: what they move and compute, their time, and the share of the least time for it."""
    cells = []
    for net in dict.fromkeys(row["net"] for row in rows):
        own = [row for row in rows if row["net"] == net]
        step, shown = own[0]["step_ms"], [row for row in own if row["ms"] >= 0.005 * own[0]["step_ms"]]
        for row in shown:
            cells.append([f"{row['kernel']} {row['layer']}", row["calls"], f"{row['mbytes']:.0f}",
                          f"{row['gflop']:.2f}" if row["gflop"] else "-", milliseconds(row["ms"]),
                          f"{100 * row['ms'] / step:.1f} %", f"{100 * row['limit_ms'] / row['ms']:.0f} %"])
        kernels = sum(row["ms"] for row in own)
        rest = kernels - sum(row["ms"] for row in shown)
        cells += [["other kernels", sum(r["calls"] for r in own) - sum(r["calls"] for r in shown), "", "",
                   milliseconds(rest), f"{100 * rest / step:.1f} %", ""],
                  ["Python between kernels", "", "", "", milliseconds(max(0.0, step - kernels)),
                   f"{100 * max(0.0, step - kernels) / step:.1f} %", ""],
                  [f"**{net}, batch {own[0]['batch']}**", "", f"{sum(r['mbytes'] for r in own):.0f}",
                   f"{sum(r['gflop'] for r in own):.2f}", milliseconds(step), "",
                   f"{100 * sum(r['limit_ms'] for r in own) / step:.0f} %"]]
    return table(["pass", "calls", "MB", "GFLOP", "ms", "of the step", "of the limit"], cells)


def contention_table(rows):
    """A line per net and load: milliseconds of every system."""
    systems = list(dict.fromkeys(row["system"] for row in rows if row["load"] != "a training"))
    found = {(row["net"], row["load"], row["system"]): row["ms"] for row in rows}
    nets = dict.fromkeys((row["net"], row["batch"]) for row in rows)
    loads = list(dict.fromkeys(row["load"] for row in rows if row["load"] != "a training"))
    cells = [[f"{net} ({batch})", load, *(milliseconds(found[net, load, system]) for system in systems)]
             for net, batch in nets for load in loads]
    pairs = list(dict.fromkeys(row["system"] for row in rows if row["load"] == "a training"))
    both = [[f"{net} ({batch})", *(milliseconds(found[net, "a training", pair]) for pair in pairs)]
            for net, batch in nets if pairs]
    first = table(["net (batch)", "busy a core", *systems], cells)
    return first + ("\n\n" + table(["net (batch)", *pairs], both) if both else "")


def denormal_table(rows):
    """Milliseconds of a step by what is denormal, and their ratio to ordinary values."""
    return table(["net (batch)", "threads", "denormal", "ms", "of ordinary"], [
        [f"{r['net']} ({r['batch']})", r["threads"], r["denormal"], milliseconds(r["ms"]), f"{r['ratio']:.2f}x"]
        for r in rows])


def distributed_table(rows):
    """Milliseconds of a step, speed over a process with all threads, and efficiency over one thread, of either kind."""
    cells = []
    for row in rows:
        if row["net"] == "sum" or row["system"] == "alone":
            continue
        kind = row["system"].split(",")[0].split(" ")[0]
        same = {(r["ranks"], r["threads"]): r["ms"] for r in rows if r["system"].startswith(kind) and r["ranks"] == 1
                and (r["net"], r["batch"]) == (row["net"], row["batch"])}
        apart = [r["ms"] for r in rows if (r["net"], r["batch"]) == (row["net"], row["batch"])
                 and r["system"].endswith(", apart") and row["system"].startswith("tinydl") and row["ranks"] > 1]
        cores = row["ranks"] * row["threads"]
        cells.append([f"{row['net']} ({row['batch']})", row["system"], milliseconds(row["ms"]),
                      f"{same[1, cores] / row['ms']:.3f}" if row["ranks"] > 1 else "",
                      f"{same[1, 1] / row['ms'] / cores:.3f}" if cores > 1 else "",
                      f"{apart[0] / row['ms']:.3f}" if apart else "",
                      f"{row['bytes'] / row['gradient_bytes']:.3f}" if row.get("bytes") else ""])
    return table(["net (batch)", "system", "ms", "of one process", "efficiency", "of ranks apart", "sent / gradient"],
                 cells)


TABLES = {"kernels": kernel_table, "networks": network_table, "inference": network_table, "memory": memory_table,
          "scaling": scaling_table, "budget": budget_table, "contention": contention_table,
          "denormals": denormal_table, "distributed": distributed_table}


def caption(part):
    """The line under a table: what was measured where."""
    facts = part["machine"]
    versions = dict.fromkeys(f"{r['system']} {r['version']}" for r in part["rows"]
                             if r.get("version") and r["system"] not in ("tinydl", "torch-cl", "torch-compile"))
    beside = f"; beside {', '.join(versions)}" if versions else ""
    return (f"{facts['cpu']}, {facts['cpus']} CPUs, level {facts['isa_level']}, revision {facts['revision']}, "
            f"{part['date']}{beside}.")


def fill(text, results):
    """`text` with every marked table made anew."""
    def replace(match):
        part = results.get(match[2])
        if part is None:
            return match[0]
        return f"{match[1]}{TABLES[match[2]](part['rows'])}\n\n{caption(part)}\n{match[3]}"

    return MARKED.sub(replace, text)


def chart(rows, path, facts):
    """Bars of peer time / tinydl time per net, one panel per number of threads and batch kind; False without peers."""
    peers = systems_of(rows)
    if not peers:
        return False
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    import numpy as np

    found = ratios(rows)
    ones = {key[1] == 1 for key in found}  # inference: batch 1 apart from the rest
    panels = list(dict.fromkeys((key[2], key[1] == 1) for key in found))
    figure, axes = plt.subplots(len(panels), 1, figsize=(11, 3.4 * len(panels)), squeeze=False, layout="constrained")
    width = 0.8 / len(peers)
    for axis, (threads, single) in zip(axes[:, 0], panels, strict=True):
        keys = [key for key in found if key[2] == threads and (key[1] == 1) == single]
        places = np.arange(len(keys))
        for k, peer in enumerate(peers):
            values = [found[key].get(peer, np.nan) for key in keys]
            bars = axis.bar(places + (k - (len(peers) - 1) / 2) * width, values, width, label=peer)
            axis.bar_label(bars, ["" if v != v else f"{v:.1f}" for v in values], fontsize=7, padding=1)
        axis.axhline(1.0, color="black", linewidth=1)
        axis.set_yscale("log")
        low, high = axis.get_ylim()
        axis.set_ylim(min(low, 0.8), high * 1.3)
        ticks = [t for t in (0.25, 0.5, 1, 2, 3, 5, 10, 20, 50) if axis.get_ylim()[0] <= t <= axis.get_ylim()[1]]
        axis.set_yticks(ticks, [f"{t:g}" for t in ticks])
        axis.minorticks_off()
        axis.set_xticks(places, [f"{net}\nbatch {batch}" for net, batch, _ in keys])
        axis.set_ylabel("peer time / tinydl time")
        kind = "" if len(ones) == 1 else ", batch 1" if single else ", large batch"
        axis.set_title(f"{'Training step' if rows[0]['mode'] == 'train' else 'Inference'}{kind}, {threads} "
                       f"thread{'s' if threads > 1 else ''}: above 1 tinydl is faster", fontsize=10)
    axes[0, 0].legend(ncols=len(peers), fontsize=8, loc="upper right")
    figure.suptitle(f"{facts['cpu']}, level {facts['isa_level']}", fontsize=9)
    figure.savefig(path, dpi=110)
    plt.close(figure)
    return True


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=Path, default=REFERENCE, help="result file to take the tables from")
    parser.add_argument("--check", action="store_true", help="change nothing; fail when a table is out of date")
    args = parser.parse_args()
    results, stale = json.loads(args.results.read_text()), []
    for path in FILES:
        if not path.exists():
            continue
        text = path.read_text()
        filled = fill(text, results)
        if filled != text:
            stale.append(path)
            if not args.check:
                path.write_text(filled)
    for path in stale:
        print(f"{path.relative_to(ROOT)} {'is out of date' if args.check else 'written'}")
    return 1 if args.check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
