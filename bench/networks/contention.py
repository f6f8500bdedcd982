"""Training steps on a machine that others use: busy processes beside, or a second training."""

import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from bench.compare.driver import PAUSE, PEERS, PeerError, Worker, pick_cpus
from bench.harness import say
from bench.networks.table import NETWORKS

__all__ = ["beside_busy_processes", "two_trainings"]

LOADS = (0, 1, 2, 4)  # busy processes a core
SETTLE = 0.7          # seconds that a system gets to notice a new load


@contextmanager
def busy(n):
    """`n` processes that do nothing but use a core."""
    hogs = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(n)]
    try:
        time.sleep(0.2)
        yield
    finally:
        for hog in hogs:
            hog.kill()
            hog.wait()


def _systems(names, pythons, n_threads):
    """Workers by what they are called in the table: tinydl as it is, the two it must keep up with, and the peers."""
    passive = {"OMP_WAIT_POLICY": "passive"}
    wanted = [("tinydl", "tinydl", n_threads, {}), ("tinydl, 1 thread", "tinydl", 1, {}),
              ("tinydl, passive", "tinydl", n_threads, passive)]
    for name in names:
        wanted += [(name, name, n_threads, {}), (f"{name}, 1 thread", name, 1, {})]
    workers = {}
    for label, name, threads, variables in wanted:
        python = pythons.get(name) or pythons.get(PEERS[name][2]) or sys.executable
        try:
            workers[label] = Worker(name, python, threads, pinned=False, **variables)
        except PeerError as error:
            say(f"  without {label}: {error}")
    return workers


def _round(worker, seconds):
    """Mean milliseconds of the steps of a round: what a person waits for, where a median would hide the waiting."""
    return 1e3 * statistics.fmean(worker.ask("round", seconds=seconds)["steps"])


def beside_busy_processes(nets, names, pythons, rounds, seconds, loads=LOADS):
    """Rows of every net, load and system; systems take turns under one load."""
    cores = len(pick_cpus(10**6)) or 1
    workers, rows = _systems(names, pythons, cores), []
    try:
        for net in nets:
            for worker in workers.values():
                worker.ask("build", net=net, batch=NETWORKS[net].batch, mode="train")
            for load in loads:
                taken = {label: [] for label in workers}
                with busy(load * cores):
                    for _ in range(rounds):
                        for label, worker in workers.items():
                            time.sleep(PAUSE)
                            worker.ask("round", seconds=SETTLE)
                            taken[label].append(_round(worker, seconds))
                for label, values in taken.items():
                    rows.append({"net": net, "batch": NETWORKS[net].batch, "load": load, "system": label,
                                 "threads": workers[label].n_threads, "version": workers[label].version,
                                 "ms": statistics.median(values), "rounds_ms": values})
                best = min(row["ms"] for row in rows[-len(taken):] if row["system"].startswith("tinydl, "))
                own = rows[-len(taken)]["ms"]
                say(f"  {net:20} {load} busy a core  " + "  ".join(f"{label} {statistics.median(v):.2f}"
                    for label, v in taken.items()) + f"  ({own / best:.2f} of the better)")
    finally:
        for worker in workers.values():
            worker.close()
    return rows


def two_trainings(nets, pythons, rounds, seconds):
    """Rows of two trainings at once: each with the default threads, or each with one."""
    cores = len(pick_cpus(10**6)) or 1
    python, rows = pythons.get("tinydl", sys.executable), []
    pairs = {f"two of {n} thread{'s' * (n > 1)}": [Worker("tinydl", python, n, pinned=False) for _ in range(2)]
             for n in (cores, 1)}
    try:
        for net in nets:
            taken = {label: [] for label in pairs}
            for worker in (w for pair in pairs.values() for w in pair):
                worker.ask("build", net=net, batch=NETWORKS[net].batch, mode="train")
            with ThreadPoolExecutor(2) as pool:
                for _ in range(rounds):
                    for label, pair in pairs.items():
                        time.sleep(PAUSE)
                        list(pool.map(lambda w: w.ask("round", seconds=SETTLE), pair))
                        taken[label].append(statistics.fmean(pool.map(lambda w: _round(w, seconds), pair)))
            for label, values in taken.items():
                rows.append({"net": net, "batch": NETWORKS[net].batch, "load": "a training", "system": label,
                             "threads": pairs[label][0].n_threads, "version": pairs[label][0].version,
                             "ms": statistics.median(values), "rounds_ms": values})
            say(f"  {net:20} two at once  " + "  ".join(f"{label} {statistics.median(v):.2f}"
                                                        for label, v in taken.items()))
    finally:
        for worker in (w for pair in pairs.values() for w in pair):
            worker.close()
    return rows
