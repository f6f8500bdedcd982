"""A folder of pictures, one folder a class."""

from __future__ import annotations

import warnings
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from tinydl._check import index_of, path_of
from tinydl.data import cache
from tinydl.data.dataset import DataError
from tinydl.data.decode import EXTENSIONS, decode, header, need_pillow
from tinydl.data.folders import each, part_datasets, scan
from tinydl.data.registry import register

if TYPE_CHECKING:
    from typing import Literal

    from tinydl._types import Path, Report, Split

__all__ = ["load_image_folder"]

_LARGEST = 128  # pixels of the longer side, where no size is asked for


def load_image_folder(folder: Path, size: int | tuple[int, int] | None = None, mode: Literal["L", "RGB"] | None = None,
                      *, test_fraction: float = 0.2, seed: int = 0, skip_damaged: bool = False, keep: bool = True,
                      report: Report | None = None) -> Split:
    """Pictures and labels from a folder that holds one folder a class, decoded once into uint8.

    Each picture is turned as its EXIF entry says; what can be seen through is put on white; 16 bits and floats from 0
    to 1 are brought to 0..255; what has another size is resized by bilinear interpolation. Needs Pillow.

    Parameters
    ----------
    folder : path-like
        ``folder/CLASS/any name.png`` (or .jpg, .bmp, .tif, ...), at any depth in the class's folder. Or these in
        ``folder/train`` and ``folder/test`` (or ``val``).
    size : int or (int, int), optional
        Height and width. Default: the commonest, or the median height and width where under a tenth of the pictures
        have the commonest; at most 128 pixels on the longer side.
    mode : {'L', 'RGB'}, optional
        Grey or colours. Default: grey when no picture has colours.
    test_fraction, seed
        The share of each class that is held out where there is no test folder, and which.
    skip_damaged : bool
        Leave out files that cannot be read, with a warning that names them. Default: they are an error.
    keep : bool
        Keep what was decoded in ``folder/.tinydl-cache.npz``, and take it from there while names, sizes and times of
        the files stay the same.
    report : callable, optional
        Called with (pictures done, pictures in all).

    Returns
    -------
    train, test : ArrayDataset
        Images (N, 1, H, W) or (N, 3, H, W) of uint8, normalised by mean and standard deviation of the training images.
        ``train.about["notes"]`` says what was done to them.

    Raises
    ------
    DataError
        No folder, no classes or a single one, classes without pictures, files that cannot be read, Pillow missing.
    """
    folder = path_of(folder)
    size = _checked_size(size)
    if mode not in (None, "L", "RGB"):
        raise DataError(f"mode must be 'L' (grey) or 'RGB', got {mode!r}")
    layout = scan(folder, EXTENSIONS, "pictures")
    need_pillow(folder)
    key = cache.key_of(layout.files, {"size": size, "mode": mode, "skip_damaged": bool(skip_damaged)})
    kept = cache.read_cache(folder, key) if keep else None
    images, facts = kept or _read(layout.files, size, mode, skip_damaged, report)
    if kept is None and keep:
        cache.write_cache(folder, key, images, facts)
    if facts["damaged"]:
        layout = _without(layout, {number for number, _ in facts["damaged"]})
        shown = [text for _, text in facts["damaged"]]
        warnings.warn(f"{len(shown)} damaged pictures are left out: " + "; ".join(shown[:5])
                      + (f" and {len(shown) - 5} others" if len(shown) > 5 else ""), stacklevel=2)
    train, test = part_datasets(folder, images.transpose(0, 3, 1, 2), layout, test_fraction, seed)
    train.about = {"kind": "pictures", "notes": layout.notes + facts["notes"]}
    return train, test


def _checked_size(size):
    if size is None:
        return None
    pair = (size, size) if index_of(size) is not None else tuple(size) if isinstance(size, (list, tuple)) else ()
    numbers = [index_of(n) for n in pair]
    if len(numbers) != 2 or not all(n is not None and 1 <= n <= 65535 for n in numbers):
        raise DataError(f"size must be height and width in pixels, got {size!r}")
    return numbers


