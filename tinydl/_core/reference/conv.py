"""NumPy twin of the convolution kernels: their specification and their test oracle.

One legend: N batch, C in-channels, O out-channels, (H, W) input, (P, Q) output, (KH, KW) window, stride, padding,
dilation, G groups. geometry = (N, C, H, W, O, KH, KW, SH, SW, PH, PW, DH, DW, G, P, Q); 1-D is H = KH = SH = DH = P =
1, PH = 0, and arrays may then be (N, C, L) and (O, C/G, K). Every sum is made in float64 and rounded once.
"""

import numpy as np

__all__ = [
    "conv_backward", "conv_backward_input", "conv_backward_weight", "conv_forward", "conv_statistics", "geometry",
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


def _padded(x, geo, scale=None, shift=None, relu=False):
    """x in float64 after the affine map and the clamp, then zero padding: the map does not touch the padding."""
    n, c, h, w, _, _, _, _, _, ph, pw, *_ = geo
    z = x.reshape(n, c, h, w).astype(np.float64)
    if scale is not None:
        z = z * scale.astype(np.float64)[:, None, None] + shift.astype(np.float64)[:, None, None]
    if relu:
        z = np.where(z < 0, 0.0, z)  # NaN passes
    return np.pad(z, ((0, 0), (0, 0), (ph, ph), (pw, pw)))


def _tap(padded, i, j, geo):
    """What tap (i, j) of the window sees for every output: a strided view (N, C, P, Q) of the padded input."""
    _, _, _, _, _, _, _, sh, sw, _, _, dh, dw, _, p, q = geo
    top, left = i * dh, j * dw
    return padded[:, :, top:top + (p - 1) * sh + 1:sh, left:left + (q - 1) * sw + 1:sw]


def _groups(geo):
    """Channel slices (of the input, of the output) of each group."""
    c, o, groups = geo[1], geo[4], geo[13]
    for g in range(groups):
        yield slice(g * c // groups, (g + 1) * c // groups), slice(g * o // groups, (g + 1) * o // groups)


def conv_forward(x, w, bias, y, geo, n_threads, scale=None, shift=None, relu=False, origin=None, sums=None):
    """y[n,o,p,q] = bias[o] + sum over c,i,j of w[o,c,i,j] * z[n,c,p*SH-PH+i*DH,q*SW-PW+j*DW], z = 0 outside.

    x : IN (N, C, H, W).  w : IN (O, C/G, KH, KW).  bias : IN (O,) or None.  y : OUT (N, O, P, Q).
    scale, shift : IN (C,) or None; z = scale*x + shift.  relu : clamp z at 0; NaN passes.
    origin : IN (O,), sums : OUT (N, 2, O): per image the sums of (y-origin) and (y-origin)^2; or both None.
    """
    n, _, _, _, o, kh, kw, *_, p, q = geo
    padded = _padded(x, geo, scale, shift, relu)
    w = w.reshape(o, -1, kh, kw).astype(np.float64)
    result = np.zeros((n, o, p, q))
    for inputs, outputs in _groups(geo):
        for i in range(kh):
            for j in range(kw):
                seen = _tap(padded, i, j, geo)[:, inputs]
                result[:, outputs] += np.einsum("ncpq,oc->nopq", seen, w[outputs, :, i, j], optimize=True)
    if bias is not None:
        result += bias.astype(np.float64)[:, None, None]
    y[...] = result.reshape(y.shape)
    if sums is not None:
        conv_statistics(y, origin, sums, geo, n_threads)


def conv_statistics(y, origin, sums, geo, n_threads):
    """Per image the sums of (y-origin) and (y-origin)^2, as `conv_forward` gives them.

    y : IN (N, O, P, Q).  origin : IN (O,).  sums : OUT (N, 2, O).
    """
    centred = y.reshape(geo[0], geo[4], geo[14] * geo[15]).astype(np.float64) - origin.astype(np.float64)[:, None]
    sums[:, 0] = centred.sum(2)
    sums[:, 1] = (centred * centred).sum(2)


def conv_backward_input(dy, w, dx, geo, n_threads):
    """dx[n,c,h,w] = sum over the outputs (o,p,q) and taps (i,j) that read the pixel of w[o,c,i,j] * dy[n,o,p,q].

    dy : IN (N, O, P, Q).  w : IN (O, C/G, KH, KW).  dx : OUT (N, C, H, W).
    """
    n, c, h, wd, o, kh, kw, _, _, ph, pw, *_, p, q = geo
    dy = dy.reshape(n, o, p, q).astype(np.float64)
    w = w.reshape(o, -1, kh, kw).astype(np.float64)
    padded = np.zeros((n, c, h + 2 * ph, wd + 2 * pw))
    for inputs, outputs in _groups(geo):
        for i in range(kh):
            for j in range(kw):
                _tap(padded, i, j, geo)[:, inputs] += np.einsum("nopq,oc->ncpq", dy[:, outputs], w[outputs, :, i, j],
                                                                optimize=True)
    dx[...] = padded[:, :, ph:ph + h, pw:pw + wd].reshape(dx.shape)


def conv_backward_weight(x, dy, dw, db, accumulate, geo, n_threads, scale=None, shift=None, relu=False):
    """dw[o,c,i,j] (+)= sum over n,p,q of dy[n,o,p,q] * z[n,c,p*SH-PH+i*DH,q*SW-PW+j*DW]; db[o] (+)= sum of dy.

    x : IN (N, C, H, W).  dy : IN (N, O, P, Q).  dw : IN/OUT (O, C/G, KH, KW).  db : IN/OUT (O,) or None.
    accumulate : add to dw and db instead of writing them.  scale, shift, relu : as in `conv_forward`.
    """
    n, _, _, _, o, kh, kw, *_, p, q = geo
    padded = _padded(x, geo, scale, shift, relu)
    dy = dy.reshape(n, o, p, q).astype(np.float64)
    gradient = np.empty((o, geo[1] // geo[13], kh, kw))
    for inputs, outputs in _groups(geo):
        for i in range(kh):
            for j in range(kw):
                gradient[outputs, :, i, j] = np.einsum(
                    "nopq,ncpq->oc", dy[:, outputs], _tap(padded, i, j, geo)[:, inputs], optimize=True)
    gradient = gradient.reshape(dw.shape)
    dw[...] = dw + gradient if accumulate else gradient
    if db is not None:
        total = dy.sum((0, 2, 3))
        db[...] = db + total if accumulate else total


def _column(values, like):
    """Per-channel values that broadcast against (N, C, ...) in float64."""
    return values.astype(np.float64).reshape(-1, *[1] * (like.ndim - 2))


def conv_backward(x, dy, w, dx, dw, db, accumulate, geo, n_threads, scale=None, shift=None, relu=False, pending=None,
                  origin=None, sums=None):
    """`conv_backward_input` and `conv_backward_weight` in one call, with a batch norm's work on both sides.

    x : IN (N, C, H, W), None when dw and sums are.  dy : IN (N, O, P, Q).  w : IN (O, C/G, KH, KW), None when dx is.
    dx : OUT (N, C, H, W) or None.  dw, db : IN/OUT (O, C/G, KH, KW) and (O,), or None.
    accumulate, scale, shift, relu : as in `conv_backward_weight`; dx is the gradient at the map's result.
    pending : None or (y, scale, shift, relu, a, b, c), each (O,) but y (N, O, P, Q): the gradient is then
    a*dy' + b*y + c in place of dy, dy' = dy where scale*y + shift > 0 if relu, else dy.
    origin : IN (C,), sums : OUT (N, 2, C): per image the sums of dx' and dx' * (x-origin), dx' = dx where
    scale*x + shift > 0 if relu, else dx; or both None.
    """
    gradient = dy.astype(np.float64)
    if pending is not None:
        y, y_scale, y_shift, y_relu, a, b, c = pending
        if y_relu:
            gradient = np.where(_column(y_scale, y) * y + _column(y_shift, y) > 0, gradient, 0)
        gradient = _column(a, y) * gradient + _column(b, y) * y + _column(c, y)
    if dw is not None or db is not None:
        unused = np.zeros((geo[4], geo[1] // geo[13], geo[5], geo[6])) if dw is None else dw
        seen = np.zeros((geo[0], geo[1], geo[2], geo[3])) if dw is None else x
        conv_backward_weight(seen, gradient, unused, db, accumulate, geo, n_threads, scale, shift, relu)
    if dx is not None:
        conv_backward_input(gradient, w, dx, geo, n_threads)
    if sums is not None:
        masked = dx.astype(np.float64)
        if relu:
            masked = np.where(_column(scale, x) * x + _column(shift, x) > 0, masked, 0)
        flat = (geo[0], geo[1], geo[2] * geo[3])
        sums[:, 0] = masked.reshape(flat).sum(2)
        sums[:, 1] = (masked * (x - _column(origin, x))).reshape(flat).sum(2)
