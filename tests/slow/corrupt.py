"""Reads corrupt files of every kind: a value or the exception that the reader documents, in bounded memory.

    python tests/slow/corrupt.py 100000 [KIND ...]

Of every file: each byte of the header flipped, each truncation, then random damage, until its share of the number.
"""

import gzip
import hashlib
import importlib.util
import io
import json
import os
import resource
import sys
import tarfile
import tempfile
import tracemalloc
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
from clock import Hangs, clock

import tinydl as td
from tinydl.data import DataError
from tinydl.data.idx import read_idx
from tinydl.data.npz import load_npz
from tinydl.data.pictures import read_images
from tinydl.data.sets.cifar10 import load_cifar10
from tinydl.train.building import RunError
from tinydl.train.checkpoint import CheckpointError, load_checkpoint, load_weights, save_checkpoint, save_weights
from tinydl.train.run import Run
from tinydl.train.tensorfile import TensorFileError, read_tensors

HEADER = 400        # bytes that are flipped one by one
SLACK = 4 << 20     # bytes that a reader may use whatever the file: a small net, a codec
ROOM = 256 << 20    # address space beyond what the process has


# --- files as they should be -----------------------------------------------------------------------------------------

def made(write):
    """The bytes of the file that `write(path)` makes."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "a.npz")
        write(path)
        with open(path, "rb") as file:
            return file.read()


def safetensors_without_sum():
    header = {"a": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]},
              "b": {"dtype": "BOOL", "shape": [5], "data_offsets": [24, 29]}, "__metadata__": {"k": "v"}}
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + bytes(24) + b"\1\0\1\0\1"


def cifar():
    record = bytes([3]) + bytes(range(256)) * 12
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        for name in ("data_batch_1.bin", "test_batch.bin"):
            info = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            info.size = len(record)
            archive.addfile(info, io.BytesIO(record))
    return file.getvalue()


def picture(form, mode="L"):
    def write(file):
        from PIL import Image

        Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8)).convert(mode).save(file, form)
    file = io.BytesIO()
    write(file)
    return file.getvalue()


CONFIG = json.dumps({
    "data": "digits", "model": "lenet5", "epochs": 3, "batch_size": 32, "lr": 0.1, "optimizer": "sgd",
    "schedule": "onecycle", "weight_decay": 0.0, "drop_last": False, "seed": 1, "image_shape": [1, 28, 28],
    "class_names": ["0", "1"], "mean": [0.5], "std": [0.2], "scale": 255, "data_crc32": 1}, indent=2).encode()
IDX = bytes([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4]) + bytes(range(24))
STATE = {"epoch": 3, "loss": float("nan"), "pair": (1, 2), "moments": [np.arange(3.0), None], "by": {1: "a"}}
ARRAYS = {"x": np.arange(10 * 16, dtype=np.uint8).reshape(10, 4, 4), "y": np.arange(10) % 2}
NET = td.nn.Sequential(td.nn.Linear(3, 2), td.nn.BatchNorm1d(2))
IMAGE_NET = td.nn.Sequential(td.nn.Conv2d(1, 2, 3, padding=1), td.nn.BatchNorm2d(2), td.nn.ReLU(), td.nn.MaxPool2d(2),
                             td.nn.Flatten(), td.nn.Linear(8, 2)).eval()


def bits_of(net):
    """Bytes and not numbers: a file without a sum may have loaded NaN before."""
    return {name: value.tobytes() for name, value in net.state_dict().items()}


def into_net(path):
    before = bits_of(NET)
    try:
        load_weights(path, NET)
    except CheckpointError:
        assert bits_of(NET) == before, "net changed"
        raise


def onnx_output(path):
    net = td.from_onnx(path)
    if None not in net.input_shape:
        net(np.zeros((2, *net.input_shape), np.float32))


def configured(path):
    run = Run.open(os.path.dirname(path))
    run.build_net()


# name: (name of the file, contents, reader, its exception, multiple of the file that it may take)
FORMATS = {
    "safetensors": ("a.safetensors", made(lambda p: save_weights(p, NET)), read_tensors, TensorFileError, 4),
    "safetensors of others": ("a.safetensors", safetensors_without_sum(), read_tensors, TensorFileError, 4),
    "checkpoint": ("a.safetensors", made(lambda p: save_checkpoint(p, STATE)), load_checkpoint, CheckpointError, 8),
    "weights": ("a.safetensors", made(lambda p: save_weights(p, NET)), into_net, CheckpointError, 8),
    "predictor": ("a.safetensors", made(lambda p: td.freeze(IMAGE_NET).save(p, (1, 4, 4))),
                  td.load_predictor, TensorFileError, 1 << 16),  # it computes one sample of the shape in the file
    "IDX": ("a-ubyte", IDX, read_idx, DataError, 4),
    "IDX packed": ("a-ubyte.gz", gzip.compress(IDX), read_idx, DataError, 1032),
    "npz": ("a.npz", made(lambda p: np.savez(p, **ARRAYS)), load_npz, DataError, 16),
    "npz packed": ("a.npz", made(lambda p: np.savez_compressed(p, **ARRAYS)), load_npz, DataError, 4 * 1032),
    "CIFAR-10": ("cifar-10-binary.tar.gz", cifar(), load_cifar10, DataError, 4 * 1032),
    "config.json": ("config.json", CONFIG, configured, RunError, 64),
}


def of_other_packages():
    """The formats, pictures and ONNX files among them where Pillow and onnx are installed."""
    found = dict(FORMATS)
    if importlib.util.find_spec("PIL"):
        found |= {
            f"picture {form} {mode}": (f"a.{form.lower()}", picture(form, mode),
                                       lambda path: read_images(path, (1, 8, 8)), DataError, 1032)
            for form, mode in (("PNG", "L"), ("PNG", "P"), ("BMP", "L"), ("JPEG", "L"), ("GIF", "L"), ("TIFF", "L"),
                               ("PPM", "L"), ("WEBP", "RGB"))}
    if importlib.util.find_spec("onnx"):
        onnx = made(lambda path: td.to_onnx(IMAGE_NET, path, (1, 4, 4), class_names=["a", "b"]))
        found["ONNX"] = "a.onnx", onnx, onnx_output, ValueError, 16
    return found


# --- damage ----------------------------------------------------------------------------------------------------------

def systematic(content):
    """(what, contents): every byte of the header flipped, every truncation."""
    for at in range(min(HEADER, len(content))):
        for mask in (0xFF, 1 << at % 8):
            yield f"byte {at} xor {mask}", content[:at] + bytes([content[at] ^ mask]) + content[at + 1:]
    for n in range(len(content)):
        yield f"first {n} bytes", content[:n]


TOKENS = [b"\0" * 4, b"\xff" * 4, b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f", b"\xff" * 8, b"9" * 5, b"9" * 30, b"-1",
          b"1e999", b"[", b"{", b'"', b"null", b"NaN", b"true", b"\n", b"\x80", b"__metadata__", b"[" * 2000]


def damaged(content, rng):
    """A few random edits."""
    content = bytearray(content)
    for _ in range(rng.integers(1, 5)):
        at, n = int(rng.integers(len(content) + 1)), int(rng.integers(1, 9))
        kind = rng.integers(6)
        if kind == 0:
            content[at:at + n] = rng.bytes(n)
        elif kind == 1:
            del content[at:at + n * int(rng.integers(1, 20))]
        elif kind == 2:
            content[at:at] = TOKENS[rng.integers(len(TOKENS))]
        elif kind == 3:
            token = TOKENS[rng.integers(len(TOKENS))]
            content[at:at + len(token)] = token
        elif kind == 4:
            other = int(rng.integers(len(content) + 1))
            content[at:at] = content[other:other + 8 * n]
        elif at < len(content):
            content[at] ^= 1 << int(rng.integers(8))
    return bytes(content)


MARK = b'"sha256":"tinydl:'


def summed(content):
    """A safetensors file with the right sum for what it holds, as somebody who forges one would write it."""
    n = int.from_bytes(content[:8], "little")
    text = content[8:8 + n]
    at = text.find(MARK) + len(MARK)
    if at < len(MARK) or at + 64 > len(text):
        return content
    blank = text[:at] + b"0" * 64 + text[at + 64:]
    total = hashlib.sha256(content[:8] + blank + content[8 + n:]).hexdigest().encode()
    return content[:8] + text[:at] + total + text[at + 64:] + content[8 + n:]


def resummed(content, rng):
    """A safetensors file with a damaged header, its length and the right sum for it."""
    n = int.from_bytes(content[:8], "little")
    text = damaged(content[8:8 + n], rng)
    return summed(len(text).to_bytes(8, "little") + text + content[8 + n:])


def corrupt(content, n):
    """`n` (what, contents); an even choice of the systematic ones where `n` is small."""
    planned = list(systematic(content))
    step = max(1, 2 * len(planned) // n)
    yield from planned[::step][:n]
    for k in range(n - len(planned[::step])):
        rng = np.random.default_rng(k)
        if k % 2 and MARK in content:
            yield f"damage {k}, with a right sum", resummed(content, rng)
        else:
            yield f"damage {k}", damaged(content, rng)


# --- the run ---------------------------------------------------------------------------------------------------------

def read(path, reader, documented):
    """None, or what came that should not."""
    try:
        with clock(raises=True):
            reader(path)
    except documented:
        pass
    except (Exception, Hangs) as error:
        return f"{type(error).__name__}: {error}"
    return None


def main(total, *kinds):
    warnings.simplefilter("ignore")
    formats, wrong, tried = of_other_packages(), 0, 0
    formats = {name: formats[name] for name in kinds or formats}
    with tempfile.TemporaryDirectory() as folder:
        for file, content, reader, *_ in formats.values():
            path = os.path.join(folder, file)
            with open(path, "wb") as out:
                out.write(content)
            reader(path)  # as it is, it can be read; and what is imported on the way is
            os.unlink(path)
        with open("/proc/self/statm") as file:
            here = int(file.read().split()[0]) * resource.getpagesize()
        if "asan" not in os.environ.get("LD_PRELOAD", ""):  # its shadow takes terabytes of addresses
            resource.setrlimit(resource.RLIMIT_AS, (here + ROOM,) * 2)
        tracemalloc.start()
        for name, (file, content, reader, documented, multiple) in formats.items():
            path = os.path.join(folder, file)
            for what, changed in corrupt(content, total // len(formats)):
                with open(path, "wb") as out:
                    out.write(changed)
                before = tracemalloc.get_traced_memory()[0]
                tracemalloc.reset_peak()
                fault = read(path, reader, documented)
                taken, tried = tracemalloc.get_traced_memory()[1] - before, tried + 1
                if fault is None and taken > SLACK + multiple * len(changed):
                    fault = f"took {taken:,} bytes for a file of {len(changed):,}"
                if fault is not None:
                    wrong += 1
                    print(f"{name}, {what}: {fault[:300]}", flush=True)
            os.unlink(path)
    print(f"{tried} corrupt files of {len(formats)} kinds: {wrong} wrong")
    return wrong > 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), *sys.argv[2:]))
