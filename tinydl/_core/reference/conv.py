"""NumPy twin of the convolution kernels: their specification and their test oracle.

One legend: N batch, C in-channels, O out-channels, (H, W) input, (P, Q) output, (KH, KW) window, stride, padding,
dilation, G groups. geometry = (N, C, H, W, O, KH, KW, SH, SW, PH, PW, DH, DW, G, P, Q); 1-D is H = KH = SH = DH = P =
1, PH = 0, and arrays may then be (N, C, L) and (O, C/G, K). Every sum is made in float64 and rounded once.
"""

import numpy as np

from tinydl._core.operands import Map, Pending
from tinydl._core.reference.activations import ROWS

__all__ = [
    "conv_backward", "conv_backward_input", "conv_backward_weight", "conv_forward", "geometry", "winograd_backward",
    "winograd_forward",
]


def geometry(x_shape, w_shape, stride=1, padding=0, dilation=1, groups=1):
    """The geometry tuple of a convolution of `x_shape` (N, C, [H,] W) with `w_shape` (O, C/G, [KH,] KW)."""
    one_d = len(x_shape) == 3

    def pair(value, fill):
        if one_d:
            return (fill, value if np.isscalar(value) else value[0])
        return (value, value) if np.isscalar(value) else tuple(value)

    n, c, h, w = (*x_shape[:2], 1, x_shape[2]) if one_d else x_shape
    o, kh, kw = (w_shape[0], 1, w_shape[2]) if one_d else (w_shape[0], *w_shape[2:])
    (sh, sw), (ph, pw), (dh, dw) = pair(stride, 1), pair(padding, 0), pair(dilation, 1)
    p = (h + 2 * ph - dh * (kh - 1) - 1) // sh + 1
    q = (w + 2 * pw - dw * (kw - 1) - 1) // sw + 1
    if p < 1 or q < 1:
        raise ValueError(f"a window of {kh}x{kw}, dilation {dh}x{dw}, does not fit an input of {h}x{w} with padding "
                         f"{ph}x{pw}")
    return (n, c, h, w, o, kh, kw, sh, sw, ph, pw, dh, dw, groups, p, q)


def _column(values, like):
    """Per-channel values that broadcast against (N, C, ...) in float64."""
    return values.astype(np.float64).reshape(-1, *[1] * (like.ndim - 2))


def _mapped(x, on_x):
    """x, or what `on_x` makes of it, in float64."""
    z = x.astype(np.float64)
    if on_x is not None and on_x.scale is not None:
        z = _column(on_x.scale, x) * (z - _column(on_x.centre, x)) + _column(on_x.shift, x)
    return ROWS[on_x.activation].at(z, on_x.parameter) if on_x is not None and on_x.activation else z


def _padded(x, geo, on_x=None):
    """x in float64 after its map, then zero padding: the map does not touch the padding."""
    n, c, h, w, _, _, _, _, _, ph, pw, *_ = geo
    return np.pad(_mapped(x.reshape(n, c, h, w), on_x), ((0, 0), (0, 0), (ph, ph), (pw, pw)))


def _gradient(dy):
    """dy, or what a `Pending` stands for, in float64."""
    if not isinstance(dy, Pending):
        return dy.astype(np.float64)
    y, mask, gradient = dy.y, dy.mask, dy.dz.astype(np.float64)
    if mask.activation:
        before = _mapped(y, Map(mask.scale, mask.shift, mask.centre))
        gradient = ROWS[mask.activation].masked(before, gradient, mask.parameter)
    if dy.a is None:
        return gradient
    return _column(dy.a, y) * gradient + (_column(dy.b, y) * (y - _column(mask.centre, y)) + _column(dy.c, y))


def _tap(padded, i, j, geo):
    """What tap (i, j) of the window sees for every output: a strided view (N, C, P, Q) of the padded input."""
    _, _, _, _, _, _, _, sh, sw, _, _, dh, dw, _, p, q = geo
    top, left = i * dh, j * dw
    return padded[:, :, top:top + (p - 1) * sh + 1:sh, left:left + (q - 1) * sw + 1:sw]


