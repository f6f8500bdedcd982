"""What driver and peers say to each other: one JSON object a line, over the peer's stdin and stdout.

Commands and their answers (every answer has "ok"; on an error "error" instead):

    {"cmd": "hello"}                                          -> name, version, threads, rss_mb
    {"cmd": "build", "net", "batch", "mode": train|infer}     -> params, values (first losses, or a sum over the logits)
    {"cmd": "round", "seconds": t}                            -> steps (list of seconds of each), at least 3
    {"cmd": "repeat", "steps": n}                             -> rss_mb before and after
    {"cmd": "predict_sizes", "sizes": [...]}                  -> rss_mb after each
    {"cmd": "memory"}                                         -> rss_mb, peak_mb

A peer is a class with `name`, `version()`, and `build(net, size, mode)`, which returns (step, params): `step()` runs
one step and returns the loss as a float (mode "train"), or one prediction and returns the logits as an array ("infer").
"""

import argparse
import json
import os
import sys
import time
import traceback

__all__ = ["Session", "answer", "answers", "arguments", "serve", "timed"]


def arguments():
    """Command line of a peer; pins the process before any framework is imported."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--cpus", default="", help="CPU numbers this process may use, with commas")
    parser.add_argument("--variant", default="")
    args = parser.parse_args()
    if args.cpus and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, [int(cpu) for cpu in args.cpus.split(",")])
    return args


def answers():
    """The stdout of this process, for answers only: what libraries print goes to stderr from now on."""
    file = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return file


def answer(file, row):
    """Write one JSON object as a line."""
    file.write(json.dumps(row) + "\n")
    file.flush()


def memory_mb(which):
    """Memory of this process in MB: "VmRSS" now, "VmHWM" at its peak."""
    try:
        with open("/proc/self/status") as file:
            for line in file:
                if line.startswith(which + ":"):
                    return int(line.split()[1]) / 1024
    except OSError:
        pass
    return None


def serve(make_peer, args):
    """Answer commands until stdin ends. What libraries print goes to stderr."""
    out = answers()
    session = None
    for line in sys.stdin:
        try:
            command = json.loads(line)
            if session is None:
                session = Session(make_peer(args), args)
            found = {"ok": True, **session.run(command)}
        except Exception as error:
            traceback.print_exc()
            found = {"error": f"{type(error).__name__}: {error}"}
        answer(out, found)


def timed(call):
    """Seconds that a call takes."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


class Session:
    """A peer, what it has built, and its answers: a method `do_` for each command."""

    def __init__(self, peer, args):
        self.peer, self.args, self.step = peer, args, None

    def run(self, command):
        return getattr(self, "do_" + command.pop("cmd"))(**command)

    def do_hello(self):
        return {"name": self.peer.name, "version": self.peer.version(), "threads": self.args.threads,
                "rss_mb": memory_mb("VmRSS")}

    def do_build(self, net, batch, mode):
        from bench.networks.table import NETWORKS

        net, self.step = NETWORKS[net], None
        self.step, params = self.peer.build(net, batch, mode)
        if params != net.params:
            raise AssertionError(f"{self.peer.name} built {net.name} with {params} parameters, not {net.params}")
        if mode == "train":
            values = [float(self.step()) for _ in range(3)]
        else:
            values = [float(abs(self.step().astype("float64")).sum())]
        return {"params": params, "values": values}

    def do_round(self, seconds):
        taken, end = [], time.perf_counter() + seconds
        while len(taken) < 3 or time.perf_counter() < end:
            taken.append(timed(self.step))
        return {"steps": taken}

    def do_repeat(self, steps):
        before = memory_mb("VmRSS")
        for _ in range(steps):
            self.step()
        return {"before_mb": before, "after_mb": memory_mb("VmRSS")}

    def do_predict_sizes(self, net, sizes):
        from bench.networks.table import NETWORKS

        run, rss = self.peer.predictor(NETWORKS[net]), []
        for size in sizes:
            run(size)
            rss.append(memory_mb("VmRSS"))
        return {"rss_mb": rss}

    def do_memory(self):
        return {"rss_mb": memory_mb("VmRSS"), "peak_mb": memory_mb("VmHWM")}
