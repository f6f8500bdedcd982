"""Softmax, log-softmax and cross-entropy: reductions over the rows of a (N, C) array."""

from tinydl._core.isa import search_path

__path__ = search_path(__name__)

from tinydl._core.loss.cross_entropy import softmax_cross_entropy_backward, softmax_cross_entropy_forward
from tinydl._core.loss.softmax import log_softmax_backward, log_softmax_forward, softmax_backward, softmax_forward

__all__ = [
    "log_softmax_backward", "log_softmax_forward", "softmax_backward", "softmax_cross_entropy_backward",
    "softmax_cross_entropy_forward", "softmax_forward",
]
