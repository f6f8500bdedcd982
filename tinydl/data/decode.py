"""Picture files as arrays of uint8: everything of Pillow's that tinydl uses."""

import contextlib
import io

import numpy as np

from tinydl._check import path_of
from tinydl._files import open_file
from tinydl.data.dataset import DataError

__all__ = ["EXTENSIONS", "decode", "header", "need_pillow"]

EXTENSIONS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm", ".ppm", ".pbm", ".pnm", ".tga")
_ORIENTATION = 0x0112  # of EXIF; from 5 on width and height change places
_GREY = ("1", "L", "LA", "La", "I", "F")


def need_pillow(path):
    """Raise DataError where Pillow is not installed."""
    try:
        import PIL.Image  # noqa: F401
    except ImportError:
        from tinydl._name import how_to_install

        raise DataError(f"{path}: reading pictures needs Pillow: {how_to_install('app')}") from None


@contextlib.contextmanager
def _opened(path):
    """The picture in a file, not decoded yet; whatever is wrong with it becomes a DataError that names the file."""
    need_pillow(path)
    from PIL import Image, UnidentifiedImageError

    try:
        with open_file(path) as file:
            content = io.BytesIO(file.read())  # no part of it is longer, whatever length it claims
        with Image.open(content) as image:
            yield image
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, TypeError, Image.DecompressionBombError) as error:
        if isinstance(error, DataError):
            raise
        reason = "not a picture that can be read" if isinstance(error, UnidentifiedImageError) else error
        if isinstance(error, OSError) and error.strerror:
            reason = error.strerror
        raise DataError(f"{path}: {reason}") from None
    except MemoryError:  # a damaged header may claim any size
        raise DataError(f"{path}: it takes more memory than there is, or its header is damaged") from None
    except Exception as error:  # of a part that is cut short, Pillow's readers raise whatever reading it raises
        raise DataError(f"{path}: damaged ({type(error).__name__}: {error})") from None


def header(path):
    """What a picture file says of itself before it is decoded.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    height, width : int
        As it is seen: turned as its EXIF entry says.
    grey : bool
        Whether it has no colours.

    Raises
    ------
    DataError
        No picture, or none that can be read.
    """
    with _opened(path_of(path)) as image:
        width, height = image.size
        # Looking for the entry in a PNG that has none before its pixels would decode them.
        if (image.format != "PNG" or "exif" in image.info) and image.getexif().get(_ORIENTATION, 1) in (5, 6, 7, 8):
            width, height = height, width
        return height, width, image.mode.split(";")[0] in _GREY


def decode(path, mode, size=None):
    """A picture file as an array.

    It is turned as its EXIF entry says; what can be seen through is put on white; pictures of 16 bits and those of
    floats from 0 to 1 are brought to 0..255.

    Parameters
    ----------
    path : path-like
    mode : {'L', 'RGB'}
        Grey or colours.
    size : (height, width), optional
        Brought to by bilinear interpolation, over the area of a pixel where it shrinks.

    Returns
    -------
    pixels : array of uint8, shape (H, W) or (H, W, 3)
    done : tuple of str
        What was done to it: some of 'first of several', 'turned', 'put on white', 'resized'.

    Raises
    ------
    DataError
        No picture, or none that can be read whole.
    """
    from PIL import Image, ImageOps

    path, done = path_of(path), []
    with _opened(path) as image:
        if getattr(image, "n_frames", 1) > 1:
            done.append("first of several")
        if image.getexif().get(_ORIENTATION, 1) not in (0, 1):
            image = ImageOps.exif_transpose(image)
            done.append("turned")
        seen_through = image.has_transparency_data
        image = _of_bytes(image).convert(mode)
        if seen_through:
            done.append("put on white")
        if size is not None and image.size != (size[1], size[0]):
            image = image.resize((size[1], size[0]), Image.Resampling.BILINEAR)
            done.append("resized")
        return np.asarray(image), tuple(done)


def _of_bytes(image):
    """The picture with values from 0 to 255 on a white ground."""
    from PIL import Image

    if image.mode.startswith("I"):  # 16 bits: converting such a picture would cut off all above 255
        values = np.asarray(image)
        if values.min() < 0 or values.max() > 65535:
            raise ValueError(f"its pixels run from {values.min()} to {values.max()}, not from 0 to 65,535; bring "
                             "them there, or save them as .npy, to train on all in one .npz")
        return Image.fromarray((values // 257).astype(np.uint8))
    if image.mode == "F":
        values = np.asarray(image)
        if not (values.min() >= 0 and values.max() <= 1):
            raise ValueError(f"its pixels are floating-point numbers from {values.min():g} to {values.max():g}, of no "
                             "known range; bring them to 0 to 1, or save them as .npy, to train on all in one .npz")
        return Image.fromarray(np.rint(values * 255).astype(np.uint8))
    if image.has_transparency_data:  # what is seen through would be black, as is ink
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image
