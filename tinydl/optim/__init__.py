"""Optimisers, learning-rate schedules, gradient clipping and the p-norm penalty."""

from typing import TYPE_CHECKING

from tinydl.later import later
from tinydl.optim import adaptive, moments
from tinydl.optim.adaptive import *  # noqa: F403 - a further optimiser needs no line here
from tinydl.optim.moments import *  # noqa: F403
from tinydl.optim.optimizer import Optimizer
from tinydl.optim.penalty import penalty
from tinydl.optim.sgd import SGD

__all__ = [
    "AveragedModel", "BY_NAME", "ChainedScheduler", "ConstantLR", "CosineAnnealingLR", "CosineAnnealingWarmRestarts",
    "CyclicLR", "ExponentialLR", "LRScheduler", "LambdaLR", "LinearLR", "Lookahead", "MultiOptimizer", "MultiStepLR",
    "MultiplicativeLR", "Muon", "OneCycleLR", "Optimizer", "PolynomialLR", "ReduceLROnPlateau", "SGD", "SequentialLR",
    "StepLR", "clip_grad_norm_", "clip_grad_value_", "lr_scheduler", "penalty",
]
__all__ += adaptive.__all__
__all__ += moments.__all__

if TYPE_CHECKING:
    from tinydl.optim import lr_scheduler
    from tinydl.optim.averaging import AveragedModel, Lookahead
    from tinydl.optim.clip import clip_grad_norm_, clip_grad_value_
    from tinydl.optim.lr_scheduler import (
        ChainedScheduler,
        ConstantLR,
        CosineAnnealingLR,
        CosineAnnealingWarmRestarts,
        CyclicLR,
        ExponentialLR,
        LambdaLR,
        LinearLR,
        LRScheduler,
        MultiplicativeLR,
        MultiStepLR,
        OneCycleLR,
        PolynomialLR,
        ReduceLROnPlateau,
        SequentialLR,
        StepLR,
    )
    from tinydl.optim.multi import MultiOptimizer
    from tinydl.optim.muon import Muon
    from tinydl.optim.registry import BY_NAME
else:
    __getattr__, __dir__ = later("tinydl.optim", {
        "averaging": "AveragedModel Lookahead",
        "clip": "clip_grad_norm_ clip_grad_value_",
        "lr_scheduler": "ChainedScheduler ConstantLR CosineAnnealingLR CosineAnnealingWarmRestarts CyclicLR "
                        "ExponentialLR LRScheduler LambdaLR LinearLR MultiStepLR MultiplicativeLR OneCycleLR "
                        "PolynomialLR ReduceLROnPlateau SequentialLR StepLR",
        "multi": "MultiOptimizer",
        "muon": "Muon",
        "registry": "BY_NAME",
    }, ["lr_scheduler"])
