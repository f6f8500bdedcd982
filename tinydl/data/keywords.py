"""Speech Commands' archive as one file of sounds of one second: ten words, other words, and silence."""

import json
import math
import os
import posixpath
import tarfile
import tempfile
import zlib

import numpy as np

from tinydl._files import atomic_write
from tinydl.data.dataset import DataError
from tinydl.data.packed import DAMAGED
from tinydl.data.tar import members, open_tar
from tinydl.data.wav import parse_wav

__all__ = ["COUNTS", "NAMES", "PARTS", "RATE", "SOUNDS", "convert"]

RATE = 16000
WORDS = ("yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go")
NAMES = ("silence", "unknown", *WORDS)
PARTS = ("train", "valid", "test")
SOUNDS, COUNTS = "speech-commands-12.npy", "speech-commands-12.json"

_LISTS = {"validation_list.txt": "valid", "testing_list.txt": "test"}
_NOISE = "_background_noise_"
_SHARES = {"train": (0.0, 0.8), "valid": (0.8, 0.9), "test": (0.9, 1.0)}  # of each recording of noise
_STREAM = 0x51E
_MAX_MEMBER = 1 << 24  # bytes; the recordings of noise have 3 million
# Of other words' sounds so many are kept until it is known which part each belongs to: twice as many as are needed.
_CANDIDATES = 1 << 29  # crc32 below it: an eighth


def convert(file, folder):
    """Write the sounds, sorted by part and class, and last their counts into a folder.

    Parameters
    ----------
    file : file
        The archive ``.tar.gz``; it is read to its end.
    folder : str

    Raises
    ------
    DataError
        A damaged or foreign archive. Nothing is left in `folder` then.
    """
    with tempfile.TemporaryFile(dir=folder) as spool:
        found, noises, lists = _collected(file, spool)
        counts, order = _sorted(found, lists, noises, file.name)
        shape = (int(np.sum(list(counts.values()))), 1, RATE)
        with atomic_write(os.path.join(folder, SOUNDS)) as made:
            np.lib.format.write_array_header_1_0(made, {"descr": "<i2", "fortran_order": False, "shape": shape})
            for part in PARTS:
                _silence(made, noises, part, counts[part][0])
                for row in order[part]:
                    spool.seek(2 * RATE * row)
                    made.write(spool.read(2 * RATE))
    with atomic_write(os.path.join(folder, COUNTS)) as made:
        made.write((json.dumps({"classes": NAMES, "counts": counts}, indent=2) + "\n").encode())


def _collected(file, spool):
    """({name: row of the spool}, {name: recording of noise}, {name: part}) of the archive."""
    found, noises, lists = {}, {}, {}
    try:
        with open_tar(fileobj=file, mode="r|gz") as archive:
            for member in members(archive):
                name = posixpath.normpath(member.name)
                folder, _, base = name.rpartition("/")
                sound = base.endswith(".wav") and not base.startswith(".") and "/" not in folder and folder
                if not member.isfile() or not (sound or name in _LISTS) or _passed_over(name, folder):
                    continue
                if member.size > _MAX_MEMBER:
                    raise DataError(f"{file.name}: {name} has {member.size:,} bytes, too many for a word")
                content = archive.extractfile(member).read()
                if name in _LISTS:
                    lists |= dict.fromkeys(content.decode("ascii", "replace").split(), _LISTS[name])
                elif folder == _NOISE:
                    noises[name] = _values(file, name, content)
                else:
                    values = _values(file, name, content)[:RATE]
                    found[name] = spool.tell() // (2 * RATE)
                    spool.write(np.pad(values, (0, RATE - len(values))).tobytes())
        while file.read(1 << 16):  # tar's end comes before that of the file, where its checksum is
            pass
    except (tarfile.TarError, *DAMAGED) as error:
        raise DataError(f"{file.name}: damaged archive ({error})") from None
    return found, noises, lists


def _passed_over(name, folder):
    """Whether a sound is that of another word, and none of the candidates."""
    return folder not in (*WORDS, _NOISE, "") and _crc(name) >= _CANDIDATES


def _crc(name):
    return zlib.crc32(name.encode(errors="surrogateescape"))  # as in the archive, also where that is no UTF-8


def _values(file, name, content):
    """Samples of a sound of the archive."""
    values, rate = parse_wav(f"{file.name}: {name}", content)
    if values.dtype != np.int16 or values.shape[1] != 1 or rate != RATE:
        raise DataError(f"{file.name}: {name} has {values.shape[1]} channels of {values.dtype} at {rate:,} samples a "
                        f"second, where one of int16 at {RATE:,} is expected")
    return values[:, 0]


def _sorted(found, lists, noises, archive):
    """({part: counts of the classes}, {part: rows of the spool by class}); silence has no rows."""
    missing = [name for name in _LISTS if _LISTS[name] not in lists.values()]
    if missing or not noises or not found:
        raise DataError(f"{archive}: not the archive of Speech Commands: no "
                        + (missing[0] if missing else f"{_NOISE}/*.wav" if found else "words"))
    short = [name for name, values in noises.items() if len(values) < 10 * RATE]
    if short:
        raise DataError(f"{archive}: {short[0]} is shorter than 10 s")
    chosen = {part: {word: [] for word in ("unknown", *WORDS)} for part in PARTS}
    for name in sorted(found):
        word = name.split("/")[0]
        chosen[lists.get(name, "train")][word if word in WORDS else "unknown"].append(name)
    counts, order = {}, {}
    for part, names in chosen.items():
        n_words = sum(len(names[word]) for word in WORDS)
        others = math.ceil(n_words / 10)
        names["unknown"] = sorted(sorted(names["unknown"], key=_crc)[:others])
        counts[part] = [others, *(len(names[word]) for word in ("unknown", *WORDS))]
        order[part] = [found[name] for word in ("unknown", *WORDS) for name in names[word]]
        if min(counts[part]) == 0:
            raise DataError(f"{archive}: no sound of {NAMES[counts[part].index(0)]!r} in the {part} part")
    return counts, order


def _silence(file, noises, part, count):
    """Write seconds of the recordings of noise, at random places of the part's own share, of random loudness."""
    rng = np.random.Generator(np.random.Philox(np.random.SeedSequence((_STREAM, PARTS.index(part)))))
    names, (begin, end) = sorted(noises), _SHARES[part]
    for _ in range(count):
        noise = noises[names[rng.integers(len(names))]]
        start = rng.integers(math.ceil(begin * len(noise)), int(end * len(noise)) - RATE + 1)
        file.write(np.rint(noise[start:start + RATE] * rng.random()).astype("<i2").tobytes())
