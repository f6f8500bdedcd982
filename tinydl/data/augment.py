"""The batch gather, with random shifts and mirroring on the way: the data package's one door to the kernels."""

import numpy as np

from tinydl import layout
from tinydl._check import index_of
from tinydl._core import augment as kernels
from tinydl.config import team

__all__ = ["Augment", "gather"]

_AUGMENT_STREAM = 0xA06
_MIRROR_STREAM = 0xA11  # of mirroring by turns, which is drawn once for all epochs
_MIRRORED, _REFLECTED = 1, 2  # bits of a picture's mode


def gather(data, indices, offsets=None, modes=None):
    """The images of `data` at `indices`, normalised.

    Parameters
    ----------
    data : ArrayDataset
    indices : array of int, shape (B,)
    offsets : array of int32, shape (B, 2), optional
        Rows and columns by which each picture is shifted.
    modes : array of uint8, shape (B,), optional
        Bit 1: the picture is mirrored, after the shift. Bit 2: what the shift brings in is the picture reflected at its
        edge pixels; else it is 0 before normalisation.

    Returns
    -------
    array of float32, shape (B, C, H, W), (B, C, L) or (B, features)
        ``(images[indices] * scale - mean) / std``, channels-last in memory.
    """
    indices = np.ascontiguousarray(indices, np.int64)
    scale = (data.scale / data.std).astype(np.float32)
    shift = (-data.mean / data.std).astype(np.float32)
    images = data.images
    out = layout.empty((len(indices), *images.shape[1:]), np.float32)
    if images.dtype not in (np.uint8, np.float32):  # float64: the kernel converts only from bytes
        images, indices = _take(images, indices), np.arange(len(indices))
    if images.ndim == 2:  # features are the channels of a signal of length 1
        kernels.gather(images[:, :, None], indices, scale, shift, None, None, out[:, :, None], team())
    else:
        kernels.gather(images, indices, scale, shift, offsets, modes, out, team())
    return out


def _take(images, indices):
    """``images[indices]`` in float32, channels-last."""
    rows = np.moveaxis(images, 1, -1)
    return np.moveaxis(np.take(rows, indices, axis=0).astype(np.float32), -1, 1) if images.ndim > 2 \
        else np.take(images, indices, axis=0).astype(np.float32)


class Augment:
    """Random shifts and mirroring of pictures (N, C, H, W) while they are gathered.

    The numbers follow from (seed, epoch, sample) alone, so they depend neither on batches nor on threads, and a resumed
    run draws the same.

    Parameters
    ----------
    shift : int
        Largest shift in pixels, up, down, left and right. (The usual crop from a picture padded by `shift`.)
    mirror : bool or 'alternate'
        Mirror left and right with probability 1/2. 'alternate' mirrors each picture with probability 1/2 in the first
        epoch and then in every other epoch, so that two epochs in a row see both of its sides.
    padding : {'zeros', 'reflect'}
        What a shift brings in: 0 before normalisation, or the picture reflected at its edge pixels, as
        ``numpy.pad(..., mode='reflect')``.

    References
    ----------
    'alternate': K. Jordan, arXiv:2404.00498.
    """

    def __init__(self, shift=4, mirror=True, padding="zeros"):
        pixels = index_of(shift)
        if pixels is None or not 0 <= pixels < 2**31:
            raise ValueError(f"shift must be a number of pixels, 0 or more, got {shift!r}")
        if mirror != "alternate" and mirror not in (False, True):
            raise ValueError(f"mirror must be True, False or 'alternate', got {mirror!r}")
        if padding not in ("zeros", "reflect"):
            raise ValueError(f"padding must be 'zeros' or 'reflect', got {padding!r}")
        self.shift, self.mirror = pixels, mirror if mirror == "alternate" else bool(mirror)
        self.padding = padding

    def __repr__(self):
        padding = "" if self.padding == "zeros" else f", padding={self.padding!r}"
        return f"Augment(shift={self.shift}, mirror={self.mirror!r}{padding})"

    def draw(self, n, seed, epoch):
        """(offsets, modes) for all `n` samples of an epoch, as `gather` takes them; None for what is off."""
        rng = np.random.Generator(np.random.Philox(np.random.SeedSequence((seed, _AUGMENT_STREAM, epoch))))
        offsets = rng.integers(-self.shift, self.shift, (n, 2), np.int32, endpoint=True) if self.shift else None
        modes = None
        if self.mirror == "alternate":
            rng = np.random.Generator(np.random.Philox(np.random.SeedSequence((seed, _MIRROR_STREAM))))
            modes = rng.integers(0, 2, n, np.uint8) ^ np.uint8(epoch % 2)
        elif self.mirror:
            modes = rng.integers(0, 2, n, np.uint8)
        if self.padding == "reflect" and self.shift:
            modes = np.full(n, _REFLECTED, np.uint8) if modes is None else modes | np.uint8(_REFLECTED)
        return offsets, modes
