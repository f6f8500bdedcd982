"""Which kernels compute a convolution: a rule of its geometry, its dtype and the ISA level alone."""

from collections import namedtuple

from tinydl import config
from tinydl._core import conv, isa
from tinydl.ops import conv_im2col

__all__ = [
    "DEPTHWISE", "DIRECT", "IM2COL", "WINOGRAD", "Kernels", "choose", "name_of", "takes_winograd", "winograd_refusal",
]

Kernels = namedtuple("Kernels", ["name", "forward", "backward"])

DIRECT = Kernels("direct", conv.conv_forward, conv.conv_backward)
DEPTHWISE = DIRECT._replace(name="depthwise")  # the same entries, which see it from the geometry
WINOGRAD = Kernels("winograd", conv.winograd_forward, conv.winograd_backward)
IM2COL = Kernels("im2col", conv_im2col.forward, conv_im2col.backward)

# Fewest channels (the smaller of both counts) and smallest share of the 4x4 blocks that the output fills from which
# Winograd wins over direct, forward and both gradients together; see bench/results/winograd_table.md.
_FEWEST_CHANNELS = {"v4": 16, "v3": 16, "v2": 8, "base": 16}
_SMALLEST_SHARE = 0.6
# Transforming the filters costs as much as the products of so many blocks, or nearly.
_FEWEST_BLOCKS = 32


def winograd_refusal(geometry, dtype):
    """Why Winograd cannot compute this convolution, or None where it can."""
    N, C, H, W, O, KH, KW, SH, SW, PH, PW, DH, DW, G, P, Q = geometry
    if (KH, KW) != (3, 3):
        return f"the window is {KH}x{KW}, not 3x3"
    if (SH, SW) != (1, 1):
        return f"the stride is {(SH, SW)}, not 1"
    if (DH, DW) != (1, 1):
        return f"the dilation is {(DH, DW)}, not 1"
    if G != 1:
        return f"there are {G} groups"
    if max(PH, PW) > 2:
        return f"the padding {(PH, PW)} is larger than 2"
    if dtype.itemsize != 4:
        return f"the dtype is {dtype}, not float32"
    return None


def choose(geometry, dtype):
    """The kernels for a convolution under the setting in force.

    Raises
    ------
    ValueError
        If the setting is 'winograd' and Winograd cannot compute it.
    """
    if config.mode.algorithm == "im2col":
        return IM2COL
    if 1 < geometry.G == geometry.C == geometry.O:
        return DEPTHWISE
    return WINOGRAD if takes_winograd(geometry, dtype, config.mode.algorithm) else DIRECT


def takes_winograd(geometry, dtype, wanted, transformed=False):
    """Whether Winograd computes a convolution under the setting `wanted`; `transformed` filters cost nothing more.

    Raises
    ------
    ValueError
        If the setting is 'winograd' and Winograd cannot compute it.
    """
    if wanted not in ("auto", "winograd"):
        return False
    refusal = winograd_refusal(geometry, dtype)
    if wanted == "winograd" and refusal is not None:
        raise ValueError(f"conv_algorithm('winograd') cannot compute this convolution: {refusal}; use 'auto' or "
                         "'direct'")
    return wanted == "winograd" or refusal is None and _pays(geometry, transformed)


def _pays(geometry, transformed):
    N, C, _, _, O, *_, P, Q = geometry
    blocks = -(-P // 4) * -(-Q // 4)
    if not transformed and N * blocks < _FEWEST_BLOCKS:
        return False
    return min(C, O) >= _FEWEST_CHANNELS[isa.level] and _SMALLEST_SHARE * 16 * blocks <= P * Q


def name_of(geometry, dtype):
    """Name of the algorithm that `choose` takes."""
    return choose(geometry, dtype).name
