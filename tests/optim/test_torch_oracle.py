"""200 steps of every optimiser and schedule beside PyTorch, from the same start (skipped where PyTorch is absent)."""

import numpy as np
import pytest

import tinydl as td
from tinydl import layout, optim

torch = pytest.importorskip("torch")
SHAPES = [(5, 3, 3, 3), (5,), (7, 6), (4, 2, 3)]

OPTIMIZERS = {
    "sgd": ("SGD", dict(lr=0.05)),
    "momentum": ("SGD", dict(lr=0.05, momentum=0.9)),
    "dampening": ("SGD", dict(lr=0.05, momentum=0.9, dampening=0.3, weight_decay=0.01)),
    "nesterov": ("SGD", dict(lr=0.05, momentum=0.9, nesterov=True, weight_decay=0.01)),
    "adam": ("Adam", dict(lr=0.01)),
    "adam_l2": ("Adam", dict(lr=0.01, betas=(0.8, 0.95), eps=1e-6, weight_decay=0.1)),
    "adamw": ("AdamW", dict(lr=0.01)),
    "adamw_decay": ("AdamW", dict(lr=0.01, weight_decay=0.3)),
    "rmsprop": ("RMSprop", dict()),
    "adagrad": ("Adagrad", dict()),
    "adagrad_all": ("Adagrad", dict(lr=0.1, lr_decay=0.02, weight_decay=0.01, initial_accumulator_value=0.1)),
    "rmsprop_all": ("RMSprop", dict(lr=0.01, alpha=0.9, momentum=0.8, centered=True, weight_decay=0.01)),
}
SCHEDULES = {
    "none": None,
    "step": ("StepLR", dict(step_size=30, gamma=0.5)),
    "multi_step": ("MultiStepLR", dict(milestones=[10, 50, 50, 120], gamma=0.3)),
    "linear": ("LinearLR", dict(total_iters=60)),
    "cosine": ("CosineAnnealingLR", dict(T_max=70, eta_min=1e-4)),
    "one_cycle": ("OneCycleLR", dict(max_lr=0.05, total_steps=200)),
    "one_cycle_linear": ("OneCycleLR", dict(max_lr=0.05, epochs=10, steps_per_epoch=20, anneal_strategy="linear",
                                            base_momentum=0.7, pct_start=0.4)),
    "plateau": ("ReduceLROnPlateau", dict(patience=3, cooldown=2, factor=0.7, min_lr=1e-3)),
    "plateau_max": ("ReduceLROnPlateau", dict(mode="max", threshold_mode="abs", patience=0, factor=0.9)),
}


def start():
    rng = np.random.default_rng(0)
    targets = [rng.standard_normal(shape).astype(np.float32) for shape in SHAPES]
    first = [rng.standard_normal(shape).astype(np.float32) for shape in SHAPES]
    return first, targets


def gradients(values, targets, rng):
    """A noisy gradient of sum (w - target)^4 / 4 + cos w: curved, with a minimum, the same for both sides."""
    return [(w - t) ** 3 * 0.1 - np.sin(w) + 0.1 * rng.standard_normal(w.shape).astype(np.float32)
            for w, t in zip(values, targets, strict=True)]


