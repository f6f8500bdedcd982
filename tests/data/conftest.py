import http.server
import io
import os
import struct
import tarfile
import threading
import types
import wave
import zlib
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture(scope="session")
def shared_data():
    """The folder with real MNIST and a part of CIFAR-10."""
    folder = Path(os.environ.get("TINYDL_DATA") or Path(__file__).parents[3] / "shared" / "data")
    if not (folder / "mnist").is_dir() or not (folder / "cifar10").is_dir():
        pytest.skip(f"no folder with mnist/ and cifar10/ at {folder}; set TINYDL_DATA")
    return folder


@pytest.fixture(scope="session")
def idx_set():
    """A function that writes a data set of 28x28 pictures in four IDX files."""
    return _write_idx_set


def _write_idx_set(folder, n_train=20, n_test=10, suffix="", pack=lambda b: b, labels=None):
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    for part, n in (("train", n_train), ("t10k", n_test)):
        x = rng.integers(0, 256, (n, 28, 28), dtype=np.uint8)
        y = (np.arange(n) % 10).astype(np.uint8) if labels is None else labels(n)
        for name, array in ((f"{part}-images-idx3-ubyte", x), (f"{part}-labels-idx1-ubyte", y)):
            head = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
            (folder / (name + suffix)).write_bytes(pack(head + array.tobytes()))


@pytest.fixture
def server(tmp_path):
    """(base URL, folder that is served, paths asked for) of a server on this machine."""
    folder = tmp_path / "served"
    folder.mkdir()
    asked = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=str(folder))

        def do_GET(self):
            asked.append(self.path)
            if self.path.endswith("short"):
                self.send_response(200)
                self.send_header("Content-Length", "100")
                self.end_headers()
                self.wfile.write(b"too short")
                self.close_connection = True
                return
            super().do_GET()

        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{httpd.server_address[1]}", folder, asked
        httpd.shutdown()
        thread.join()


@pytest.fixture(scope="session")
def write_wav():
    """A function that writes a WAV file of integers."""
    return _write_wav


def _write_wav(path, values, rate=8000, width=2, channels=1):
    path.write_bytes(_wav(values, rate, width, channels))
    return path


@pytest.fixture(scope="session")
def spoken():
    """What makes a miniature of Speech Commands' archive: `wav`, `others`, `contents` and `archive`."""
    return types.SimpleNamespace(wav=_wav, others=_others, contents=_contents, archive=_archive)


_WORDS = ("yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go")


def _wav(values, rate=16000, width=2, channels=1):
    """The bytes of a WAV file of integers, channels interleaved."""
    made = io.BytesIO()
    with wave.open(made, "wb") as file:
        file.setparams((channels, width, rate, 0, "NONE", ""))
        file.writeframes(np.asarray(values, "<i4").reshape(-1, 1).view(np.uint8)[:, :width].tobytes())
    return made.getvalue()


def _others(wanted):
    """Names of sounds of other words, with crc32 in the lowest eighth, so that they may be taken."""
    names = (f"{word}/{k:08x}_nohash_0.wav" for k in range(10**6) for word in ("bed", "zero"))
    return [name for _, name in zip(range(wanted), (n for n in names if zlib.crc32(n.encode()) < 2**29), strict=False)]


def _contents(per_part=(20, 10, 10), n_others=12):
    """{name: bytes} of an archive with so many sounds of each part in all; a word's sounds hold its number."""
    files, lists = {}, {"validation_list.txt": [], "testing_list.txt": []}
    listed = (None, *lists)
    for part, n in enumerate(per_part):
        for k in range(n):
            name = f"{_WORDS[k % 10]}/{part}{k:07x}_nohash_0.wav"
            files[name] = _wav(np.full(16000 if k else 9000, 100 * (k % 10) + 1000 * part))
            if part:
                lists[listed[part]].append(name)
    for k, name in enumerate(_others(n_others)):
        files[name] = _wav(np.full(16000, -1 - k))
        if k % 3:
            lists[listed[k % 3]].append(name)
    files["bed/fffffff0_nohash_1.wav"] = b"not taken, and not read"
    assert zlib.crc32(b"bed/fffffff0_nohash_1.wav") >= 2**29
    files["_background_noise_/README.md"] = b"text"
    for k in range(2):
        files[f"_background_noise_/{k}.wav"] = _wav(np.arange(160000 * (k + 1)) // 100 + 1)
    return {**files, **{name: "\n".join(names).encode() for name, names in lists.items()}, "LICENSE": b"words"}


def _archive(files):
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz", compresslevel=1) as tar:
        for name, content in files.items():
            info = tarfile.TarInfo("./" + name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return made.getvalue()
