"""Training steps of several processes beside those of one, tinydl over MPI and PyTorch's DDP over gloo in turn."""

import shutil
import statistics
import sys
from pathlib import Path

from bench.compare.driver import PEERS, PeerError, Worker, in_turn
from bench.harness import say

__all__ = ["BATCHES", "measure"]

BATCHES = {"lenet5": (512,), "resnet20": (128,), "vgg_small": (128,)}
CURVE = (1, 4, 16, 64, 128, 256, 512)  # samples of one rank alone, what the model of a cluster interpolates
SIZES = (1, 1 << 12, 1 << 16, 1 << 18, 1 << 20, 1 << 22)  # numbers in the sums that latency and bandwidth follow from


def _systems(names, ranks):
    """(label, peer, processes, threads of each); the first is what others are compared with."""
    one = [("tinydl, 1 process of 1", "tinydl", 1, 1), (f"tinydl, 1 process of {ranks}", "tinydl", 1, ranks),
           (f"tinydl, {ranks} ranks of 1", "tinydl-ranks", ranks, 1),
           (f"tinydl, {ranks} ranks of 1, fast", "tinydl-fast-ranks", ranks, 1),
           (f"tinydl, {ranks} ranks of 1, apart", "tinydl-apart-ranks", ranks, 1)]
    if "torch" in names:
        one += [("torch, 1 process of 1", "torch", 1, 1), (f"torch, 1 process of {ranks}", "torch", 1, ranks),
                (f"torch DDP, {ranks} ranks of 1", "torch-ranks", ranks, 1)]
    return one


def _start(label, name, ranks, threads, pythons):
    python = pythons.get(name) or pythons.get(PEERS[name][2]) or sys.executable
    launcher = ()
    if ranks > 1 and name.startswith("tinydl"):
        mpiexec = shutil.which("mpiexec", path=str(Path(python).parent)) or shutil.which("mpiexec")
        if mpiexec is None:
            raise PeerError("no mpiexec: pip install mpi4py mpich")
        launcher = (mpiexec, "-n", str(ranks))
    worker = Worker(name, python, threads, launcher=launcher, ranks=ranks, RANKS=str(ranks))
    worker.name, worker.ranks, worker.system = label, ranks, name
    return worker


def _curves(nets, pythons, rounds, seconds):
    """Rows of steps of one rank alone, by samples: the "system" is "alone"."""
    rows, worker = [], _start("alone", "tinydl-ranks", 1, 1, pythons)
    try:
        for net in nets:
            for batch in [n for n in CURVE if n <= max(BATCHES.get(net, (128,)))]:
                worker.ask("build", net=net, batch=batch, mode="train")
                ms = statistics.median(in_turn([worker], rounds, seconds)["alone"])
                rows.append({"net": net, "batch": batch, "system": "alone", "ranks": 1, "threads": 1, "ms": ms,
                             "version": worker.version})
            say(f"  {net:12} alone: " + ", ".join(f"{r['batch']}: {r['ms']:.3f}" for r in rows if r["net"] == net))
    finally:
        worker.close()
    return rows


def measure(nets, names, pythons, ranks, rounds, seconds):
    """Rows of every net, batch and system; and of sums alone, whose "net" is "sum".

    The batch is the same for all: each of two ranks has half of it. All systems must compute the same first losses, but
    those of ranks, whose batch norms see a shard.
    """
    workers, rows = [], []
    try:
        for label, name, processes, threads in _systems(names, ranks):
            try:
                workers.append(_start(label, name, processes, threads, pythons))
            except PeerError as error:
                say(f"  without {label}: {error}")
        for net in nets:
            for batch in BATCHES.get(net, (128,)):
                sent = {}
                for worker in workers:
                    built = worker.ask("build", net=net, batch=batch, mode="train")
                    sent[worker.name] = built.get("bytes")
                    worker.ask("round", seconds=min(0.3, seconds))
                taken = in_turn(workers, rounds, seconds)
                for worker in workers:
                    rows.append({"net": net, "batch": batch, "system": worker.name, "ranks": worker.ranks,
                                 "threads": worker.n_threads, "version": worker.version,
                                 "bytes": sent[worker.name], "gradient_bytes": 4 * built["params"],
                                 "ms": statistics.median(taken[worker.name]), "rounds_ms": taken[worker.name]})
                    say(f"  {net:12} batch {batch:3}  {worker.name:28} {rows[-1]['ms']:9.3f} ms")
        rows += _curves(nets, pythons, rounds, seconds / 2)
        for worker in workers:
            if worker.ranks > 1 and not worker.name.endswith("apart"):
                found = worker.ask("sums", sizes=SIZES, steps=15)["seconds"]
                rows += [{"net": "sum", "batch": n, "system": worker.name, "ranks": worker.ranks,
                          "threads": worker.n_threads, "version": worker.version, "ms": 1e3 * s}
                         for n, s in zip(SIZES, found, strict=True)]
                say(f"  {worker.name}: ms of sums of {SIZES} numbers: " + ", ".join(f"{1e3 * s:.3f}" for s in found))
    finally:
        for worker in workers:
            worker.close()
    return rows
