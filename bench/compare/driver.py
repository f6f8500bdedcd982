"""Start peers, talk to them, and measure them in turn."""

import contextlib
import json
import os
import queue
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

__all__ = ["PEERS", "PeerError", "Worker", "in_turn", "pick_cpus", "start_all"]

HERE = Path(__file__).resolve().parent
# name -> (script, variant, name of the Python environment it lives in)
PEERS = {
    "tinydl": ("tinydl_peer.py", "", "tinydl"),
    "torch": ("torch_peer.py", "eager", "torch"),
    "torch-cl": ("torch_peer.py", "cl", "torch"),
    "torch-compile": ("torch_peer.py", "compile", "torch"),
    "tf": ("tf_peer.py", "", "tf"),
    "jax": ("jax_peer.py", "", "jax"),
    "onnxruntime": ("onnxruntime_peer.py", "", "onnxruntime"),
    "torch-ranks": ("torch_ranks.py", "", "torch"),     # several processes: bench/networks/distributed.py
    "tinydl-ranks": ("tinydl_ranks.py", "", "tinydl"),
    "tinydl-apart-ranks": ("tinydl_ranks.py", "apart", "tinydl"),
    "tinydl-fast-ranks": ("tinydl_ranks.py", "fast", "tinydl"),
    "before": ("tinydl_peer.py", "", "before"),     # another revision of tinydl
}
PAUSE = 0.03  # seconds between two peers' turns: idle threads of the one before stop spinning


class PeerError(RuntimeError):
    """A peer could not do what it was asked."""


def pick_cpus(n):
    """CPU numbers for `n` threads: a core each while there are cores; [] where pinning is not possible."""
    if not hasattr(os, "sched_getaffinity"):
        return []
    first, again, seen = [], [], set()
    for cpu in sorted(os.sched_getaffinity(0)):
        try:
            base = Path(f"/sys/devices/system/cpu/cpu{cpu}/topology")
            core = ((base / "physical_package_id").read_text(), (base / "core_id").read_text())
        except OSError:
            core = cpu
        (again if core in seen else first).append(cpu)
        seen.add(core)
    return (first + again)[:n]


def environment(n_threads, python=sys.executable):
    """Environment of a process of `python` that shall use `n_threads` threads.

    PYTHONPATH is for this Python: another one would find this tinydl by it, and be compared with itself.
    """
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS")
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH" or python == sys.executable}
    return {**kept, **dict.fromkeys(names, str(n_threads)), "TF_CPP_MIN_LOG_LEVEL": "2"}


class Worker:
    """One peer in a process of its own, pinned to as many CPUs as it has threads unless told otherwise.

    `launcher` is what stands before the command line, such as mpiexec; each of `ranks` processes is pinned by itself.
    """

    def __init__(self, name, python, n_threads, pinned=True, launcher=(), ranks=1, **variables):
        script, variant, _ = PEERS[name]
        cpus = ",".join(map(str, pick_cpus(ranks * n_threads))) if pinned else ""
        self.name, self.n_threads = name, n_threads
        self.log = tempfile.TemporaryFile("w+")  # noqa: SIM115 - close() closes it
        try:
            self.process = subprocess.Popen(
                [*launcher, python, str(HERE / script), "--threads", str(n_threads), "--cpus", cpus,
                 "--variant", variant],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, text=True,
                env={**environment(n_threads, python), **variables})
        except OSError as error:
            self.log.close()
            raise PeerError(f"{python} does not start: {error}") from None
        self._lines = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        try:
            self.version = self.ask("hello", timeout=120)["version"]
        except PeerError:
            self.close()
            raise

    def _read(self):
        for line in self.process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def ask(self, cmd, timeout=900, **arguments):
        """The answer to one command, a dict; PeerError with the peer's own words when there is none."""
        try:
            self.process.stdin.write(json.dumps({"cmd": cmd, **arguments}) + "\n")
            self.process.stdin.flush()
            line = self._lines.get(timeout=timeout)
        except queue.Empty:
            self.process.kill()
            raise PeerError(f"{self.name}: no answer to {cmd} within {timeout} s") from None
        except OSError:
            line = None
        if line is None:
            raise PeerError(f"{self.name} ended: {self.last_words()}")
        answer = json.loads(line)
        if "error" in answer:
            raise PeerError(f"{self.name}: {answer['error']}")
        return answer

    def last_words(self):
        """The last line the peer wrote to stderr."""
        self.process.wait(timeout=10)
        self.log.seek(0)
        lines = [line.strip() for line in self.log.read().splitlines() if line.strip()]
        return lines[-1] if lines else f"exit code {self.process.returncode}"

    def close(self):
        """End the process."""
        if self.process.stdin:
            with contextlib.suppress(OSError):
                self.process.stdin.close()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.log.close()


def start_all(names, pythons, n_threads, say=print):
    """Workers of the named peers that start; those that do not are named with the reason."""
    workers = []
    for name in names:
        python = pythons.get(name) or pythons.get(PEERS[name][2]) or sys.executable
        try:
            workers.append(Worker(name, python, n_threads))
        except PeerError as error:
            say(f"  without {name}: {error}")
    return workers


def in_turn(workers, rounds, seconds):
    """Milliseconds per step of each worker by name: A B C, B C A, ...; median of a round's steps, a value per round."""
    taken = {worker.name: [] for worker in workers}
    for k in range(rounds):
        shift = k % len(workers)
        for worker in workers[shift:] + workers[:shift]:
            time.sleep(PAUSE)
            steps = worker.ask("round", seconds=seconds)["steps"]
            taken[worker.name].append(1e3 * statistics.median(steps))
    return taken
