"""NumPy twin of the batch gather."""

import numpy as np

__all__ = ["gather"]


def gather(images, index, scale, shift, offsets, flip, out, n_threads=1):
    """out[n,c,h,w] = scale[c] * raw[c, h + dy, w' + dx] + shift[c], where raw = images[index[n]], 0 outside it,
    (dy, dx) = offsets[n] and w' = W-1-w where flip[n], else w: crop first, then mirror.

    images : IN (M, C, H, W), uint8 or the type of out.  index : IN (N,) int64.  scale, shift : IN (C,).
    offsets : IN (N, 2) int32 or None.  flip : IN (N,) uint8 or None.  out : OUT (N, C, H, W).
    """
    n_images, _, height, width = images.shape
    for n, k in enumerate(index):
        if not 0 <= k < n_images:
            raise IndexError(f"index: row {n} holds {k}, expected 0 to {n_images - 1}")
        dy, dx = (0, 0) if offsets is None else (int(d) for d in offsets[n])
        raw = np.zeros(images.shape[1:], images.dtype)
        rows = range(max(0, -dy), min(height, height - dy))
        columns = range(max(0, -dx), min(width, width - dx))
        for h in rows:
            for w in columns:
                raw[:, h, w] = images[k, :, h + dy, w + dx]
        if flip is not None and flip[n]:
            raw = raw[:, :, ::-1]
        out[n] = raw.astype(np.float64) * scale[:, None, None] + shift[:, None, None]
