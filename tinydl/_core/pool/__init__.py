"""Pooling: maximum and mean over windows or whole images, and their gradients.

Activations are (N, C, H, W) or (N, C, L), channels last in memory. `geometry` is (N, C, H, W, KH, KW, SH, SW, PH, PW,
DH, DW, P, Q); 1-D is H = KH = SH = DH = P = 1, PH = 0.
"""

from tinydl._core.isa import search_path

__path__ = search_path(__name__)

from tinydl._core.pool.image_mean import global_avg_pool_backward, global_avg_pool_forward
from tinydl._core.pool.max import (
    adaptive_max_pool_backward,
    adaptive_max_pool_forward,
    max_pool_backward,
    max_pool_forward,
)
from tinydl._core.pool.mean import (
    adaptive_avg_pool_backward,
    adaptive_avg_pool_forward,
    avg_pool_backward,
    avg_pool_forward,
)

__all__ = [
    "adaptive_avg_pool_backward", "adaptive_avg_pool_forward", "adaptive_max_pool_backward",
    "adaptive_max_pool_forward", "avg_pool_backward", "avg_pool_forward", "global_avg_pool_backward",
    "global_avg_pool_forward", "max_pool_backward", "max_pool_forward",
]