@pytest.mark.parametrize("schedule", SCHEDULES.values(), ids=SCHEDULES)
@pytest.mark.parametrize(("name", "options"), OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_200_steps(name, options, schedule):
    first, targets = start()
    ours = [td.Parameter(w) for w in first]
    theirs = [torch.nn.Parameter(torch.tensor(w)) for w in first]
    if schedule and schedule[0] == "OneCycleLR" and options.get("dampening") is not None:
        pytest.skip("one case of SGD is enough")
    if schedule and schedule[0] == "OneCycleLR" and name == "Adagrad":
        pytest.skip("Adagrad has no momentum for the cycle to move")
    a, b = getattr(optim, name)(ours, **options), getattr(torch.optim, name)(theirs, **options)
    s = t = None
    if schedule:
        s, t = (getattr(lib, schedule[0])(opt, **schedule[1])
                for lib, opt in ((optim, a), (torch.optim.lr_scheduler, b)))
    rng_a, rng_b, metrics = np.random.default_rng(1), np.random.default_rng(1), np.random.default_rng(2)
    for step in range(200):
        if step == 100:  # half-way the state dicts cross: ours goes on with PyTorch's state
            a.load_state_dict(b.state_dict())
        for p, g in zip(ours, gradients([p.data for p in ours], targets, rng_a), strict=True):
            p.grad = layout.empty_like(p.data)
            p.grad[...] = g
        for p, g in zip(theirs, gradients([p.detach().numpy() for p in theirs], targets, rng_b), strict=True):
            p.grad = torch.tensor(g)
        a.step()
        b.step()
        if schedule:
            args = (1 / (step + 1) + 0.01 * metrics.random(),) if s.needs_metric else ()
            s.step(*args)
            t.step(*args)
            if step == 199:
                break  # after the last step of a cycle PyTorch extrapolates, down to negative rates; here it stays
            assert a.param_groups[0]["lr"] == pytest.approx(b.param_groups[0]["lr"], rel=1e-9, abs=1e-12)
    for p, q in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(p.data, q.detach().numpy(), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("options", [{}, dict(lr=0.05, weight_decay=0.3, momentum=0.6, nesterov=False, ns_steps=3),
                                     dict(lr=0.02, adjust_lr_fn="match_rms_adamw", ns_coefficients=(2, -1.5, 0.5))],
                         ids=str)
def test_muon(options, monkeypatch):
    """100 steps beside PyTorch's, made to keep float32 where it rounds to bfloat16."""
    monkeypatch.setattr(torch.Tensor, "bfloat16", torch.Tensor.clone)
    rng = np.random.default_rng(0)
    first = [rng.standard_normal(shape).astype(np.float32) for shape in ((7, 6), (6, 7), (20, 3), (1, 5))]
    ours, theirs = [td.Parameter(w) for w in first], [torch.nn.Parameter(torch.tensor(w)) for w in first]
    a, b = optim.Muon(ours, **options), torch.optim.Muon(theirs, **options)
    for step in range(100):
        if step == 50:
            a.load_state_dict(b.state_dict())
        for p, q in zip(ours, theirs, strict=True):
            q.grad = torch.tensor(rng.standard_normal(p.shape).astype(np.float32))
            p.grad = q.grad.numpy().copy()
        a.step()
        b.step()
    for p, q in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(p.data, q.detach().numpy(), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("norm_type", [1.0, 2.0, 3.0, float("inf")])
def test_clip(norm_type):
    rng = np.random.default_rng(0)
    ours = [td.Parameter(np.zeros(shape, np.float32)) for shape in SHAPES]
    theirs = [torch.nn.Parameter(torch.zeros(shape)) for shape in SHAPES]
    for p, q in zip(ours, theirs, strict=True):
        g = rng.standard_normal(p.shape).astype(np.float32)
        p.grad = layout.empty_like(p.data)
        p.grad[...] = g
        q.grad = torch.tensor(g)
    optim.clip_grad_value_(ours, 0.9)
    torch.nn.utils.clip_grad_value_(theirs, 0.9)
    norm = optim.clip_grad_norm_(ours, 0.5, norm_type)
    assert norm == pytest.approx(torch.nn.utils.clip_grad_norm_(theirs, 0.5, norm_type).item(), rel=1e-6)
    for p, q in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(p.grad, q.grad.numpy(), rtol=1e-5)


FURTHER = {
    "adadelta": ("Adadelta", dict()),
    "adadelta_all": ("Adadelta", dict(lr=0.5, rho=0.8, eps=1e-4, weight_decay=0.01)),
    "nadam": ("NAdam", dict(lr=0.01)),
    "nadam_l2": ("NAdam", dict(lr=0.01, betas=(0.8, 0.95), eps=1e-6, weight_decay=0.1, momentum_decay=0.02)),
    "nadam_decoupled": ("NAdam", dict(lr=0.01, weight_decay=0.3, decoupled_weight_decay=True)),
    "radam": ("RAdam", dict(lr=0.01)),
    "radam_l2": ("RAdam", dict(lr=0.01, betas=(0.8, 0.95), weight_decay=0.1)),
    "radam_decoupled": ("RAdam", dict(lr=0.01, weight_decay=0.3, decoupled_weight_decay=True)),
}


@pytest.mark.parametrize(("name", "options"), FURTHER.values(), ids=FURTHER)
def test_200_steps_of_further_optimisers(name, options):
    test_200_steps(name, options, SCHEDULES["none"] if name == "Adadelta" else SCHEDULES["one_cycle"])


def halving(step):
    return 0.5 ** (step // 3) + 0.01 * step


FURTHER_SCHEDULES = {
    "exponential": ("ExponentialLR", dict(gamma=0.9)),
    "lambda": ("LambdaLR", dict(lr_lambda=halving)),
    "multiplicative": ("MultiplicativeLR", dict(lr_lambda=lambda step: 1 - 0.02 * (step % 5))),
    "constant": ("ConstantLR", dict(factor=0.25, total_iters=7)),
    "polynomial": ("PolynomialLR", dict(total_iters=20, power=1.7)),
    "restarts": ("CosineAnnealingWarmRestarts", dict(T_0=7, eta_min=1e-3)),
    "restarts_longer": ("CosineAnnealingWarmRestarts", dict(T_0=4, T_mult=3)),
    "cyclic": ("CyclicLR", dict(base_lr=0.01, max_lr=0.1, step_size_up=5)),
    "cyclic_2": ("CyclicLR", dict(base_lr=0.01, max_lr=0.1, step_size_up=4, step_size_down=9, mode="triangular2")),
    "cyclic_exp": ("CyclicLR", dict(base_lr=0.01, max_lr=0.1, step_size_up=6, mode="exp_range", gamma=0.97,
                                    base_momentum=0.5, max_momentum=0.95)),
}


def both(name, options):
    opts = [lib.SGD([p], lr=0.1, momentum=0.9) for lib, p in (
        (optim, td.Parameter([1.0])), (torch.optim, torch.nn.Parameter(torch.ones(1))))]
    return opts, [getattr(lib, name)(opt, **options)
                  for lib, opt in zip((optim, torch.optim.lr_scheduler), opts, strict=True)]


def same_path(opts, made, n=60):
    for step in range(n):
        ours, theirs = (opt.param_groups[0] for opt in opts)
        assert ours["lr"] == pytest.approx(theirs["lr"], rel=1e-9, abs=1e-12), step
        assert ours["momentum"] == pytest.approx(theirs["momentum"], rel=1e-9), step
        for opt, schedule in zip(opts, made, strict=True):
            opt.step()
            schedule.step()


@pytest.mark.parametrize(("name", "options"), FURTHER_SCHEDULES.values(), ids=FURTHER_SCHEDULES)
def test_further_schedules(name, options):
    same_path(*both(name, options))


def chain(lib, schedules, opt):
    parts = [schedules.LinearLR(opt, 0.1, total_iters=4), schedules.ExponentialLR(opt, 0.9),
             schedules.CosineAnnealingLR(opt, 10)]
    return schedules.SequentialLR(opt, parts, [4, 11]) if lib == "sequential" else schedules.ChainedScheduler(parts)


@pytest.mark.parametrize("kind", ["sequential", "chained"])
def test_schedules_of_schedules(kind):
    opts, _ = both("ConstantLR", dict(factor=1.0, total_iters=0))
    same_path(opts, [chain(kind, schedules, opt) for schedules, opt in zip(
        (optim, torch.optim.lr_scheduler), opts, strict=True)], 20)


def test_fractions_of_epochs():
    opts, made = both("CosineAnnealingWarmRestarts", dict(T_0=3, T_mult=2))
    for k in range(80):
        for schedule in made:
            schedule.step(k / 8)
        assert opts[0].param_groups[0]["lr"] == pytest.approx(opts[1].param_groups[0]["lr"], rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("decay", [None, 0.9])
def test_averages(decay):
    from torch.optim import swa_utils

    theirs = torch.nn.Linear(3, 2)
    ours = td.nn.Linear(3, 2)
    fn = None if decay is None else swa_utils.get_ema_multi_avg_fn(decay)
    a, b = optim.AveragedModel(ours, decay), swa_utils.AveragedModel(theirs, multi_avg_fn=fn)
    rng = np.random.default_rng(0)
    for _ in range(5):
        values = {"weight": rng.normal(size=(2, 3)).astype("f"), "bias": rng.normal(size=2).astype("f")}
        ours.load_state_dict(values)
        theirs.load_state_dict({k: torch.tensor(v) for k, v in values.items()})
        a.update_parameters(ours)
        b.update_parameters(theirs)
    np.testing.assert_allclose(a.module.weight.data, b.module.weight.detach().numpy(), rtol=1e-5, atol=1e-6)
