"""NumPy twin of the batch gather."""

import numpy as np

__all__ = ["gather"]


def gather(images, index, scale, shift, offsets, modes, out, n_threads=1):
    """out[n,c,h,w] = scale[c] * raw[c, h + dy, w' + dx] + shift[c], where raw = images[index[n]], (dy, dx) = offsets[n]
    and w' = W-1-w where modes[n] & 1, else w: crop first, then mirror. Outside the image raw is 0 or, where
    modes[n] & 2, the image mirrored at the middle of its edge pixels, as often as it takes.

    images : IN (M, C, H, W), uint8 or the type of out.  index : IN (N,) int64.  scale, shift : IN (C,).
    offsets : IN (N, 2) int32 or None.  modes : IN (N,) uint8 or None.  out : OUT (N, C, H, W).
    """
    n_images, _, height, width = images.shape
    for n, k in enumerate(index):
        if not 0 <= k < n_images:
            raise IndexError(f"index: row {n} holds {k}, expected 0 to {n_images - 1}")
        dy, dx = (0, 0) if offsets is None else (int(d) for d in offsets[n])
        mode = 0 if modes is None else int(modes[n])
        raw = np.zeros(images.shape[1:], images.dtype)
        rows, inside_rows = _line(height, dy, mode & 2)
        columns, inside_columns = _line(width, dx, mode & 2)
        inside = np.ix_(range(len(raw)), inside_rows, inside_columns)
        raw[inside] = images[k][np.ix_(range(len(raw)), rows, columns)]
        if mode & 1:
            raw = raw[:, :, ::-1]
        out[n] = raw.astype(np.float64) * scale[:, None, None] + shift[:, None, None]


def _line(length, offset, reflected):
    """Where each place of a line that is moved by `offset` comes from, and which places those are."""
    places = list(range(length))
    if reflected:
        there_and_back = places + places[-2:0:-1]
        return [there_and_back[(place + offset) % len(there_and_back)] for place in places], places
    inside = [place for place in places if 0 <= place + offset < length]
    return [place + offset for place in inside], inside
