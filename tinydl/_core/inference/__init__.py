"""Networks that only predict: a program of steps, and the steps that kernels take in it."""

from tinydl._core.isa import search_path

__path__ = search_path(__name__)

from tinydl._core.inference.conv import conv_filters, conv_step
from tinydl._core.inference.copy import copy_step
from tinydl._core.inference.elementwise import activation_step
from tinydl._core.inference.linear import linear_filters, linear_step
from tinydl._core.inference.pool import avg_pool_step, global_avg_pool_step, max_pool_step
from tinydl._core.inference.program import Program, Step
from tinydl._core.inference.transpose import transpose_step
from tinydl._core.inference.winograd import winograd_filters, winograd_step

__all__ = [
    "Program", "Step", "activation_step", "avg_pool_step", "conv_filters", "conv_step", "copy_step",
    "global_avg_pool_step", "linear_filters", "linear_step", "max_pool_step",
    "transpose_step", "winograd_filters", "winograd_step",
]
