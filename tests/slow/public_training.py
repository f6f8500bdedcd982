"""Calls of every optimiser, schedule and function of tinydl and tinydl.optim, in the form of public_operations.py."""

import math

import numpy as np
from arguments import Real, maybe, normal, pick, shape

import tinydl as td
from tinydl import optim

ROWS = {}
ALSO = {"ops.index": (IndexError,)}  # exceptions that a row documents besides the usual ones


# --- optimisers ------------------------------------------------------------------------------------------------------

def optimiser(name, draw):
    """Three steps of two parameters, one of which misses a gradient once; `draw` gives the hyper-parameters."""
    def row(rng):
        options = draw(rng)
        names, values = list(options), list(options.values())

        def ours(x, y, *given):
            ws = [td.Parameter(np.asarray(v), dtype=np.asarray(v).dtype) for v in (x, y)]
            step(getattr(optim, name)(ws, **dict(zip(names, given, strict=True))), ws, lambda g: g)
            return tuple(w.data for w in ws)

        def theirs(T, x, y, *given):
            if name == "RMSprop" and given[5] and given[1] < 1e-3:
                raise ValueError  # a variance of one gradient: the root of a difference of equal numbers
            ws = [T.nn.Parameter(v.clone()) for v in (x, y)]
            T.set_default_dtype(T.float64)  # of the numbers that NAdam keeps
            try:
                step(getattr(T.optim, name)(ws, **dict(zip(names, given, strict=True))), ws, T.tensor, stays_finite)
            finally:
                T.set_default_dtype(T.float32)
            return tuple(ws)

        def stays_finite(ws):
            if not all(w.isfinite().all() for w in ws):
                raise ValueError  # of an infinite weight a decay of 0 makes NaN, which PyTorch leaves out

        def step(opt, ws, wrap, check=lambda ws: None):
            for k in range(3):
                check(ws)
                for w, last in zip(ws, (5, 1), strict=True):
                    g = np.sin(np.arange(w.numel() if hasattr(w, "numel") else w.size) + k + 1).reshape(tuple(w.shape))
                    w.grad = wrap(g) if k != last else None
                opt.step()
        return [*(normal(rng, *shape(rng), gradient=False, finite=True) for _ in range(2)), *values], ours, theirs
    ROWS[f"optim.{name}"] = row


def positive(rng, low=-5, high=0):
    return pick(rng, 0, float(10**rng.uniform(low, high)))


optimiser("SGD", lambda rng: {"lr": positive(rng), "momentum": (m := pick(rng, 0, 0.9)), "dampening": pick(
    rng, 0, 0.5) if not m else 0, "weight_decay": positive(rng), "nesterov": bool(m) and maybe(rng)})
optimiser("Adam", lambda rng: {"lr": positive(rng), "betas": (float(rng.random()), float(rng.random())),
                               "eps": float(10**rng.uniform(-9, -3)), "weight_decay": positive(rng)})
optimiser("AdamW", lambda rng: {"lr": positive(rng), "betas": (float(rng.random()), float(rng.random())),
                                "eps": float(10**rng.uniform(-9, -3)), "weight_decay": positive(rng)})
optimiser("RMSprop", lambda rng: {"lr": positive(rng), "alpha": float(rng.random()), "eps": float(
    10**rng.uniform(-4, -2)), "weight_decay": positive(rng), "momentum": pick(rng, 0, 0.9), "centered": maybe(rng)})
optimiser("Adagrad", lambda rng: {"lr": positive(rng), "lr_decay": positive(rng), "weight_decay": positive(rng),
                                  "initial_accumulator_value": positive(rng), "eps": 1e-10})


optimiser("Adadelta", lambda rng: {"lr": positive(rng), "rho": float(rng.random()), "eps": float(
    10**rng.uniform(-6, -3)), "weight_decay": positive(rng)})
for _name in ("NAdam", "RAdam"):
    optimiser(_name, lambda rng: {"lr": positive(rng), "betas": (float(rng.random()), float(rng.uniform(0, 0.99))),
                                  "eps": float(10**rng.uniform(-9, -3)), "weight_decay": positive(rng)})


def base(rng):
    def ours(params, defaults):
        try:
            optim.Optimizer(params, defaults)
        except NotImplementedError:
            raise TypeError("a base class") from None
    return [[td.Parameter([1.0])], {"lr": 0.1}], ours, None


ROWS["optim.Optimizer"] = base


# --- schedules -------------------------------------------------------------------------------------------------------