def _common_size(sizes):
    """(height, width, why): the commonest size, or where under a tenth of the pictures have it the median of all."""
    (h, w), count = min(Counter(sizes).items(), key=lambda item: (-item[1], item[0]))
    why = "the commonest"
    if 10 * count < len(sizes):
        h, w = (int(n) for n in np.median(sizes, axis=0))
        why = "the median"
    shrink = min(1.0, _LARGEST / max(h, w))
    return max(1, round(h * shrink)), max(1, round(w * shrink)), \
        why if shrink == 1 else f"{why}, shrunk to {_LARGEST} pixels"


def _read(files, size, mode, skip_damaged, report):
    """(images of uint8 (N, H, W, C), facts) of files."""
    heads = each(header, files)
    damaged = {k: str(head) for k, head in enumerate(heads) if isinstance(head, DataError)}
    _refuse(damaged, files, skip_damaged)
    good = [head for head in heads if not isinstance(head, DataError)]
    sizes = Counter((h, w) for h, w, _ in good)
    *wanted, why = (*size, "asked for") if size else _common_size([(h, w) for h, w, _ in good])
    mode = mode or ("L" if all(grey for _, _, grey in good) else "RGB")
    chosen = [k for k in range(len(files)) if k not in damaged]
    images = np.empty((len(chosen), *wanted, 1 if mode == "L" else 3), np.uint8)

    def fill(place):
        pixels, done = decode(files[chosen[place]], mode, wanted)
        images[place] = pixels.reshape(images.shape[1:])
        return done

    results = each(fill, range(len(chosen)), report)
    broken = {place for place, result in enumerate(results) if isinstance(result, DataError)}
    damaged.update({chosen[place]: str(results[place]) for place in broken})
    _refuse(damaged, files, skip_damaged)
    if broken:
        images = np.delete(images, sorted(broken), axis=0)
    counts = Counter(what for result in results if not isinstance(result, DataError) for what in result)
    return images, {"damaged": sorted(damaged.items()), "notes": _notes(counts, sizes, wanted, why)}


def _refuse(damaged, files, skip_damaged):
    if damaged and not skip_damaged:
        first, more = damaged[min(damaged)], len(damaged) - 1
        raise DataError(first + (f" (and {more} other damaged files)" if more else "")
                        + "; remove it, or leave such files out with skip_damaged=True (--skip-damaged)")
    if len(damaged) == len(files):
        raise DataError(f"none of {len(files)} pictures can be read; the first: {damaged[0]}")


def _notes(counts, sizes, wanted, why):
    """What was done to the pictures, in words."""
    notes = []
    if counts["resized"]:
        low = "x".join(map(str, np.min(list(sizes), axis=0)))
        high = "x".join(map(str, np.max(list(sizes), axis=0)))
        notes.append(f"{counts['resized']} pictures of {low} to {high} resized to {'x'.join(map(str, wanted))} ({why}; "
                     "--size HxW takes another)")
    if counts["first of several"]:
        notes.append(f"the first pictures of {counts['first of several']} files of several, animated or with pages")
    if counts["turned"]:
        notes.append(f"{counts['turned']} pictures turned as their EXIF entry says")
    if counts["put on white"]:
        notes.append(f"{counts['put on white']} pictures that can be seen through put on white")
    return notes


def _without(layout, damaged):
    """The layout without some of its files."""
    good = [k for k in range(len(layout.files)) if k not in damaged]
    labels = layout.labels[good]
    missing = np.setdiff1d(np.arange(len(layout.class_names)), labels)
    if len(missing):
        raise DataError(f"no picture of class {layout.class_names[missing[0]]!r} can be read")
    n_train = None if layout.n_train is None else sum(k < layout.n_train for k in good)
    return layout._replace(files=[layout.files[k] for k in good], labels=labels, n_train=n_train)


register("DIR", lambda path, seed, **options: load_image_folder(path, seed=seed, **options), {},
         options=("size", "mode", "skip_damaged"), kind="pictures", extensions=EXTENSIONS)
