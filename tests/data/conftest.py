import http.server
import os
import struct
import threading
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
