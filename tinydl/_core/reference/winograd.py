"""Twin of `_core/winograd.pyx`: the direct twins, since Winograd changes how a convolution is computed, not what."""

from tinydl._core.reference import conv

__all__ = ["winograd_backward", "winograd_forward", "winograd_statistics"]

winograd_forward = conv.conv_forward
winograd_statistics = conv.conv_statistics
winograd_backward = conv.conv_backward
