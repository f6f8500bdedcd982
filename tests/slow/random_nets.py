"""Computes the nets of nets.py several ways and tells where they differ.

    python tests/slow/random_nets.py 10000          # against PyTorch; numbers from 0
    python tests/slow/random_nets.py 10 --from 4711
"""

import argparse
import contextlib
import importlib.util
import sys
import traceback
import warnings
from pathlib import Path

import numpy as np

import tinydl as td
from tinydl.deferred import switched_off

spec = importlib.util.spec_from_file_location("nets", Path(__file__).with_name("nets.py"))
nets = importlib.util.module_from_spec(spec)
sys.modules["nets"] = nets  # dataclasses look their module up
spec.loader.exec_module(nets)

EPS = np.finfo(np.float64).eps
SHARE = 2.0**20 * EPS   # of the largest value: rounding of some thousand sums, and norms that divide by little


# --- ways ------------------------------------------------------------------------------------------------------------
# Each gives {name: array or None}: output, loss, gradients of the image and of all parameters, buffers.

def ours(plan, values):
    image, state, target = values
    net = nets.build(plan, td.nn, td.no_grad, td.ops.concatenate).double()
    net.load_state_dict(state)
    net.train(plan.training)
    x = td.tensor(image, requires_grad=True)
    out = net(x)
    loss = getattr(td.nn, plan.loss[0])(**plan.loss[1])(out, target)
    loss.backward()
    found = {"output": out.numpy(), "loss": loss.numpy(), "d image": x.grad}
    found |= {f"d {name}": p.grad for name, p in net.named_parameters()}
    return found | {name: value for name, value in net.state_dict().items() if "running" in name}


def at_once(plan, values):
    with switched_off():
        return ours(plan, values)


def theirs(plan, values):
    import torch

    image, state, target = values
    net = nets.build(plan, torch.nn, torch.no_grad, torch.cat).double()
    net.load_state_dict({name: torch.tensor(value) for name, value in state.items()})
    net.train(plan.training)
    x = torch.tensor(image, requires_grad=True)
    out = net(x)
    loss = getattr(torch.nn, plan.loss[0])(**plan.loss[1])(out, torch.tensor(target))
    loss.backward()
    found = {"output": out, "loss": loss, "d image": x.grad}
    found |= {f"d {name}": p.grad for name, p in net.named_parameters()}
    found |= {name: value for name, value in net.state_dict().items() if "running" in name}
    return {name: None if value is None else value.detach().numpy() for name, value in found.items()}


# --- differences -----------------------------------------------------------------------------------------------------

def nudged(values, size, seed=0):
    """The same values, each changed by up to `size` of itself."""
    rng = np.random.default_rng(seed)
    image, state, target = values
    return (image * (1 + size * rng.uniform(-1, 1, image.shape)),
            {name: v * (1 + size * rng.uniform(-1, 1, v.shape)) if v.dtype.kind == "f" else v
             for name, v in state.items()}, target)


def differences(found, expected, share=SHARE):
    """Names of what differs by more than `share` of the largest expected value, with the figures."""
    wrong = {}
    for name, right in expected.items():
        value = found[name]
        if (value is None) != (right is None):
            wrong[name] = f"{'nothing' if value is None else 'something'} instead of the opposite"
        elif right is not None:
            if value.shape != right.shape:
                wrong[name] = f"shape {value.shape} instead of {right.shape}"
            elif not np.isfinite(value).all():
                wrong[name] = "not finite"
            elif (off := np.abs(value - right).max(initial=0)) > share * max(1, np.abs(right).max(initial=0)):
                wrong[name] = f"off by {off:.2g} of {np.abs(right).max():.2g}"
    return wrong


def compare(seed, reference):
    """(wrong, ill-conditioned) of one net: deferral on and off against `reference`.

    A net counts as ill-conditioned where the reference itself, its inputs nudged by a few roundings, differs as much:
    some value lies on a kink.
    """
    plan = nets.draw(seed)
    values = nets.arrays(plan, shapes(plan))
    expected = reference(plan, values)
    wrong = {f"{way.__name__}: {name}": what for way in (ours, at_once)
             for name, what in differences(way(plan, values), expected).items()}
    if wrong and any(differences(reference(plan, nudged(values, 16 * EPS, k)), expected) for k in range(5)):
        return {}, True
    return wrong, False