def _by_group(a, geo):
    """(N, channels, P, Q) as (N, G, channels / G, P Q)."""
    return a.reshape(len(a), geo[13], a.shape[1] // geo[13], a.shape[2] * a.shape[3])


def _samples_last(a, geo):
    """(N, channels, P, Q) as (G, channels / G, N P Q)."""
    return _by_group(a, geo).transpose(1, 2, 0, 3).reshape(geo[13], a.shape[1] // geo[13], -1)


def _taps(w, geo):
    """((i, j), matrices (G, O/G, C/G)) for every tap of the window."""
    c, o, kh, kw, groups = geo[1], geo[4], geo[5], geo[6], geo[13]
    w = w.astype(np.float64).reshape(groups, o // groups, c // groups, kh, kw)
    return [((i, j), np.ascontiguousarray(w[..., i, j])) for i in range(kh) for j in range(kw)]


def conv_forward(x, w, bias, y, geometry, on_x, moments, n_threads):
    """y[n,o,p,q] = bias[o] + sum over c,i,j of w[o,c,i,j] * z[n,c,p*SH-PH+i*DH,q*SW-PW+j*DW], z = 0 outside.

    x : IN (N, C, H, W).  w : IN (O, C/G, KH, KW).  bias : IN (O,) or None.  y : OUT (N, O, P, Q).
    on_x : Map of x to z, or None where z is x.  moments : Moments OUT or None, per image the sums of
    (y-about) and (y-about)^2.
    """
    n, _, _, _, o, *_, p, q = geometry
    padded = _padded(x, geometry, on_x)
    result = np.zeros((n, o, p, q))
    for (i, j), matrices in _taps(w, geometry):
        result += (matrices @ _by_group(_tap(padded, i, j, geometry), geometry)).reshape(result.shape)
    if bias is not None:
        result += bias.astype(np.float64)[:, None, None]
    y[...] = result.reshape(y.shape)
    if moments is not None:
        off = (y.astype(np.float64) - _column(moments.about, y)).reshape(n, o, p * q)
        moments.sums[:, 0] = off.sum(2)
        moments.sums[:, 1] = (off * off).sum(2)


def conv_backward_input(dy, w, dx, geometry, n_threads):
    """dx[n,c,h,w] = sum over the outputs (o,p,q) and taps (i,j) that read the pixel of w[o,c,i,j] * dy[n,o,p,q].

    dy : IN (N, O, P, Q) or Pending.  w : IN (O, C/G, KH, KW).  dx : OUT (N, C, H, W).
    """
    n, c, h, wd, o, _, _, _, _, ph, pw, *_, p, q = geometry
    dy = _by_group(_gradient(dy).reshape(n, o, p, q), geometry)
    padded = np.zeros((n, c, h + 2 * ph, wd + 2 * pw))
    for (i, j), matrices in _taps(w, geometry):
        seen = _tap(padded, i, j, geometry)
        seen += (matrices.transpose(0, 2, 1) @ dy).reshape(seen.shape)
    dx[...] = padded[:, :, ph:ph + h, pw:pw + wd].reshape(dx.shape)


def conv_backward_weight(x, dy, dw, db, geometry, on_x, n_threads):
    """dw[o,c,i,j] = sum over n,p,q of dy[n,o,p,q] * z[n,c,p*SH-PH+i*DH,q*SW-PW+j*DW]; db[o] = sum of dy.

    x : IN (N, C, H, W).  dy : IN (N, O, P, Q) or Pending.  dw : OUT (O, C/G, KH, KW) or None.  db : OUT (O,) or None.
    on_x, z : as in `conv_forward`.
    """
    n, _, _, _, o, kh, kw, *_, p, q = geometry
    dy = _gradient(dy).reshape(n, o, p, q)
    if dw is not None:
        padded = _padded(x, geometry, on_x)
        columns = _samples_last(dy, geometry)
        gradient = np.empty((o, geometry[1] // geometry[13], kh, kw))
        for i in range(kh):
            for j in range(kw):
                seen = _samples_last(_tap(padded, i, j, geometry), geometry)
                gradient[:, :, i, j] = (columns @ seen.transpose(0, 2, 1)).reshape(gradient.shape[:2])
        dw[...] = gradient.reshape(dw.shape)
    if db is not None:
        db[...] = dy.sum((0, 2, 3))


def conv_backward(x, dy, w, dx, dw, db, geometry, on_x, residual, moments, n_threads):
    """`conv_backward_input` and `conv_backward_weight` in one call, with a batch norm's work on both sides.

    x : IN (N, C, H, W), None when dw and moments are.  dy : IN (N, O, P, Q) or Pending.  w : IN (O, C/G, KH, KW), None
    when dx is.  dx : OUT (N, C, H, W) or None, the gradient at z, that is `on_x` of x.  dw, db : OUT (O, C/G, KH, KW)
    and (O,), or None.  residual : IN as dx, added to it, or None.  moments : Moments OUT or None, per image the sums of
    dx' and dx' * (x-about), dx' = dx times the derivative of on_x's activation.
    """
    gradient = _gradient(dy)
    conv_backward_weight(x, gradient, dw, db, geometry, on_x, n_threads)
    if dx is None:
        return
    total = np.empty(dx.shape)
    conv_backward_input(gradient, w, total, geometry, n_threads)
    dx[...] = total if residual is None else total + residual
    if moments is not None:
        masked = _gradient(Pending(dx, x, Map() if on_x is None else on_x))
        flat = (geometry[0], geometry[1], geometry[2] * geometry[3])
        moments.sums[:, 0] = masked.reshape(flat).sum(2)
        moments.sums[:, 1] = (masked * (x - _column(moments.about, x))).reshape(flat).sum(2)


# Winograd changes how a convolution is computed, not what.
winograd_forward = conv_forward
winograd_backward = conv_backward
