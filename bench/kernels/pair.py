"""Every kernel of two revisions in turn, A B B A: what a change costs, on a machine that others use too.

    python bench/kernels/pair.py PYTHON FOLDER

PYTHON has the other revision installed, FOLDER is its clone (of which only bench is read). Kernels are told apart by
name and shape; those that one revision lacks are left out and named. A row's ratio is the median over rounds of this
revision's time divided by the other's in the same round: below 1 this one is faster.
"""

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2]))

from bench.compare.driver import environment, pick_cpus
from bench.harness import say, table

TURNS = Path(__file__).resolve().with_name("turns.py")


class Revision:
    """A process with the kernels of one revision."""

    def __init__(self, python, folder, n_threads, only):
        cpus = ",".join(map(str, pick_cpus(n_threads)))
        self.process = subprocess.Popen(
            [python, str(TURNS), str(folder), only, "--threads", str(n_threads), "--cpus", cpus], cwd="/",
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment(n_threads, python))
        self.source = self.ask(cmd="source")["source"]
        self.case = self.ask(cmd="next")

    def ask(self, **command):
        """The answer to a command."""
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            sys.exit("a worker ended; see above")
        return json.loads(line)

    @property
    def key(self):
        """What tells the case from others, kernel, shape and algorithm; None at the end.

        The rest of the group's name is a heading of the bench, which may be another in the other revision.
        """
        if "end" in self.case:
            return None
        return self.case["kernel"], self.case["name"], self.case["group"].partition(", ")[2]

    def step(self):
        """Go to the next case."""
        self.case = self.ask(cmd="next")

    def keys(self):
        """Keys of all cases that are left."""
        while self.key is not None:
            yield self.key
            self.step()


def compare(here, other, rounds, seconds):
    """Ratios of the rounds, and the median times."""
    taken = {here: [], other: []}
    for revision in taken:
        revision.ask(cmd="round", seconds=0)  # a first call, which is not counted
    for k in range(rounds):
        for revision in (here, other) if k % 2 else (other, here):
            taken[revision].append(revision.ask(cmd="round", seconds=seconds)["ms"])
    ratios = [a / b for a, b in zip(taken[here], taken[other], strict=True)]
    return statistics.median(ratios), statistics.median(taken[here]), statistics.median(taken[other])


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("python", help="Python of the environment that has the other revision installed")
    parser.add_argument("folder", type=Path, help="clone of the other revision")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only", default="", metavar="TEXT", help="kernels whose group, name or pass contains TEXT")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--seconds", type=float, default=0.03, help="of a round")
    args = parser.parse_args()
    revisions = [(sys.executable, TURNS.parents[2]), (args.python, args.folder)]

    def start():
        return [Revision(*revision, args.threads, args.only) for revision in revisions]

    # Both go through their cases once before, to know which they share.
    shared = set.intersection(*({*revision.keys()} for revision in start()))
    here, other = start()
    say(f"this revision: {here.source}\nthe other:     {other.source}")
    rows = []
    while here.key is not None and other.key is not None:
        for revision in (here, other):
            while revision.key is not None and revision.key not in shared:
                say(f"left out: {' '.join(revision.key).strip()}")
                revision.step()
        if here.key != other.key:
            sys.exit(f"the order of kernels differs: {here.key} here, {other.key} there")
        if here.key is None:
            break
        ratio, ms, other_ms = compare(here, other, args.rounds, args.seconds)
        rows.append((ratio, *here.key[:2], ms, other_ms))
        say(f"{ratio:.3f}  {here.key[0]:24} {here.key[1]:44} {ms:9.4f} {other_ms:9.4f} ms")
        here.step()
        other.step()
    rows.sort(reverse=True)
    print(table(("kernel", "shape", "ms", "other ms", "ratio"),
                [(kernel, name, f"{a:.4f}", f"{b:.4f}", f"{ratio:.3f}") for ratio, kernel, name, a, b in rows]))
    print(f"\nmedian ratio of {len(rows)} kernels, {args.threads} threads: {statistics.median(r[0] for r in rows):.3f}")


if __name__ == "__main__":
    main()
