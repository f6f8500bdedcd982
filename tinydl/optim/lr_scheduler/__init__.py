"""Learning-rate schedules: objects that write the learning rate of an optimiser's groups, one `step` at a time."""

from tinydl.optim.lr_scheduler.base import LRScheduler
from tinydl.optim.lr_scheduler.chains import ChainedScheduler, SequentialLR
from tinydl.optim.lr_scheduler.cosine import CosineAnnealingLR
from tinydl.optim.lr_scheduler.cyclic import CyclicLR
from tinydl.optim.lr_scheduler.factors import ConstantLR, ExponentialLR, LambdaLR, MultiplicativeLR, PolynomialLR
from tinydl.optim.lr_scheduler.linear import LinearLR
from tinydl.optim.lr_scheduler.one_cycle import OneCycleLR
from tinydl.optim.lr_scheduler.plateau import ReduceLROnPlateau
from tinydl.optim.lr_scheduler.restarts import CosineAnnealingWarmRestarts
from tinydl.optim.lr_scheduler.steps import MultiStepLR, StepLR

__all__ = [
    "ChainedScheduler", "ConstantLR", "CosineAnnealingLR", "CosineAnnealingWarmRestarts", "CyclicLR", "ExponentialLR",
    "LRScheduler", "LambdaLR", "LinearLR", "MultiStepLR", "MultiplicativeLR", "OneCycleLR", "PolynomialLR",
    "ReduceLROnPlateau", "SequentialLR", "StepLR",
]
