"""For type checkers: what of `loss.cross_entropy` Python calls. Written by tools/core_stubs.py."""

from tinydl._types import Array

def softmax_cross_entropy_forward(logits: Array | None, labels: Array | None, weight: Array | None, ignore_index: int,
                                  label_smoothing: float, losses: Array | None, probabilities: Array | None,
                                  n_threads: int = ..., /) -> None: ...
def softmax_cross_entropy_backward(probabilities: Array | None, labels: Array | None, weight: Array | None,
                                   ignore_index: int, label_smoothing: float, dlosses: Array | None,
                                   dlogits: Array | None, n_threads: int = ..., /) -> None: ...