def shapes(plan):
    net = nets.build(plan, td.nn, td.no_grad, td.ops.concatenate)
    return {name: value.shape for name, value in net.state_dict().items()}


def frozen(seed):
    """What a frozen float32 net gets wrong beside the same net in float64."""
    plan = nets.without(nets.draw(seed), hooked=False)  # freezing refuses hooks
    image, state, target = nets.arrays(plan, shapes(plan))

    def evaluated(values):
        net = nets.build(plan, td.nn, td.no_grad, td.ops.concatenate).double()
        net.load_state_dict(values[1])
        with td.no_grad():
            return net.eval()(td.tensor(values[0])).numpy().copy()

    single = (image.astype(np.float32), {n: v.astype(np.float32) if v.dtype.kind == "f" else v
                                         for n, v in state.items()}, target)
    double = (single[0].astype(np.float64), {n: v.astype(np.float64) if v.dtype.kind == "f" else v
                                             for n, v in single[1].items()}, target)
    net = nets.build(plan, td.nn, td.no_grad, td.ops.concatenate)
    net.load_state_dict(single[1])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what cannot be frozen is called as it is
        found = td.freeze(net.eval())(single[0])
    expected = evaluated(double)
    # Measures of what rounding does to this net: that of the inputs alone, and that of the ordinary path in float32.
    ulp = float(np.finfo(np.float32).eps)
    moved = max(np.abs(evaluated(nudged(double, ulp, k)) - expected).max() for k in range(3))
    with td.no_grad():
        ordinary = np.abs(net(td.tensor(single[0])).numpy() - expected).max()
    allowed = max(64 * max(moved, ulp * max(1, np.abs(expected).max())), 8 * ordinary)
    off = np.abs(found - expected).max()
    return {"frozen": f"off by {off:.2g}, allowed {allowed:.2g}"} if not off <= allowed else {}


def slope(seed):
    """Whether the gradient along a random direction is what finite differences say, for one of the steps."""
    plan = nets.without(nets.draw(seed), without_gradient=False)
    image, state, target = values = nets.arrays(plan, shapes(plan))
    found = ours(plan, values)
    rng = np.random.default_rng(seed)
    direction = {name: rng.standard_normal(v.shape) for name, v in state.items() if f"d {name}" in found}
    along = rng.standard_normal(image.shape)
    terms = [(found["d image"], along)] + [(found[f"d {name}"], v) for name, v in direction.items()]
    claimed = sum((g * v).sum() for g, v in terms if g is not None)
    size = np.sqrt(sum((g * g).sum() for g, _ in terms if g is not None))

    def loss(h):
        moved = {name: v + h * direction[name] if name in direction else v for name, v in state.items()}
        return float(at_once(plan, (image + h * along, moved, target))["loss"])

    slopes = [(loss(h) - loss(-h)) / (2 * h) for h in (1e-4, 1e-5, 1e-6, 1e-7)]
    ok = min(abs(s - claimed) for s in slopes) <= 1e-5 * max(1, size)
    return {} if ok else {"slope": f"{claimed} instead of {slopes}"}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("n", type=int)
    parser.add_argument("--from", dest="first", type=int, default=0)
    arguments = parser.parse_args()
    import torch

    torch.set_num_threads(1)
    bad = ill = 0
    for seed in range(arguments.first, arguments.first + arguments.n):
        try:
            wrong, at_kink = compare(seed, theirs)
            ill += at_kink
            wrong |= frozen(seed)
        except Exception:
            wrong = {"exception": traceback.format_exc()}
        if wrong:
            bad += 1
            print(nets.draw(seed), *wrong.items(), sep="\n", flush=True)
    print(f"{arguments.n} nets from {arguments.first}: {bad} wrong, {ill} ill-conditioned")
    return bad > 0


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):
        sys.exit(main())
