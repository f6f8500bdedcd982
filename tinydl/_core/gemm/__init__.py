"""Matrix products of Linear layers and of `matmul`: y = x w + b, dx = dy w', dw = x' dy.

The register tiles are those of convolution: a row of x is a "pixel". A weight (out, in) lies in memory as (in, out), so
a row of it is a vector of output channels and is read where it lies.
"""

from tinydl._core.isa import search_path

__path__ = search_path(__name__)

from tinydl._core.gemm.backward_input import linear_backward_input
from tinydl._core.gemm.backward_weight import linear_backward_weight
from tinydl._core.gemm.forward import linear_forward, matmul

__all__ = ["linear_backward_input", "linear_backward_weight", "linear_forward", "matmul"]