def schedule(name, draw, steps=12, metric=False):
    def row(rng):
        options = draw(rng)
        names, values = list(options), list(options.values())
        metrics = rng.normal(size=steps).round(1)

        def rates(opt, made):
            out = []
            for k in range(steps):
                out.append(opt.param_groups[0]["lr"])
                made.step(*[float(metrics[k])] if metric else [])
            return np.array(out, np.float64)

        def ours(*given):
            opt = optim.SGD([td.Parameter([1.0])], lr=0.1, momentum=0.5)
            return rates(opt, getattr(optim, name)(opt, **dict(zip(names, given, strict=True))))

        def theirs(T, *given):
            if any(map(T.is_tensor, given)) or metric and given[3] >= 1:
                raise TypeError  # PyTorch counts tensors by their identity, and has NaN of its infinite first best
            opt = T.optim.SGD([T.nn.Parameter(T.ones(1))], lr=0.1, momentum=0.5)
            return rates(opt, getattr(T.optim.lr_scheduler, name)(opt, **dict(zip(names, given, strict=True))))
        return values, ours, theirs
    ROWS[f"optim.{name}"] = row


def few(rng, least=1):
    return int(rng.integers(least, 9))


schedule("StepLR", lambda rng: {"step_size": few(rng), "gamma": float(rng.random())})
schedule("MultiStepLR", lambda rng: {"milestones": [few(rng, 0) for _ in range(3)], "gamma": float(rng.random())})
schedule("LinearLR", lambda rng: {"start_factor": float(rng.uniform(0.1, 1)), "end_factor": float(rng.random()),
                                  "total_iters": few(rng)})
schedule("CosineAnnealingLR", lambda rng: {"T_max": few(rng), "eta_min": float(rng.uniform(0, 0.1))})
schedule("OneCycleLR", lambda rng: {
    "max_lr": float(rng.random() + 0.01), "total_steps": int(rng.integers(13, 30)), "pct_start": float(rng.uniform(
        0.1, 0.9)), "anneal_strategy": pick(rng, "cos", "linear"), "cycle_momentum": maybe(rng),
    "base_momentum": 0.85, "max_momentum": 0.95, "div_factor": float(rng.uniform(1, 30)),
    "final_div_factor": float(rng.uniform(1, 1e4))})
schedule("ReduceLROnPlateau", lambda rng: {
    "mode": pick(rng, "min", "max"), "factor": float(rng.random()), "patience": int(rng.integers(4)),
    "threshold": pick(rng, 0.0, 0.1), "threshold_mode": pick(rng, "rel", "abs"), "cooldown": int(rng.integers(3)),
    "min_lr": pick(rng, 0.0, 0.01), "eps": 1e-8}, metric=True)
schedule("ExponentialLR", lambda rng: {"gamma": float(rng.random())})
schedule("ConstantLR", lambda rng: {"factor": float(rng.uniform(0.1, 1)), "total_iters": few(rng)})
schedule("PolynomialLR", lambda rng: {"total_iters": few(rng), "power": float(rng.uniform(0.5, 3))})
schedule("CosineAnnealingWarmRestarts", lambda rng: {"T_0": few(rng), "T_mult": int(rng.integers(1, 4))})
schedule("CyclicLR", lambda rng: {"base_lr": float(rng.random()), "max_lr": float(rng.random() + 1),
                                  "step_size_up": few(rng), "step_size_down": few(rng)})
ROWS["optim.LRScheduler"] = lambda rng: (
    [optim.SGD([td.Parameter([1.0])], lr=0.1), -1],
    lambda opt, last: optim.StepLR(opt, 1, last_epoch=last) and None, None)


# --- gradients and penalties -----------------------------------------------------------------------------------------

def clipped(name, theirs_named, draw):
    def row(rng):
        def ours(g, *given):
            w = td.Parameter(np.zeros(np.shape(g)), dtype=np.asarray(g).dtype)
            w.grad = np.array(g)
            value = getattr(optim, name)([w], *given)
            return (w.grad,) if value is None else (w.grad, np.float64(value))

        def theirs(T, g, *given):
            if isinstance(given[-1], bool) and 50 < given[1] < math.inf:
                raise ValueError  # its powers vanish
            w = T.nn.Parameter(T.zeros_like(g))
            w.grad = g.clone()
            value = getattr(T.nn.utils, theirs_named)([w], *given)
            return (w.grad,) if value is None else (w.grad, value)
        return [normal(rng, *shape(rng), gradient=False), *draw(rng)], ours, theirs
    ROWS[f"optim.{name}"] = row


clipped("clip_grad_norm_", "clip_grad_norm_", lambda rng: [float(rng.uniform(0, 3)), pick(rng, 2.0, 1.0, 3.0, math.inf),
                                                           False])
