"""Images to be classified: arrays, IDX files and pictures, one or many in a file."""

import io
import os

import numpy as np

from tinydl._files import open_file
from tinydl.data.dataset import DataError
from tinydl.data.idx import read_idx
from tinydl.data.npz import as_images, read_arrays

__all__ = ["read_images"]


def read_images(path, shape):
    """The images of a file.

    Parameters
    ----------
    path : str
        A .npz (its x or x_test) or .npy array, an IDX file, or a picture that Pillow reads.
    shape : tuple of int
        What they must have, without N.

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
        raise DataError(f"{path}: no such file")
    extension = os.path.splitext(path.removesuffix(".gz"))[1].lower()
    picture = False
    if extension in (".npz", ".npy"):
        arrays = read_arrays(path)
        key = next((k for k in ("x", "x_test") if k in arrays), None)
        if key is None:
            raise DataError(f"{path}: needs an array x; it holds {', '.join(sorted(arrays)) or 'nothing'}")
        x = arrays[key]
        # One image without the first axis, or images without the channel axis.
        images = x[None] if x.shape == shape else x[None, None] if x.shape == shape[1:] else as_images(x, key)
    elif "idx" in os.path.basename(path) or extension in (".idx", "") or extension.endswith("ubyte"):
        images = as_images(read_idx(path), "an IDX file of images")
    else:
        images, picture = _read_picture(path, shape), True
    if images.shape[1:] != shape:
        raise DataError(f"{path}: images of {_by(images.shape[1:])}, the run was trained on {_by(shape)}")
    names = [path] if len(images) == 1 else [f"{path}[{i}]" for i in range(len(images))]
    return images, names, picture


def _by(shape):
    return "x".join(map(str, shape))


def _read_picture(path, shape):
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError:
        raise DataError(f"{path}: reading pictures needs Pillow: pip install 'tinydl-cnn[app]'") from None
    if len(shape) != 3 or shape[0] not in (1, 3):
        raise DataError(f"{path}: a picture has 1 or 3 channels, the run was trained on inputs of shape {shape}")
    try:
        with open_file(path) as file:
            content = io.BytesIO(file.read())  # no part of it is longer, whatever length it claims
        with Image.open(content) as image:
            if image.size != (shape[2], shape[1]):
                raise DataError(f"{path}: {_by(image.size)} pixels, the run was trained on images of "
                                f"{_by((shape[2], shape[1]))}")
            pixels = np.asarray(_of_bytes(image).convert("L" if shape[0] == 1 else "RGB"))
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, TypeError, Image.DecompressionBombError) as error:
        if isinstance(error, DataError):
            raise
        reason = "not a picture that can be read" if isinstance(error, UnidentifiedImageError) else error
        raise DataError(f"{path}: {reason}") from None
    return pixels[None, None] if shape[0] == 1 else pixels.transpose(2, 0, 1)[None]


def _of_bytes(image):
    """The picture with values from 0 to 255 on a white ground."""
    from PIL import Image

    if image.mode.startswith("I"):  # 16 bits: converting such a picture would cut off all above 255
        values = np.asarray(image)
        if values.min() < 0 or values.max() > 65535:
            raise ValueError(f"its pixels run from {values.min()} to {values.max()}, not from 0 to 65,535; save them "
                             "as .npy")
        return Image.fromarray((values // 257).astype(np.uint8))
    if image.mode == "F":
        raise ValueError("its pixels are floating-point numbers of no known range; save them as .npy")
    if image.has_transparency_data:  # what is seen through would be black, as is ink
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image
