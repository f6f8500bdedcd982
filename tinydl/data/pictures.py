"""What is to be predicted: pictures, arrays, IDX files, tables and sounds, one sample or many in a file."""

import os

import numpy as np

from tinydl.data import decode, sound
from tinydl.data.dataset import DataError
from tinydl.data.features import featured
from tinydl.data.folders import walked
from tinydl.data.idx import read_idx
from tinydl.data.npz import as_images, read_arrays
from tinydl.data.table import read_features
from tinydl.data.wav import read_wav

__all__ = ["files_of", "read_images"]


def files_of(paths, about=None):
    """The files that paths name: themselves, and of a folder all of the kind that the run was trained on, by name.

    Raises
    ------
    DataError
        A folder without such files.
    """
    kind = (about or {}).get("kind")
    extensions = {"sounds": sound.EXTENSIONS, "table": (".csv",)}.get(kind, decode.EXTENSIONS)
    found = []
    for path in paths:
        if not os.path.isdir(path):
            found.append(path)
            continue
        before = len(found)
        for place, folders, names in walked(path):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            found += [os.path.join(place, name) for name in sorted(names)
                      if os.path.splitext(name)[1].lower() in extensions and not name.startswith(".")]
        if len(found) == before:
            raise DataError(f"{path}: a folder without files of {', '.join(extensions)}")
    return found


def read_images(path, shape, about=None, resize=False):
    """The samples of a file.

    Parameters
    ----------
    path : str
        A .npz (its x or x_test) or .npy array, an IDX file, a .csv table, a .wav sound, or a picture that Pillow reads.
    shape : tuple of int
        What they must have, without N.
    about : dict, optional
        What the reader of the training data said of them: rate of sounds, columns of a table.
    resize : bool
        Bring pictures of another size to that of the training.

    Returns
    -------
    images : array, shape (N, *shape)
    names : list of str
        The path, with the number of the image where there are several.
    picture : bool
        Whether they are uint8 from 0 to 255 whatever the range of the training images was.

    Raises
    ------
    DataError
        A missing, foreign or damaged file, or images of another shape.
    """
    if not os.path.isfile(path):
        raise DataError(f"{path}: {'is no file' if os.path.exists(path) else 'no such file'}")
    extension = os.path.splitext(path.removesuffix(".gz"))[1].lower()
    picture = False
    if extension in (".npz", ".npy"):
        images = _array(path, shape)
    elif extension == ".csv":
        if "columns" not in (about or {}):
            raise DataError(f"{path}: a table, the run was trained on {(about or {}).get('kind', 'arrays')}")
        images = read_features(path, about["columns"], shape)
    elif extension == ".wav":
        if "rate" not in (about or {}):
            raise DataError(f"{path}: a sound, the run was trained on {(about or {}).get('kind', 'arrays')}")
        samples, rate = read_wav(path)
        samples = sound.fitted(path, samples, rate, shape[0], about.get("length", shape[1]), about["rate"])
        images = featured(about.get("features"), samples[None], about["rate"])
    elif "idx" in os.path.basename(path) or extension in (".idx", "") or extension.endswith("ubyte"):
        images = as_images(read_idx(path), "an IDX file of images")
    else:
        images, picture = _picture(path, shape, resize), True
    if images.shape[1:] != shape:
        raise DataError(f"{path}: images of {_by(images.shape[1:])}, the run was trained on {_by(shape)}")
    names = [path] if len(images) == 1 else [f"{path}[{i}]" for i in range(len(images))]
    return images, names, picture


def _by(shape):
    return "x".join(map(str, shape))


def _array(path, shape):
    arrays = read_arrays(path)
    key = next((k for k in ("x", "x_test") if k in arrays), None)
    if key is None:
        raise DataError(f"{path}: needs an array x; it holds {', '.join(sorted(arrays)) or 'nothing'}")
    x = arrays[key]
    # One image without the first axis, or images without the channel axis.
    return x[None] if x.shape == shape else x if x.shape[1:] == shape else \
        x[None, None] if x.shape == shape[1:] else as_images(x, f"{path}: {key}")


def _picture(path, shape, resize):
    if len(shape) != 3 or shape[0] not in (1, 3):
        raise DataError(f"{path}: a picture has 1 or 3 channels, the run was trained on inputs of shape {shape}")
    size = decode.header(path)[:2]  # before anything of that size is decoded
    if size != shape[1:] and not resize:
        raise DataError(f"{path}: {_by(size[::-1])} pixels, the run was trained on images of "
                        f"{_by((shape[2], shape[1]))}; --resize brings pictures to that size")
    pixels, _ = decode.decode(path, "L" if shape[0] == 1 else "RGB", shape[1:] if resize else None)
    return np.moveaxis(pixels.reshape(*shape[1:], shape[0]), -1, 0)[None]
