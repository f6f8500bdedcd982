"""Optimisers, learning-rate schedules, gradient clipping and the p-norm penalty."""

from tinydl.optim.adam import Adam, AdamW
from tinydl.optim.clip import clip_grad_norm_, clip_grad_value_
from tinydl.optim.optimizer import Optimizer
from tinydl.optim.penalty import penalty
from tinydl.optim.rmsprop import RMSprop
from tinydl.optim.schedule import (
    CosineAnnealingLR,
    LinearLR,
    LRScheduler,
    MultiStepLR,
    OneCycleLR,
    ReduceLROnPlateau,
    StepLR,
)
from tinydl.optim.sgd import SGD

__all__ = [
    "SGD", "Adam", "AdamW", "CosineAnnealingLR", "LRScheduler", "LinearLR", "MultiStepLR", "OneCycleLR", "Optimizer",
    "RMSprop", "ReduceLROnPlateau", "StepLR", "clip_grad_norm_", "clip_grad_value_", "penalty",
]
