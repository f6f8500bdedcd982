"""One command for every measurement: python bench/run.py [kernels] [networks] [inference] [memory] [scaling] ...

See README.md for peers and for how to read the result.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))

from bench import report
from bench.compare.driver import PEERS, environment, pick_cpus
from bench.harness import ROOT, machine, save_part, say
from bench.networks import contention, distributed, memory, train
from bench.networks.table import NETWORKS

PARTS = ("kernels", "networks", "inference", "memory", "scaling", "budget", "contention", "denormals", "distributed")
DEEP = ("vgg_small", "resnet20")  # what scaling and budget look at
SMALL = ("lenet5", "digits_cnn")  # what denormals look at
RESULTS = Path(__file__).resolve().parent / "results"
BASELINE = RESULTS / "baseline.json"
LOSS = 0.10  # share of the peak a kernel may lose against the baseline
AGAIN = 3   # times a kernel that seems to have lost is measured anew: the machine may have been busy


def numbers(text):
    values = [int(part) for part in text.split(",")]
    if min(values) < 1:
        raise argparse.ArgumentTypeError(f"numbers of threads must be at least 1, got {text!r}")
    return values


def named(allowed):
    def parse(text):
        values = [part for part in text.split(",") if part]
        wrong = [value for value in values if value not in allowed]
        if wrong:
            raise argparse.ArgumentTypeError(f"unknown: {', '.join(wrong)}; known: {', '.join(allowed)}")
        return values

    return parse


def named_path(text):
    name, _, path = text.partition("=")
    known = {*PEERS, *(home for *_, home in PEERS.values())}
    if name not in known or not path:
        raise argparse.ArgumentTypeError(f"expected NAME=PATH, NAME one of {', '.join(sorted(known))}, got {text!r}")
    return name, path


def command_line():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", metavar="part", help=f"what to measure: {', '.join(PARTS)}; default all")
    parser.add_argument("--peers", type=named(list(PEERS)[1:]), default=[], metavar="A,B",
                        help="systems to compare with: " + ",".join(list(PEERS)[1:]))
    parser.add_argument("--peer-python", type=named_path, action="append", default=[], metavar="NAME=PATH",
                        help="Python of the environment a peer is installed in (torch serves torch-cl, torch-compile)")
    parser.add_argument("--threads", type=numbers, metavar="N,N", help="numbers of threads; default 1 and all cores")
    parser.add_argument("--nets", type=named(list(NETWORKS)), default=list(NETWORKS), metavar="A,B")
    parser.add_argument("--ranks", type=int, default=2, metavar="N", help="processes of the part `distributed`")
    parser.add_argument("--only", default="", metavar="TEXT", help="kernels whose group, name or pass contains TEXT")
    parser.add_argument("--rounds", type=int, help="rounds, of which the median counts")
    parser.add_argument("--seconds", type=float, help="seconds of a round")
    parser.add_argument("--quick", action="store_true", help="few short rounds: to see that it works")
    parser.add_argument("--out", type=Path, default=RESULTS / "latest.json", help="result file; other parts in it stay")
    parser.add_argument("--check", nargs="?", type=Path, const=BASELINE, metavar="BASELINE",
                        help=f"measure kernels and fail when one lost more than {LOSS:.0%}% of its share of the peak")
    parser.add_argument("--save-baseline", action="store_true", help="keep this run's kernels as the baseline")
    args = parser.parse_args()
    wrong = [part for part in args.parts if part not in PARTS]
    if wrong:
        parser.error(f"unknown part {', '.join(wrong)}; known: {', '.join(PARTS)}")
    if args.check or args.save_baseline:
        args.parts = args.parts or ["kernels"]
    if args.save_baseline and args.only:
        parser.error("--save-baseline keeps all kernels: leave --only out")
    if args.check and not args.check.exists():
        parser.error(f"{args.check} does not exist: make it with --save-baseline on a quiet machine")
    args.parts = args.parts or list(PARTS)
    args.threads = args.threads or sorted({1, len(pick_cpus(os.cpu_count() or 1)) or os.cpu_count() or 1})
    args.rounds = args.rounds or (3 if args.quick else 7)
    args.seconds = args.seconds or (0.1 if args.quick else 0.5)
    args.peer_python = dict(args.peer_python)
    return args


def apart(args, script, n_threads, **told):
    """Rows that a script of the bench prints, run in a process of its own."""
    python = args.peer_python.get("tinydl", sys.executable)
    done = subprocess.run(
        [python, str(ROOT / script), "--threads", str(n_threads), "--cpus", ",".join(map(str, pick_cpus(n_threads)))],
        stdout=subprocess.PIPE, text=True,
        env={**environment(n_threads), **{key: json.dumps(value) for key, value in told.items()}})
    if done.returncode != 0:
        sys.exit(f"{script} failed; see above")
    return [json.loads(line) for line in done.stdout.splitlines()]


def kernels(args, n_threads, only):
    """Rows of the kernels at one number of threads."""
    options = {"only": only, "rounds": args.rounds, "seconds": 0.02 if args.quick else 0.06}
    return apart(args, "bench/kernels/worker.py", n_threads, TINYDL_BENCH_KERNELS=options)


def losses(rows, baseline):
    """Rows that fell below the baseline by more than LOSS, with what the baseline has: shares of the limit.

    A kernel bound by memory must have lost against the memory's rate and against the clock (the FMA peak) too:
    arrays that a cache holds follow the clock, and the memory's rate is shared with whoever else uses the machine.
    """
    kept = {(row["kernel"], row["name"], row["threads"]): row for row in baseline["kernels"]["rows"]}
    found = []
    for row in rows:
        old = kept.get((row["kernel"], row["name"], row["threads"]))
        if old is None:
            continue
        # the best round against the baseline's median: other programs make rounds slower, and luck a best one faster
        now, before = row["best_share"], old["share"]
        if old["limit"] == "memory":
            now = max(now, before * old["ms"] * old["peak_gflops"] / (row["best_ms"] * row["peak_gflops"]))
        if not now >= (1 - LOSS) * before:
            found.append((row, now, before))
    return found


def check(args, rows):
    """True when no kernel lost. Those that seem to are measured up to AGAIN times more; one pass is enough."""
    baseline = json.loads(args.check.read_text())
    here, there = machine(), baseline["kernels"]["machine"]
    for key in ("cpu", "isa_level"):
        if here[key] != there[key]:
            say(f"warning: the baseline was made with {key} {there[key]!r}, this run with {here[key]!r}")
    found = losses(rows, baseline)
    for _ in range(AGAIN):
        still = []
        for row, *_ in found:
            same = [r for r in kernels(args, row["threads"], f"{row['name']} {row['kernel']}")
                    if (r["kernel"], r["name"]) == (row["kernel"], row["name"])]
            still += losses(same or [row], baseline)
        found = still
    for row, now, before in found:
        print(f"LOST  {row['kernel']} {row['name']}, {row['threads']} threads: {100 * now:.1f} % of the limit, "
              f"baseline {100 * before:.1f} %")
    compared = len({(r["kernel"], r["name"], r["threads"]) for r in rows}
                   & {(r["kernel"], r["name"], r["threads"]) for r in baseline["kernels"]["rows"]})
    print(f"{compared} kernels compared with {args.check.name}, {len(found)} lost more than {LOSS:.0%}")
    if compared == 0:
        print("nothing was compared: the baseline has none of these kernels and thread counts")
    return not found and compared > 0


def main():
    args = command_line()
    facts = machine()
    for key, value in facts.items():
        say(f"{key:20} {', '.join(value) if isinstance(value, list) else value}")
    say(f"{'pinned to CPUs':20} " + "; ".join(f"{n} threads: {','.join(map(str, pick_cpus(n))) or 'not pinned'}, "
                                             f"OMP_NUM_THREADS={n}" for n in args.threads))
    common = (args.peers, args.peer_python, args.threads, args.rounds, args.seconds)
    good = True
    for part in args.parts:
        say(f"\n--- {part}")
        if part == "kernels":
            rows = [row for n in args.threads for row in kernels(args, n, args.only)]
        elif part == "networks":
            rows = train.training(args.nets, *common)
        elif part == "inference":
            rows = train.inference(args.nets, *common)
        elif part == "memory":
            rows = memory.import_cost(args.peer_python, 3 if args.quick else 7)
            rows += memory.peaks(args.peers, args.peer_python)
            rows += memory.growth(args.peer_python, 100 if args.quick else 1000)
        elif part == "budget":
            nets = [net for net in args.nets if net in DEEP] or args.nets
            rows = apart(args, "bench/networks/budget.py", 1, TINYDL_BENCH_NETS=nets)
        elif part == "denormals":
            told = {"nets": [net for net in args.nets if net in SMALL] or args.nets, "rounds": args.rounds,
                    "seconds": args.seconds}
            rows = [row for n in args.threads for row in
                    apart(args, "bench/networks/denormals.py", n, TINYDL_BENCH_DENORMALS=told)]
        elif part == "distributed":
            nets = [net for net in args.nets if net in distributed.BATCHES] or args.nets
            rows = distributed.measure(nets, args.peers, args.peer_python, args.ranks, args.rounds, args.seconds)
        elif part == "contention":
            rows = contention.beside_busy_processes(args.nets, args.peers, args.peer_python, args.rounds, args.seconds)
            rows += contention.two_trainings(args.nets, args.peer_python, args.rounds, args.seconds)
        else:
            nets = [net for net in args.nets if net in DEEP] or args.nets
            rows = train.scaling(nets, args.peer_python, args.threads, args.rounds, args.seconds)
        save_part(args.out, part, rows, facts)
        print(f"\n{report.TABLES[part](rows)}\n")
        if part in ("networks", "inference"):
            picture = args.out.with_name(f"{args.out.stem}_{part}.png")
            if report.chart(rows, picture, facts):
                say(f"chart: {picture}")
        if part == "kernels" and args.save_baseline:
            save_part(BASELINE, part, rows, facts)
        if part == "kernels" and args.check:
            good = check(args, rows)
    say(f"results: {args.out}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
