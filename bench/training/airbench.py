"""The recipe `airbench` by tinydl and by PyTorch: the same numbers, and how long each takes.

    python bench/training/airbench.py check [--data-dir DIR] [--steps 8] [--batch-size 200] [--double]
    python bench/training/airbench.py speed [--turns 2] [--steps 3] [--batch-size 2000] [--torch eager,cl,compile]
    python bench/training/airbench.py train [--data-dir DIR] [--system tinydl,cl] [--seeds 0] [--epochs 8]

For a Python that has both. `check` trains both from the same weights on the same batches and prints their losses, with
--double in float64. `speed` measures steps in processes that take turns, tinydl, PyTorch, tinydl, PyTorch, and prints
the ratio of the fastest steps. `train` runs whole trainings and prints seconds and the test accuracy over six views.
Batches come from tinydl's gather for both. Without --data-dir pictures are random.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2]))

import numpy as np

from bench.harness import ROOT, say

TORCH = ("eager", "cl", "compile")


def data_sets(args):
    import tinydl as td

    if args.data_dir:
        return td.data.load("cifar10", args.data_dir)
    rng = np.random.default_rng(0)
    n = max(5000, args.batch_size)
    data = td.data.ArrayDataset(rng.integers(0, 256, (n, 3, 32, 32), np.uint8), np.arange(n) % 10, mean=0.5, std=0.25)
    return data, data


class Tinydl:
    """tinydl's side: the recipe as the command line builds it."""

    def __init__(self, train, args, seed):
        import tinydl as td
        from tinydl.recipes import RECIPES, settled
        from tinydl.train import building

        self.td = td
        self.settings = settled(RECIPES["airbench"], {"batch_size": args.batch_size, "epochs": args.epochs})
        self.steps = len(train) // args.batch_size
        self.net = building.build_net("airbench", train.image_shape, 10, seed)
        building.prepare(self.settings, self.net, train)
        self.optimizer, self.schedule = building.build_optimizer(self.settings, self.net, self.steps)
        self.loss = building.build_loss(self.settings)
        self.augment = building.build_augment(self.settings)
        self.done = 0

    def step(self, x, y):
        self.net.train()
        self.net.whiten.bias.requires_grad = self.done < 3 * self.steps
        self.optimizer.zero_grad()
        loss = self.loss(self.net(x), y)
        loss.backward()
        self.optimizer.step()
        self.schedule.step()
        self.done += 1
        return loss.item()

    def logits(self, x):
        with self.td.no_grad():
            return self.td.nn.AveragedViews(self.net).eval()(x).data


def torch_side(own, args, kind):
    from bench.training.airbench_torch import Recipe

    return Recipe(own.net.state_dict(), args.batch_size, own.steps * args.epochs, 3 * own.steps,
                  channels_last=kind == "cl", compiled=kind == "compile", exact=kind == "exact")


def threads(args):
    import tinydl as td

    td.set_num_threads(args.threads)
    if args.system != "tinydl":
        import torch

        torch.set_num_threads(args.threads)


def batches(train, own, args, seed):
    import tinydl as td

    return td.data.Batches(train, args.batch_size, shuffle=True, seed=seed, drop_last=True, augment=own.augment)


def check(args):
    """Losses of both, step by step."""
    threads(args)
    train, _ = data_sets(args)
    own = Tinydl(train, args, 0)
    if args.double:
        own.net.double()
    other = torch_side(own, args, "exact")
    worst = 0.0
    for k, (x, y) in zip(range(args.steps), batches(train, own, args, 0), strict=False):
        x = x.astype(np.float64) if args.double else x
        a, b = (side.step(np.ascontiguousarray(x), y) / len(x) for side in (own, other))
        worst = max(worst, abs(a - b) / b)
        say(f"step {k + 1:3}: tinydl {a:.6f}, PyTorch {b:.6f}, {abs(a - b) / b:.1e} apart")
    return worst


def worker(args):
    """Steps of one system in this process: a line of JSON with the seconds of each."""
    threads(args)
    train, _ = data_sets(args)
    own = Tinydl(train, args, 0)
    side = own if args.system == "tinydl" else torch_side(own, args, args.system)
    x, y = next(iter(batches(train, own, args, 0)))
    x = x if args.system == "tinydl" else np.ascontiguousarray(x)
    seconds = []
    for _ in range(args.steps + 1):
        begin = time.perf_counter()
        side.step(x, y)
        seconds.append(time.perf_counter() - begin)
    print(json.dumps(seconds[1:]))


def speed(args):
    """Processes that take turns."""
    best = {}
    for turn in range(args.turns):
        for system in ("tinydl", *args.torch):
            command = [sys.executable, __file__, "worker", "--system", system, "--steps", str(args.steps),
                       "--batch-size", str(args.batch_size), "--threads", str(args.threads)]
            done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT,
                                  env={**os.environ, "PYTHONPATH": str(ROOT)})
            seconds = json.loads(done.stdout.splitlines()[-1])
            best[system] = min(best.get(system, np.inf), *seconds)
            say(f"turn {turn + 1}, {system:8}: {args.batch_size / min(seconds):7.0f} images/s")
    for system in args.torch:
        say(f"PyTorch {system} takes {best[system] / best['tinydl']:.2f} times as long as tinydl")
    return best


def train(args):
    """Whole trainings."""
    for seed in args.seeds:
        threads(args)
        data, test = data_sets(args)
        begin = time.perf_counter()
        own = Tinydl(data, args, seed)
        side = own if args.system == "tinydl" else torch_side(own, args, args.system)
        every = batches(data, own, args, seed)
        for epoch in range(args.epochs):
            loss = [side.step(x if side is own else np.ascontiguousarray(x), y) / len(x) for x, y in every]
            say(f"{args.system}, seed {seed}, epoch {epoch + 1}: loss {np.mean(loss):.4f}, "
                f"{time.perf_counter() - begin:.0f} s")
        from tinydl.data import Batches

        right = sum(int((side.logits(np.ascontiguousarray(x)).argmax(1) == y).sum()) for x, y in Batches(test, 500))
        say(f"{args.system}, seed {seed}: {100 * right / len(test):.2f} % of {len(test)} test images, "
            f"{time.perf_counter() - begin:.0f} s")


def command_line():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", choices=("check", "speed", "train", "worker"))
    parser.add_argument("--data-dir")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--batch-size", type=int)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--double", action="store_true")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--turns", type=int, default=2)
    parser.add_argument("--torch", type=lambda text: text.split(","), default=["cl"])
    parser.add_argument("--system", default=None, choices=("tinydl", *TORCH))
    parser.add_argument("--seeds", type=lambda text: [int(n) for n in text.split(",")], default=[0])
    return parser


def main(argv=None):
    args = command_line().parse_args(argv)
    small = args.part == "check"
    args.batch_size = args.batch_size or (200 if small else 2000)
    args.steps = args.steps or (8 if small else 3)
    args.system = args.system or ("cl" if small else "tinydl")
    return {"check": check, "speed": speed, "train": train, "worker": worker}[args.part](args)


if __name__ == "__main__":
    main()
