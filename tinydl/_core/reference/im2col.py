"""NumPy twin of im2col and col2im. Row (n,p,q) of `cols` holds the window of one output, in the order (kh, kw, c)."""

import numpy as np

__all__ = ["col2im", "im2col"]


def im2col(x, cols, geometry, n_threads):
    """cols[(n,p,q), (i,j,c)] = x[n, c, p*SH-PH+i*DH, q*SW-PW+j*DW], 0 outside the image.

    x : IN (N, C, H, W).  cols : OUT (N*P*Q, KH*KW*C), row-major.
    geometry : of a convolution; its O and G do not count.
    """
    n, c, h, w, _, kh, kw, sh, sw, ph, pw, dh, dw, _, p, q = geometry
    padded = np.pad(x.reshape(n, c, h, w), ((0, 0), (0, 0), (ph, ph), (pw, pw)))
    out = np.empty((n, p, q, kh, kw, c), x.dtype)
    for i in range(kh):
        for j in range(kw):
            seen = padded[:, :, i * dh:i * dh + (p - 1) * sh + 1:sh, j * dw:j * dw + (q - 1) * sw + 1:sw]
            out[:, :, :, i, j] = seen.transpose(0, 2, 3, 1)
    cols[...] = out.reshape(cols.shape)


def col2im(cols, dx, geometry, n_threads):
    """The adjoint of `im2col`: every element of `cols` is added to the pixel it came from.

    cols : IN (N*P*Q, KH*KW*C), row-major.  dx : OUT (N, C, H, W).
    """
    n, c, h, w, _, kh, kw, sh, sw, ph, pw, dh, dw, _, p, q = geometry
    values = cols.reshape(n, p, q, kh, kw, c).astype(np.float64)
    padded = np.zeros((n, c, h + 2 * ph, w + 2 * pw))
    for i in range(kh):
        for j in range(kw):
            seen = padded[:, :, i * dh:i * dh + (p - 1) * sh + 1:sh, j * dw:j * dw + (q - 1) * sw + 1:sw]
            seen += values[:, :, :, i, j].transpose(0, 3, 1, 2)
    dx[...] = padded[:, :, ph:ph + h, pw:pw + w].reshape(dx.shape)
