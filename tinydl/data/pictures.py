"""Images to predict, from files of any kind that users have them in."""

import os

import numpy as np

from tinydl.data.dataset import DataError
from tinydl.data.idx import read_idx
from tinydl.data.npz import as_images, read_arrays

__all__ = ["read_images", "read_picture"]


def read_images(path, shape):
    """Images in a file: a picture, an .npy or .npz array (its x or x_test), or an IDX file.

    Parameters
    ----------
    path : str
    shape : tuple of int
        Shape (C, H, W) that each image must have.

    Returns
    -------
    images : array, shape (N, C, H, W)
    names : list of str
        The path, with an index where there are several images.
    picture : bool
        Whether the values are those of a picture, 0..255 whatever the network was trained on.

    Raises
    ------
    DataError
        Missing, foreign or damaged files, images of another shape.
    """
    if not os.path.isfile(path):
        raise DataError(f"{path}: no such file")
    extension = os.path.splitext(path.removesuffix(".gz"))[1].lower()
    if extension in (".npz", ".npy"):
        arrays = read_arrays(path)
        key = next((k for k in ("x", "x_test") if k in arrays), None)
        if key is None:
            raise DataError(f"{path}: needs an array x; it holds {', '.join(sorted(arrays)) or 'nothing'}")
        x = arrays[key]
        # One image without the first axis, or images without the channel axis.
        images = x[None] if x.shape == shape else x[None, None] if x.shape == shape[1:] else as_images(x, key)
        picture = False
    elif "idx" in os.path.basename(path) or extension in (".idx", "") or extension.endswith("ubyte"):
        images, picture = as_images(read_idx(path), "an IDX file of images"), False
    else:
        images, picture = read_picture(path, shape), True
    if images.shape[1:] != shape:
        raise DataError(f"{path}: images of {'x'.join(map(str, images.shape[1:]))}, the run was trained on "
                        f"{'x'.join(map(str, shape))}")
    names = [path] if len(images) == 1 else [f"{path}[{i}]" for i in range(len(images))]
    return images, names, picture


def read_picture(path, shape):
    """A picture as an array of uint8, shape (1, C, H, W).

    16 bits a pixel are scaled to 8; what is transparent is laid on white, as every viewer shows it.
    """
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError:
        raise DataError(f"{path}: reading pictures needs Pillow: pip install 'tinydl-cnn[app]'") from None
    if len(shape) != 3 or shape[0] not in (1, 3):
        raise DataError(f"{path}: a picture has 1 or 3 channels, the run was trained on inputs of shape {shape}")
    try:
        with Image.open(path) as image:
            if image.size != (shape[2], shape[1]):
                raise DataError(f"{path}: {image.size[0]}x{image.size[1]} pixels, the run was trained on images of "
                                f"{shape[2]}x{shape[1]}")
            pixels = np.asarray(_eight_bits(image, path).convert("L" if shape[0] == 1 else "RGB"))
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        if isinstance(error, DataError):
            raise
        reason = "not a picture that can be read" if isinstance(error, UnidentifiedImageError) else error
        raise DataError(f"{path}: {reason}") from None
    return pixels[None, None] if shape[0] == 1 else pixels.transpose(2, 0, 1)[None]


def _eight_bits(image, path):
    """The picture in a mode of 8 bits without transparency; Pillow would clip the one and drop the other."""
    from PIL import Image

    if image.mode == "F" or image.mode.startswith("I"):
        values = np.asarray(image)
        if values.dtype.kind == "f" or values.min() < 0 or values.max() > 65535:
            raise DataError(f"{path}: values from {values.min():g} to {values.max():g}, a picture has 8 or 16 bits; "
                            "save such images as .npy, in the range that the run was trained on")
        return Image.fromarray(((values.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8))
    if image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return image
