"""WAV files as arrays."""

import struct

import numpy as np

from tinydl._check import path_of
from tinydl._files import open_file
from tinydl.data.dataset import DataError

__all__ = ["parse_wav", "read_wav"]

# Of a sample, by the number of the format (1: integers, 3: floats) and its bytes.
_FORMS = {(1, 1): "u1", (1, 2): "<i2", (1, 3): "24", (1, 4): "<i4", (3, 4): "<f4", (3, 8): "<f8"}
_EXTENSIBLE, _UNKNOWN = 0xFFFE, 0xFFFFFFFF  # the format stands further on; the length is not said


def read_wav(path):
    """(samples, rate) of a WAV file.

    Parameters
    ----------
    path : path-like
        Integers of 8, 16, 24 or 32 bits, or floats of 32 or 64.

    Returns
    -------
    samples : array of float32, shape (C, L)
        From -1 to 1; floats as they are.
    rate : int
        Samples a second.

    Raises
    ------
    DataError
        No such file, another format, or none of the samples that its header claims.
    """
    path = path_of(path)
    try:
        with open_file(path) as file:
            values, rate = parse_wav(path, file.read())
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from None
    if values.dtype.kind == "f":
        if not np.isfinite(values).all():
            raise DataError(f"{path}: sample {int(np.argmin(np.isfinite(values).all(axis=1)))} is nan or infinity")
    else:
        silence = 128 if values.dtype == np.uint8 else 0
        values = (values.astype(np.float64) - silence) / 2.0 ** (8 * values.itemsize - 1)
    return np.ascontiguousarray(values.T, np.float32), rate


def parse_wav(name, content):
    """(values, rate) of the bytes of a WAV file.

    Parameters
    ----------
    name : str
        Of the file, in messages.
    content : bytes

    Returns
    -------
    values : array, shape (L, C)
        uint8 about 128, int16, int32 (24 bits are the upper ones), float32 or float64, as the file has them.
    rate : int

    References
    ----------
    Microsoft and IBM, "Multimedia programming interface and data specifications 1.0", 1991; Microsoft, "Multiple
    channel audio data and WAVE files", 2001.
    """
    if len(content) < 12:
        raise DataError(f"{name}: not a WAV file that can be read (it ends early)")
    if content[:4] != b"RIFF" or content[8:12] != b"WAVE":
        raise DataError(f"{name}: not a WAV file that can be read (it starts with {content[:4]!r}, not with b'RIFF')")
    place, form, body, claimed = 12, b"", None, 0
    while place + 8 <= len(content) and body is None:
        kind, size = struct.unpack_from("<4sI", content, place)
        if kind == b"fmt ":
            form = content[place + 8:place + 8 + size]
        elif kind == b"data":
            body, claimed = content[place + 8:place + 8 + size], size
        place += 8 + size + size % 2  # chunks begin at even places
    if len(form) < 16 or body is None:
        raise DataError(f"{name}: not a WAV file that can be read (it ends early)")
    tag, channels, rate, _, block, bits = struct.unpack_from("<HHIIHH", form)
    if tag == _EXTENSIBLE and len(form) >= 26:
        tag, = struct.unpack_from("<H", form, 24)
    kind = _FORMS.get((tag, block // max(1, channels)))
    if not channels or kind is None or block % channels or bits > 8 * block // channels:
        raise DataError(f"{name}: not a WAV file that can be read (format {tag} with {channels} channels of {bits} "
                        "bits); convert it to PCM of 16 bits")
    claimed = len(body) if claimed == _UNKNOWN else claimed  # of a sound that was written as it came
    if claimed == 0 or len(body) < claimed or rate < 1:
        raise DataError(f"{name}: {len(body):,} of {claimed:,} bytes of sound"
                        + ("; it is empty" if claimed == 0 else ", it is truncated"))
    body = body[:len(body) // block * block]
    if kind == "24":  # put above an empty byte, which leaves the sign where int32 has it
        wide = np.zeros((len(body) // 3, 4), np.uint8)
        wide[:, 1:] = np.frombuffer(body, np.uint8).reshape(-1, 3)
        return wide.view("<i4").reshape(-1, channels), rate
    return np.frombuffer(body, kind).reshape(-1, channels), rate
