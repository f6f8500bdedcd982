"""Training steps and predictions of the networks, tinydl and its peers in turn."""

import statistics

from bench.compare.driver import PeerError, in_turn, start_all
from bench.harness import say
from bench.networks import walk
from bench.networks.table import NETWORKS

__all__ = ["inference", "measure", "scaling", "training"]


def measure(workers, net, size, mode, rounds, seconds):
    """Rows of one network: every worker builds it, all must agree on what it computes, then they take turns."""
    ready, expected = [], None
    for worker in workers:
        try:
            built = worker.ask("build", net=net, batch=size, mode=mode)
            worker.ask("round", seconds=min(0.3, seconds))  # warm-up
        except PeerError as error:
            say(f"  {net}: without {error}")
            continue
        expected = expected or (worker.name, built["values"])
        for a, b in zip(expected[1], built["values"], strict=True):
            if not abs(a - b) <= 2e-3 * abs(a):
                raise AssertionError(f"{net}: {expected[0]} computes {expected[1]}, {worker.name} {built['values']}")
        ready.append(worker)
    taken = in_turn(ready, rounds, seconds)
    flops = walk.step_flops(NETWORKS[net], size) if mode == "train" else 2 * size * NETWORKS[net].macs
    rows = []
    for worker in ready:
        ms = statistics.median(taken[worker.name])
        rows.append({"net": net, "batch": size, "mode": mode, "threads": worker.n_threads, "system": worker.name,
                     "version": worker.version, "ms": ms, "best_ms": min(taken[worker.name]),
                     "rounds_ms": taken[worker.name], "gflops": flops / ms / 1e6})
        say(f"  {net:20} batch {size:3}  threads {worker.n_threads}  {worker.name:14} {ms:9.3f} ms  "
            f"{rows[-1]['gflops']:7.1f} GFLOP/s")
    return rows


def _all(names, pythons, threads, jobs, mode, rounds, seconds):
    rows = []
    for n_threads in threads:
        workers = start_all(names, pythons, n_threads, say)
        say(f"{mode}, threads {n_threads}: " + ", ".join(f"{w.name} {w.version}" for w in workers))
        try:
            for net, size in jobs:
                rows += measure(workers, net, size, mode, rounds, seconds)
        finally:
            for worker in workers:
                worker.close()
    return rows


def training(nets, names, pythons, threads, rounds, seconds):
    """Training steps at the batch of the table."""
    names = ["tinydl", *[name for name in names if name != "onnxruntime"]]
    jobs = [(net, NETWORKS[net].batch) for net in nets]
    return _all(names, pythons, threads, jobs, "train", rounds, seconds)


def inference(nets, names, pythons, threads, rounds, seconds, sizes=(1, 128)):
    """Predictions in eval mode, batch 1 and 128."""
    jobs = [(net, size) for net in nets for size in sizes]
    return _all(["tinydl", *names], pythons, threads, jobs, "infer", rounds, seconds)


def scaling(nets, pythons, threads, rounds, seconds):
    """tinydl's training steps at each number of threads, the numbers taken in turn."""
    by_threads = [start_all(["tinydl"], pythons, n, say) for n in threads]
    rows = []
    try:
        for net in nets:
            size = NETWORKS[net].batch
            workers = [w for group in by_threads for w in group]
            for worker in workers:
                worker.name = f"tinydl x{worker.n_threads}"
            measured = measure(workers, net, size, "train", rounds, seconds)
            rows += [{**row, "system": "tinydl", "speed_up": measured[0]["ms"] / row["ms"]} for row in measured]
    finally:
        for group in by_threads:
            for worker in group:
                worker.close()
    return rows
