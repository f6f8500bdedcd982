"""Learning-rate schedules: objects that write the learning rate of an optimiser's groups, one `step` at a time."""

from tinydl.optim.schedule.base import LRScheduler
from tinydl.optim.schedule.cosine import CosineAnnealingLR
from tinydl.optim.schedule.linear import LinearLR
from tinydl.optim.schedule.one_cycle import OneCycleLR
from tinydl.optim.schedule.plateau import ReduceLROnPlateau
from tinydl.optim.schedule.steps import MultiStepLR, StepLR

__all__ = ["CosineAnnealingLR", "LRScheduler", "LinearLR", "MultiStepLR", "OneCycleLR", "ReduceLROnPlateau", "StepLR"]