clipped("clip_grad_value_", "clip_grad_value_", lambda rng: [float(rng.uniform(0, 2))])
ALSO["optim.clip_grad_norm_"] = (RuntimeError,)


def penalised(rng):
    return [normal(rng, *shape(rng, 2)), float(rng.uniform(1, 3)), float(rng.random())], \
        lambda w, p, alpha: td.penalty(w if isinstance(w, td.Tensor) else td.tensor(w), p, alpha), \
        lambda T, w, p, alpha: alpha * (w.abs()**p).sum()


ROWS["penalty"] = ROWS["optim.penalty"] = penalised


# --- tensors and settings --------------------------------------------------------------------------------------------

def held(make):
    def draw(rng):
        return [normal(rng, *shape(rng), gradient=False), False], lambda x, needed: make(x, needed).data, \
            lambda T, x, needed: x
    return draw


ROWS["Tensor"] = held(td.Tensor)
ROWS["tensor"] = held(lambda x, needed: td.tensor(x, None, needed))
ROWS["Parameter"] = held(td.Parameter)


def setting(name, *arguments, kept=None):
    """A function that sets something for the process; what `kept` gives is set again."""
    def draw(rng):
        function = getattr(td, name)

        def ours(*given):
            before = kept and kept()
            try:
                return function(*given) and None
            finally:
                if kept:
                    function(before)
        return [argument(rng) for argument in arguments], ours, None
    ROWS[name] = draw


setting("set_num_threads", lambda rng: pick(rng, 1, 2, -1), kept=td.get_num_threads)
setting("get_num_threads")
setting("manual_seed", lambda rng: int(rng.integers(9)))
setting("memory_stats")
setting("empty_cache")
setting("is_grad_enabled")
ROWS["show_config"] = lambda rng: ([], lambda *given: td.show_config(False) and None, None)


def context(name, *arguments):
    def draw(rng):
        def ours(*given):
            with getattr(td, name)(*given):
                return td.ops.relu(np.ones(2, "f4")).numpy().copy()
        return [argument(rng) for argument in arguments], ours, lambda T, *given: T.ones(2)
    ROWS[name] = draw


context("no_grad")
context("enable_grad")
context("conv_algorithm", lambda rng: pick(rng, "auto", "direct", "im2col", "winograd"))


def frozen(rng):
    net = td.nn.Sequential(td.nn.Conv2d(2, 3, 2), td.nn.ReLU(), td.nn.Flatten(), td.nn.Linear(3, 2)).eval()

    def ours(net, x):
        y = td.freeze(net)(x)
        with td.no_grad():
            return np.abs(y - net(x).numpy()).max(initial=0)
    x = Real(rng.standard_normal((int(rng.integers(1, 4)), 2, 2, 2)), gradient=False, finite=True)
    return [net, x], ours, \
        lambda T, net, x: T.tensor(0.0)


ROWS["freeze"] = frozen


def function_of_ones_own(rng):
    class Twice(td.Function):
        @staticmethod
        def forward(ctx, x, by):
            ctx.by = by
            return x * by

        @staticmethod
        def backward(ctx, dy):
            return dy * ctx.by

    return [normal(rng, *shape(rng))], lambda x: Twice.apply(x if isinstance(x, td.Tensor) else td.Tensor(x), by=2.0), \
        lambda T, x: x * 2


ROWS["Function"] = function_of_ones_own
# Data, not functions.
DATA = {"__version__", "optim.BY_NAME"}
# PyTorch has none, or (Muon) one that rounds to bfloat16: not called here yet, their own tests judge them.
# And files, which the tests of `tinydl.export` hold to other programs.
UNJUDGED = {"nn.AveragedViews", "nn.init.whitening_", "optim.Muon", "optim.MultiOptimizer", "from_onnx",
            "load_predictor", "quantize", "stream", "to_c", "to_onnx", "nn.FocalLoss", "optim.Lion", "optim.Lookahead"}
# They take other modules, optimisers, schedules or functions; their own tests hold them to PyTorch's.
UNJUDGED |= {"nn.ModuleDict", "nn.ParameterList", "optim.AveragedModel", "optim.ChainedScheduler", "optim.LambdaLR",
             "optim.MultiplicativeLR", "optim.SequentialLR"}
# A setting and one call of an operation that is called here: tests/nn/test_torch_oracle.py holds them to PyTorch's.
UNJUDGED |= {f"nn.{name}" for name in (
    "CosineEmbeddingLoss", "Dropout1d", "Dropout2d", "Embedding", "Fold", "GLU", "Hardsigmoid", "LPPool2d",
    "LocalResponseNorm", "MultiLabelSoftMarginLoss", "PReLU", "Softplus", "Softsign", "TripletMarginLoss", "Upsample")}
