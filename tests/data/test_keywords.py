"""A miniature of Speech Commands' archive: what becomes of its words, lists and noise, and what is refused."""

import hashlib
import io
import json
import struct
import zlib

import numpy as np
import pytest

from tinydl.data import DataError
from tinydl.data.download import Incoming
from tinydl.data.keywords import NAMES, convert


def incoming(content, name="a.tar.gz"):
    return Incoming(name, io.BytesIO(content), hashlib.md5(content).hexdigest(), len(content))


def test_parts_classes_and_sounds(tmp_path, spoken):
    files = spoken.contents()
    convert(incoming(spoken.archive(files)), tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["speech-commands-12.json", "speech-commands-12.npy"]
    found = json.loads((tmp_path / "speech-commands-12.json").read_text())
    # A tenth of 20, 10 and 10 words is 2, 1 and 1 of silence and of unknown words.
    assert found == {"classes": list(NAMES), "counts": {"train": [2] * 12, "valid": [1] * 12, "test": [1] * 12}}
    sounds = np.load(tmp_path / "speech-commands-12.npy")
    assert sounds.dtype == np.int16 and sounds.shape == (48, 1, 16000)
    # A short sound is filled with silence at its end.
    assert (sounds[4, 0, :9000] == 0).all() and (sounds[4, 0, 9000:] == 0).all()
    assert [set(np.unique(s)) for s in sounds[6:24:2]] == [{100 * k} for k in range(1, 10)]
    assert [set(np.unique(s)) for s in sounds[26 + 1:36]] == [{1000 + 100 * k} for k in range(1, 10)]
    assert [set(np.unique(s)) for s in sounds[39:48]] == [{2000 + 100 * k} for k in range(1, 10)]
    # Of other words those with the smallest crc32 in the lists' parts, by name.
    lists = {name: set(files[name].decode().split()) for name in ("validation_list.txt", "testing_list.txt")}
    numbers = {name: -1 - k for k, name in enumerate(spoken.others(12))}
    for part, wanted, rows in ((None, 2, (2, 3)), ("validation_list.txt", 1, (25,)), ("testing_list.txt", 1, (37,))):
        mine = [n for n in numbers if (n in lists[part] if part else not any(n in names for names in lists.values()))]
        chosen = sorted(sorted(mine, key=lambda n: zlib.crc32(n.encode()))[:wanted])
        assert [int(sounds[row, 0, 0]) for row in rows] == [numbers[name] for name in chosen]


def test_silence_comes_from_the_parts_own_stretch_and_is_drawn_once_for_all(tmp_path, spoken):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        convert(incoming(spoken.archive(spoken.contents((100, 20, 20)))), tmp_path / name)
    sounds, again = (np.load(tmp_path / name / "speech-commands-12.npy") for name in "ab")
    assert np.array_equal(sounds, again)
    loudest = {"train": 0.8, "valid": 0.9, "test": 1.0}
    for rows, share in ((slice(0, 10), "train"), (slice(120, 122), "valid"), (slice(144, 146), "test")):
        silence = sounds[rows, 0]
        # The noise rises from 1 to 3200: what is louder than its part's stretch can be would be another part's.
        assert silence.max() <= 3200 * loudest[share] + 1 and (np.diff(silence, axis=1) >= 0).all()
    assert len(np.unique(sounds[:10, 0, 8000])) > 7


@pytest.mark.parametrize(("left_out", "changed", "message"), [
    ("validation", {}, "not the archive of Speech Commands: no validation_list.txt"),
    ("_background", {}, r"no _background_noise_/\*\.wav"),
    ("go/", {}, "no sound of 'go' in the train part"),
    (None, {"_background_noise_/0.wav": [1] * 100}, "0.wav is shorter than 10 s"),
    (None, {"go/00000009_nohash_0.wav": b"RIFF" + bytes(4) + b"WAVEfmt "
            + struct.pack("<IHHIIHH4sIh", 16, 1, 1, 8000, 16000, 2, 16, b"data", 2, 1)},
     "go/00000009.*at 8,000 samples"),
    (None, {"go/00000009_nohash_0.wav": b"RIFF"}, "go/00000009.*ends early"),
])
def test_archives_of_something_else(tmp_path, spoken, left_out, changed, message):
    files = {name: content for name, content in spoken.contents().items()
             if left_out is None or not name.startswith(left_out)}
    changed = {name: spoken.wav(content) if isinstance(content, list) else content for name, content in changed.items()}
    with pytest.raises(DataError, match=rf"a\.tar\.gz: .*{message}"):
        convert(incoming(spoken.archive({**files, **changed})), tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_name_that_is_no_utf8_counts_by_its_bytes(tmp_path, spoken):
    first = next(name for name in (b"b\xffd/%d.wav" % k for k in range(10**6)) if zlib.crc32(name) < 2**20)
    files = spoken.contents() | {first.decode(errors="surrogateescape"): spoken.wav([77] * 16000)}
    assert min(map(zlib.crc32, map(str.encode, spoken.others(12)))) > 2**20
    convert(incoming(spoken.archive(files)), tmp_path)
    assert 77 in np.load(tmp_path / "speech-commands-12.npy")[2:4, 0, 0]  # two other words, of the least sums


def test_damaged_archives(tmp_path, spoken):
    whole = spoken.archive(spoken.contents())
    extra = whole[:3] + b"\4" + whole[4:]  # says that there is more before the packed bytes
    short = [start[:n] for start in (whole, extra) for n in range(14)]
    for content in (*short, b"hello" * 300, whole[:len(whole) // 2], whole[:5000] + bytes(100) + whole[5100:]):
        with pytest.raises(DataError, match=r"a\.tar\.gz: "):
            convert(incoming(content), tmp_path)
    with pytest.raises(DataError, match="another md5"):
        convert(Incoming("a.tar.gz", io.BytesIO(whole), "0" * 32), tmp_path)
    assert not list(tmp_path.iterdir())
