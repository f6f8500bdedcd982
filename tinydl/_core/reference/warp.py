"""NumPy twin of turned and enlarged images."""

import numpy as np

__all__ = ["warp"]


def _reflected(i, n):
    """Places 0..n-1 that i are the images of when the line is mirrored at 0 and at n - 1, again and again."""
    if n == 1:
        return np.zeros_like(i)
    i = np.mod(i, 2 * (n - 1))
    return np.minimum(i, 2 * (n - 1) - i)


def warp(images, maps, black, out, reflect, n_threads=1):
    """out[n,:,h,w] = images[n] at the place (sin x + cos y, cos x - sin y), (cos, sin) = maps[n], where (y, x) is
    (h, w) as counted from the middle of the image; between pixels bilinear. A neighbour outside the image is black or,
    with reflect, that of the image mirrored at the middle of its edge pixels, as often as it takes.

    images : IN (N, C, H, W).  maps : IN (N, 2) float64, of an absolute value up to a million.  black : IN (C,).
    out : OUT (N, C, H, W), no part of images.
    """
    n, _, height, width = images.shape
    cos, sin = maps.T[:, :, None, None]
    middle = (height - 1) / 2, (width - 1) / 2
    y, x = np.arange(height)[:, None] - middle[0], np.arange(width) - middle[1]
    from_y, from_x = sin * x + cos * y + middle[0], cos * x - sin * y + middle[1]
    top, left = (np.floor(place).astype(np.int64) for place in (from_y, from_x))
    below, beside = from_y - top, from_x - left
    pixels, number = np.moveaxis(images, 1, -1).astype(np.float64), np.arange(n)[:, None, None]
    total = np.zeros(pixels.shape)
    for rows, down in ((top, 1 - below), (top + 1, below)):
        for columns, right in ((left, 1 - beside), (left + 1, beside)):
            inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width) | reflect
            neighbours = pixels[number, _reflected(rows, height), _reflected(columns, width)]
            total += (down * right)[..., None] * np.where(inside[..., None], neighbours, black)
    out[...] = np.moveaxis(total, -1, 1)
