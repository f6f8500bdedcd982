"""The protocol of a peer that is several processes: rank 0 talks to the driver and tells the others what to do.

Beside the commands of `protocol`, of which there are "hello", "build" and "round":

    {"cmd": "sums", "sizes": [...], "steps": n}     -> seconds (of one sum over all ranks of float32 arrays, by size)

A peer has `rank`, `size`, `tell(command)`, `listen()`, and `add_up(n)`, which returns a function that sums n numbers
over the ranks. Those that wait must not keep a core busy: other systems are measured meanwhile.
"""

import json
import os
import statistics
import sys
import traceback

from bench.compare.protocol import Session, answer, answers, arguments, timed

__all__ = ["rank_arguments", "serve_ranks"]


def rank_arguments(rank, size):
    """Command line of a rank, pinned to its own share of the CPUs, before any framework is imported."""
    args = arguments()
    cpus = [int(cpu) for cpu in args.cpus.split(",") if cpu]
    if len(cpus) >= size and hasattr(os, "sched_setaffinity"):
        each = len(cpus) // size
        os.sched_setaffinity(0, cpus[rank * each:(rank + 1) * each])
    return args


def serve_ranks(peer, args):
    """Answer commands until stdin ends; an error of any rank ends all."""
    session = _Session(peer, args)
    if peer.rank:
        while (command := peer.listen()) is not None:
            session.run(command)
        return
    out = answers()
    for line in sys.stdin:
        try:
            found = {"ok": True, **session.lead(json.loads(line))}
        except Exception as error:
            traceback.print_exc()
            answer(out, {"error": f"{type(error).__name__}: {error}"})
            peer.abort()
        answer(out, found)
    peer.tell(None)


class _Session(Session):
    def __init__(self, peer, args):
        super().__init__(peer, args)
        self.seconds = 0.0

    def lead(self, command):
        if "seconds" in command:  # how many steps that is only one rank can say
            command["steps"] = max(3, int(command.pop("seconds") / self.seconds))
        self.peer.tell(command)
        return self.run(dict(command))

    def do_build(self, net, batch, mode):
        found = super().do_build(net, batch, mode)
        self.seconds = statistics.median(self.do_round(3)["steps"])
        return {**found, "bytes": self.peer.bytes_sent(self.step) if hasattr(self.peer, "bytes_sent") else None}

    def do_round(self, steps):
        return {"steps": [timed(self.step) for _ in range(steps)]}

    def do_sums(self, sizes, steps):
        found = []
        for n in sizes:
            add_up = self.peer.add_up(n)
            add_up()
            found.append(statistics.median([timed(add_up) for _ in range(steps)]))
        return {"seconds": found}
