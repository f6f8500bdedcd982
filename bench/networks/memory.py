"""Memory: peak of a training step beside peers, growth over steps and batch sizes, cost of the import."""

import json
import statistics
import subprocess
import sys
import time

from bench.compare.driver import PeerError, environment, start_all
from bench.harness import say

__all__ = ["growth", "import_cost", "peaks"]


def peaks(names, pythons, net="resnet20", size=128, steps=5):
    """Memory after import and at the peak of training steps, MB, two threads, every system in a fresh process."""
    rows = []
    names = ["tinydl", *[name for name in names if name != "onnxruntime"]]
    for worker in start_all(names, pythons, 2, say):
        try:
            after_import = worker.ask("memory")["rss_mb"]
            worker.ask("build", net=net, batch=size, mode="train")
            worker.ask("repeat", steps=steps)
            peak = worker.ask("memory")["peak_mb"]
            rows.append({"what": "peak", "net": net, "batch": size, "system": worker.name, "version": worker.version,
                         "import_mb": after_import, "peak_mb": peak})
            say(f"  {net} batch {size}: {worker.name:14} {after_import:7.0f} MB after import, {peak:7.0f} MB at peak")
        except PeerError as error:
            say(f"  without {error}")
        finally:
            worker.close()
    return rows


def growth(pythons, steps=1000):
    """Growth of the process over training steps and over predictions of 50 batch sizes, after a warm-up, MB."""
    rows = []
    (worker,) = start_all(["tinydl"], pythons, 2, say) or [None]
    if worker is None:
        return rows
    try:
        worker.ask("build", net="lenet5", batch=64, mode="train")
        worker.ask("repeat", steps=100)
        told = worker.ask("repeat", steps=steps)
        rows.append({"what": "growth", "over": f"{steps} steps of lenet5", "mb": told["after_mb"] - told["before_mb"]})
        sizes = [3 + 5 * ((17 * k) % 50) for k in range(50)]
        rss = worker.ask("predict_sizes", net="lenet5", sizes=[*sizes, *sizes])["rss_mb"]
        rows.append({"what": "growth", "over": "predictions of 50 batch sizes, the second time",
                     "mb": rss[-1] - rss[len(sizes) - 1]})
    finally:
        worker.close()
    for row in rows:
        say(f"  growth over {row['over']}: {row['mb']:.2f} MB")
    return rows


PROBE = """
import json, sys, time
import numpy
before = set(sys.modules)
start = time.perf_counter()
import tinydl
seconds = time.perf_counter() - start
new = {name.partition(".")[0] for name in set(sys.modules) - before}
foreign = sorted(new - set(sys.stdlib_module_names) - {"tinydl", "numpy", "cython_runtime"})
foreign = [name for name in foreign if not name.startswith(("_cython", "__"))]
rss = next(int(line.split()[1]) / 1024 for line in open("/proc/self/status") if line.startswith("VmRSS"))
print(json.dumps([seconds, foreign, rss]))
"""


def import_cost(pythons, rounds=7):
    """Seconds that `import tinydl` takes beyond `import numpy`, and the packages it loads besides."""
    python = pythons.get("tinydl") or sys.executable
    extra, bare, whole, told = [], [], [], None
    for _ in range(rounds):
        done = subprocess.run([python, "-c", PROBE], capture_output=True, text=True, check=True,
                              env=environment(2, python))
        told = json.loads(done.stdout)
        extra.append(told[0])
        for name, times in (("numpy", bare), ("tinydl", whole)):
            start = time.perf_counter()
            subprocess.run([python, "-c", f"import {name}"], check=True, env=environment(2, python))
            times.append(time.perf_counter() - start)
    row = {"what": "import", "seconds_over_numpy": statistics.median(extra),
           "process_numpy_s": statistics.median(bare), "process_tinydl_s": statistics.median(whole),
           "other_packages": told[1], "rss_mb": told[2]}
    say(f"  import tinydl: {row['seconds_over_numpy']:.3f} s over import numpy; other packages loaded: "
        f"{', '.join(told[1]) or 'none'}")
    return [row]
