"""Speech Commands from a server on this machine, whole or not at all, and as a data set."""

import hashlib
import json

import numpy as np
import pytest

from tinydl.data import BY_NAME, DataError, load, load_speech_commands, mfcc
from tinydl.data.registry import File
from tinydl.train.task import split_parts

ARCHIVE = "speech_commands_v0.02.tar.gz"


@pytest.fixture(scope="module")
def miniature(spoken):
    return spoken.archive(spoken.contents())


@pytest.fixture
def published(server, miniature, monkeypatch):
    """The miniature on a server, registered as what is published: (folder that is served, paths asked for)."""
    url, folder, asked = server
    (folder / ARCHIVE).write_bytes(miniature)
    entry = BY_NAME["speech-commands-12"]
    file = File(ARCHIVE, hashlib.md5(miniature).hexdigest())
    source = entry.source._replace(url=url, files=(file,), megabytes=5)
    monkeypatch.setitem(BY_NAME, "speech-commands-12", entry._replace(source=source))
    monkeypatch.setattr("tinydl.data.sets.speech_commands_12._ARCHIVE", file)
    return folder, asked


def test_downloaded_once_and_read_as_sounds_or_features(published, tmp_path):
    folder = tmp_path / "data"
    train, test = load("speech-commands-12", folder, download=True)
    assert sorted(path.name for path in (folder / "speech-commands").iterdir()) == [
        ".tinydl-cache.npz", "speech-commands-12.json", "speech-commands-12.npy"]
    sounds, held_out = load("speech-commands-12", folder, download=True, features="none")
    assert published[1] == [f"/{ARCHIVE}"]  # the archive came once
    assert sounds.images.dtype == np.int16 and isinstance(sounds.images, np.memmap)
    assert sounds.image_shape == (1, 16000) and (len(sounds), len(held_out)) == (36, 12)
    assert sounds.labels.tolist() == sorted([*range(12)] * 2) + [*range(12)]
    assert held_out.labels.tolist() == [*range(12)]
    assert sounds.class_names[:3] == ("silence", "unknown", "yes") and sounds.scale == 1 / 32768
    for data, same in ((train, sounds), (test, held_out)):
        np.testing.assert_array_equal(data.images, mfcc(np.array(same.images), 16000))
        assert data.labels.tolist() == same.labels.tolist()
    # The validation part, at the end, is not measured.
    values = np.array(sounds.images[:24], np.float64) / 32768
    np.testing.assert_allclose((sounds.mean[0], sounds.std[0]), (values.mean(), values.std()), rtol=1e-9)
    assert held_out.mean == sounds.mean
    rest, valid = split_parts({}, train, test)
    assert (len(rest), len(valid)) == (24, 12) and valid.labels.tolist() == [*range(12)]
    assert [len(part) for part in split_parts({"val_split": 1 / 3, "seed": 0}, train, test)] == [24, 12]
    kept = load_speech_commands(folder / "speech-commands", "mfcc")[0]
    assert np.array_equal(kept.images, train.images)


def test_a_broken_checksum_a_dropped_connection_a_foreign_file(published, miniature, spoken, tmp_path, monkeypatch):
    folder, _ = published
    place = tmp_path / "data" / "speech-commands"
    for content, message in ((spoken.archive(spoken.contents((20, 10, 10), 11)), "another md5 than"),
                             (b"<html>not found</html>", "damaged archive"),
                             (miniature[:5000] + bytes(50) + miniature[5050:], "damaged archive|md5"),
                             (bytes(6_000_001), "damaged archive|more than 6,000,000 bytes")):
        (folder / ARCHIVE).write_bytes(content)
        with pytest.raises(DataError, match=rf"{ARCHIVE}: .*({message}).*come another way.*TINYDL_MIRROR"):
            load("speech-commands-12", tmp_path / "data", download=True)
        assert not list(place.iterdir())
    # Content-Length is that of the whole file, half of it comes.
    (folder / ARCHIVE).write_bytes(miniature)
    monkeypatch.setattr("http.server.SimpleHTTPRequestHandler.copyfile",
                        lambda self, source, out: out.write(source.read(len(miniature) // 2)))
    with pytest.raises(DataError, match=rf"the connection ended after .* of {len(miniature):,} bytes|IncompleteRead"):
        load("speech-commands-12", tmp_path / "data", download=True)
    assert not list(place.iterdir())


@pytest.mark.parametrize("where", ["spool", "end"])
def test_a_full_disk_leaves_nothing(published, tmp_path, monkeypatch, where):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("numpy.pad" if where == "spool" else "os.fsync", full)
    with pytest.raises(DataError, match=r"speech-commands: No space left on device.*are found in"):
        load("speech-commands-12", tmp_path / "data", download=True)
    assert not list((tmp_path / "data" / "speech-commands").iterdir())


def test_an_archive_that_came_another_way(published, miniature, tmp_path):
    with pytest.raises(DataError, match="no Speech Commands here; expected .*--download"):
        load_speech_commands(tmp_path)
    (tmp_path / "SpeechCommands").mkdir()
    (tmp_path / "SpeechCommands" / ARCHIVE).write_bytes(miniature[:-9])
    with pytest.raises(DataError, match=f"{ARCHIVE}: "):
        load_speech_commands(tmp_path)
    (tmp_path / "SpeechCommands" / ARCHIVE).write_bytes(miniature)
    calls = []
    train, _ = load_speech_commands(tmp_path, report=lambda *call: calls.append(call))
    assert len(train) == 36 and calls[-1] == (len(miniature), len(miniature)) and not published[1]


def test_files_that_were_damaged(published, tmp_path):
    load("speech-commands-12", tmp_path, download=True)
    place = tmp_path / "speech-commands"
    sounds, counts = place / "speech-commands-12.npy", place / "speech-commands-12.json"
    whole = sounds.read_bytes()
    sounds.write_bytes(whole[:-1000])
    with pytest.raises(DataError, match=r"12\.npy: damaged.*remove speech-commands-12\.json"):
        load_speech_commands(tmp_path)
    for header in (whole[:40], whole[:59] + b"(" + whole[60:], whole.replace(b"<i2", b"|O ", 1),
                   whole.replace(b"False", b"True ", 1), b"PK\3\4" + whole):
        sounds.write_bytes(header)
        with pytest.raises(DataError, match=r"12\.npy: .*remove speech-commands-12\.json"):
            load_speech_commands(tmp_path)
    sounds.unlink()
    with pytest.raises(DataError, match=r"12\.npy: No such file.*remove"):
        load_speech_commands(tmp_path)
    found = json.loads(counts.read_text())
    short = json.dumps({**found, "counts": {**found["counts"], "test": [1] * 11}})
    endless = json.dumps({**found, "counts": {**found["counts"], "test": [float("inf")] * 12}})
    for content in ("", "[]", "{}", "[" * 100_000, short, endless):
        counts.write_text(content)
        with pytest.raises(DataError, match=r"12\.json: damaged or foreign"):
            load_speech_commands(tmp_path)
