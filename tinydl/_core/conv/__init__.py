"""Convolutions: direct and, for 3x3 filters in float32, by Winograd's algorithm."""

from tinydl._core.isa import search_path

__path__ = search_path(__name__)

from tinydl._core.conv.backward import conv_backward, conv_backward_input, conv_backward_weight
from tinydl._core.conv.forward import conv_forward
from tinydl._core.conv.winograd import winograd_forward
from tinydl._core.conv.winograd_backward import winograd_backward

__all__ = [
    "conv_backward", "conv_backward_input", "conv_backward_weight", "conv_forward", "winograd_backward",
    "winograd_forward",
]
