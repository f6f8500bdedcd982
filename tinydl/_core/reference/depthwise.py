"""Twin of `_core/depthwise.pyx`: a convolution with as many groups as channels, by the general convolution's twin."""

from tinydl._core.reference import conv

__all__ = ["depthwise_backward_input", "depthwise_backward_weight", "depthwise_forward"]


def depthwise_forward(x, w, bias, y, geometry, n_threads=1):
    """y[n,c,p,q] = bias[c] + sum over kh,kw of x[n, c, p*SH - PH + kh*DH, q*SW - PW + kw*DW] * w[c,0,kh,kw]."""
    conv.conv_forward(x, w, bias, y, geometry, None, None, n_threads)


def depthwise_backward_input(dy, w, dx, geometry, n_threads=1):
    """dx = the transposed convolution of dy with w."""
    conv.conv_backward_input(dy, w, dx, geometry, n_threads)


def depthwise_backward_weight(x, dy, dw, db, geometry, n_threads=1):
    """dw = the sum over images and pixels of dy * x; db = that of dy; either may be None."""
    conv.conv_backward_weight(x, dy, dw, db, geometry, None, n_threads)
