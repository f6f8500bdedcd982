"""Optimisers, learning-rate schedules, gradient clipping and the p-norm penalty."""

from tinydl.optim import adaptive, lr_scheduler, moments
from tinydl.optim.adaptive import *  # noqa: F403 - a further optimiser needs no line here
from tinydl.optim.averaging import AveragedModel, Lookahead
from tinydl.optim.clip import clip_grad_norm_, clip_grad_value_
from tinydl.optim.lr_scheduler import *  # noqa: F403
from tinydl.optim.moments import *  # noqa: F403
from tinydl.optim.multi import MultiOptimizer
from tinydl.optim.muon import Muon
from tinydl.optim.optimizer import Optimizer
from tinydl.optim.penalty import penalty
from tinydl.optim.registry import BY_NAME
from tinydl.optim.sgd import SGD

__all__ = [
    "BY_NAME", "SGD", "AveragedModel", "Lookahead", "MultiOptimizer", "Muon", "Optimizer", "clip_grad_norm_",
    "clip_grad_value_", "lr_scheduler", "penalty",
]
__all__ += [*adaptive.__all__, *moments.__all__, *lr_scheduler.__all__]


def __getattr__(name):
    if name.startswith("_"):
        raise AttributeError(f"module 'tinydl.optim' has no attribute {name!r}")
    from tinydl.instead import message

    raise AttributeError(message("tinydl.optim", name))
