"""Seeing what a net does: sizes, Jacobians, gradients, features."""

from tinydl.inspect import plots
from tinydl.inspect.conv_matrix import conv_matrix
from tinydl.inspect.features import feature_maps, saliency
from tinydl.inspect.gradients import gradient_flow
from tinydl.inspect.jacobian import jacobian
from tinydl.inspect.receptive_field import receptive_field
from tinydl.inspect.spectral import spectral_norm
from tinydl.inspect.summary import summary

__all__ = [
    "conv_matrix", "feature_maps", "gradient_flow", "jacobian", "plots", "receptive_field", "saliency", "spectral_norm",
    "summary",
]
