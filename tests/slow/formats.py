"""Every kind of file that the library reads: one as it should be, its reader, and what the reader promises of it."""

import gzip
import importlib.util
import io
import json
import math
import os
from typing import NamedTuple

import data_sets as sets
import numpy as np
from whole_files import beside, made, wav

import tinydl as td
from tinydl.cli import compare, settings
from tinydl.cli.entry import command_line_parser
from tinydl.cli.output import UserError
from tinydl.data import DataError, cache, load_csv, load_image_folder, load_wav_folder
from tinydl.data.idx import read_idx
from tinydl.data.keywords import COUNTS, SOUNDS
from tinydl.data.npz import load_npz
from tinydl.data.pictures import read_images
from tinydl.data.sets.cifar10 import load_cifar10
from tinydl.data.sets.cifar100 import load_cifar100
from tinydl.data.wav import read_wav
from tinydl.train.building import RunError
from tinydl.train.checkpoint import CheckpointError, load_checkpoint, load_weights, save_checkpoint, save_weights
from tinydl.train.model import load_model
from tinydl.train.run import Run
from tinydl.train.tensorfile import TensorFileError

__all__ = ["FORMATS", "Format", "of_other_packages"]


class Format(NamedTuple):
    """A kind of file.

    Attributes
    ----------
    file : str
        Its name.
    content : bytes
        A whole one.
    reader : callable
        Takes the path. Other files that it needs it puts beside that one.
    documented : exception or tuple of them
        What it may raise.
    multiple : int
        Of the file's size, how much memory it may take.
    """

    file: str
    content: bytes
    reader: callable
    documented: tuple
    multiple: int


# --- weights, nets and checkpoints -----------------------------------------------------------------------------------

def safetensors_without_sum():
    header = {"a": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]},
              "b": {"dtype": "BOOL", "shape": [5], "data_offsets": [24, 29]}, "__metadata__": {"k": "v"}}
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + bytes(24) + b"\1\0\1\0\1"


STATE = {"epoch": 3, "loss": float("nan"), "pair": (1, 2), "moments": [np.arange(3.0), None], "by": {1: "a"}}
NET = td.nn.Sequential(td.nn.Linear(3, 2), td.nn.BatchNorm1d(2))
IMAGE_NET = td.nn.Sequential(td.nn.Conv2d(1, 2, 3, padding=1), td.nn.BatchNorm2d(2), td.nn.ReLU(), td.nn.MaxPool2d(2),
                             td.nn.Flatten(), td.nn.Linear(8, 2)).eval()
CARD = {"model": "mlp", "image_shape": [1, 2, 2], "class_names": ["a", "b"], "mean": [0.5], "std": [0.2],
        "scale": 255}


def bits_of(state):
    """Bytes and not numbers: a file without a sum may have loaded NaN before."""
    if isinstance(state, dict):
        return {name: bits_of(value) for name, value in state.items()}
    if isinstance(state, (list, tuple)):
        return [bits_of(value) for value in state]
    return state.tobytes() if isinstance(state, np.ndarray) else repr(state)


def into_net(path):
    before = bits_of(NET.state_dict())
    try:
        load_weights(path, NET)
    except CheckpointError:
        assert bits_of(NET.state_dict()) == before, "net changed"
        raise


def trainer():
    net = td.nn.Sequential(td.nn.Linear(3, 2))
    optimizer = td.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    scheduler = td.optim.OneCycleLR(optimizer, 0.1, total_steps=8)
    return td.train.Trainer(net, optimizer, scheduler=scheduler, callbacks=[td.train.EarlyStopping()])


def trained(path):
    it = trainer()
    x = np.arange(24, dtype=np.float32).reshape(8, 3)
    it.fit((x, np.arange(8) % 2), (x, np.arange(8) % 2), 2, batch_size=4, progress=False)
    it.save(path)


def into_trainer(path):
    it = trainer()
    before = bits_of(it.state_dict())
    try:
        it.load(path)
    except CheckpointError:
        assert bits_of(it.state_dict()) == before, "trainer changed"
        raise


def model(path):
    net = td.models.mlp(2, (1, 2, 2))
    save_weights(path, net, metadata={"tinydl": json.dumps(CARD)})


def onnx_output(path):
    net = td.from_onnx(path)
    if None not in net.input_shape:
        net(np.zeros((2, *net.input_shape), np.float32))


# --- data of the user's own ------------------------------------------------------------------------------------------

ARRAYS = {"x": np.arange(10 * 16, dtype=np.uint8).reshape(10, 4, 4), "y": np.arange(10) % 2}
SOUND = wav(np.arange(64) * 500 - 16000)  # of another rate than those around it: what resamples is imported
STEREO = wav(np.arange(64) / 64, kind="<f4", channels=2)
TABLE = ("a;b;c;label\n" + "".join(f"{k};{k},5;-1e-{k};{'xy'[k % 2]}\n" for k in range(12))).encode()
QUOTED = ("\ufeff\"a, b\",y\r\n" + "".join(f'"{k}",{k % 3}\r\n' for k in range(12))).encode()


def sounds(path):
    folder = os.path.dirname(path)
    for k in range(3):
        beside(path, f"../{'ab'[k % 2]}/{k}.wav", wav(np.arange(32), 4000))
    load_wav_folder(os.path.dirname(folder))


def sound_of_a_run(path):
    read_images(path, (1, 32), {"kind": "sounds", "rate": 4000})


def features_of_a_run(path):
    read_images(path, (1, 2, 10), {"kind": "sounds", "rate": 4000, "features": "mfcc", "length": 240})


def rows_of_a_run(path):
    read_images(path, (2,), {"kind": "table", "columns": ["b", "c"]})


def pictures(path):
    folder = os.path.dirname(path)
    for k in range(3):
        beside(path, f"../{'ab'[k % 2]}/{k}.png", picture("PNG"))
    load_image_folder(os.path.dirname(folder), keep=False)


def kept(path):
    value = cache.read_cache(os.path.dirname(path), "the key")
    assert value is None or len(value) == 2


def keep(path):
    folder = os.path.dirname(path)
    cache.write_cache(folder, "the key", ARRAYS["x"], {"notes": ["none"]})
    os.rename(os.path.join(folder, cache.NAME), path)


def picture(form, mode="L"):
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8)).convert(mode).save(file, form)
    return file.getvalue()


# --- runs ------------------------------------------------------------------------------------------------------------

CONFIG = json.dumps({
    "data": "digits", "model": "lenet5", "epochs": 3, "batch_size": 32, "lr": 0.1, "optimizer": "sgd",
    "schedule": "onecycle", "weight_decay": 0.0, "drop_last": False, "seed": 1, "image_shape": [1, 28, 28],
    "class_names": ["0", "1"], "mean": [0.5], "std": [0.2], "scale": 255, "data_crc32": 1}, indent=2).encode()
TOML = b"""data = "digits"
epochs = 2
batch-size = 8
lr = 0.5
augment = {shift = 1, mirror = true}
optimizer = "sgd"
shape = [1, 8, 8]
loss = {label_smoothing = 0.1}
[[groups]]
parameters = ["0.weight"]
lr = 1e-3
"""
HISTORY = b"epoch,loss,val_loss,lr,seconds\n0,1.5,1.25,0.1,2.5\n1,0.5,0.75,0.1,2.5\n"
RESULT = json.dumps({"run": "r", "test": {"accuracy": 0.5, "loss": 1.5, "per_class": [0.5, 0.5]}}).encode()


PARSER = command_line_parser()


class Silent:
    """An `Output` that says nothing."""

    def say(self, text):
        pass

    note = say

    def result(self, text, record):
        json.dumps(record)


def configured(path):
    run = Run.open(os.path.dirname(path))
    # A large picture is possible, and its net takes what it takes (SECURITY.md).
    if math.prod(run.settings["image_shape"]) < 10**5:
        run.build_net()


def flags_from_file(path):
    args = PARSER.parse_args(["train", "--config", path])
    settings.given(args, settings.from_file(args))
    settings.reading(args)


def compared(path):
    beside(path, "config.json", CONFIG)
    folder = os.path.dirname(path)
    compare.run(PARSER.parse_args(["compare", folder]), Silent())


# --- all of them -----------------------------------------------------------------------------------------------------

FORMATS = {
    "safetensors": Format("a.safetensors", made(lambda p: save_weights(p, NET)), td.load, TensorFileError, 4),
    "safetensors of others": Format("a.safetensors", safetensors_without_sum(), td.load, TensorFileError, 4),
    "checkpoint": Format("a", made(lambda p: save_checkpoint(p, STATE)), load_checkpoint, CheckpointError, 8),
    "training": Format("a.safetensors", made(trained), into_trainer, CheckpointError, 16),
    "weights": Format("a.safetensors", made(lambda p: save_weights(p, NET)), into_net, CheckpointError, 8),
    "model": Format("weights.safetensors", made(model), load_model, (CheckpointError, RunError), 1 << 16),
    "predictor": Format("a.safetensors", made(lambda p: td.freeze(IMAGE_NET).save(p, (1, 4, 4))), td.load_predictor,
                        TensorFileError, 1 << 16),  # it computes one sample of the shape in the file
    "IDX": Format("a-ubyte", sets.IDX, read_idx, DataError, 4),
    "IDX packed": Format("a-ubyte.gz", gzip.compress(sets.IDX), read_idx, DataError, 1032),
    "MNIST": Format("train-labels-idx1-ubyte", sets.DIGITS, sets.mnist, DataError, 4),
    "EMNIST": Format("gzip.zip", sets.emnist(), sets.emnist_folder, DataError, 4 * 1032),
    "npz": Format("a.npz", made(lambda p: np.savez(p, **ARRAYS)), load_npz, DataError, 16),
    "npz packed": Format("a.npz", made(lambda p: np.savez_compressed(p, **ARRAYS)), load_npz, DataError, 4 * 1032),
    "npz kept": Format(cache.NAME, made(keep), kept, (), 16),
    "CIFAR-10": Format("cifar-10-binary.tar.gz", sets.CIFAR10, load_cifar10, DataError, 4 * 1032),
    "CIFAR-10 unpacked": Format("a.tar", sets.UNPACKED_CIFAR10, sets.cifar_unpacked, DataError, 16),
    "CIFAR-10 batch": Format("data_batch_1.bin", 2 * sets.RECORD, sets.cifar_batch, DataError, 16),
    "CIFAR-100": Format("cifar-100-binary.tar.gz", sets.CIFAR100, load_cifar100, DataError, 4 * 1032),
    "Speech Commands counts": Format(COUNTS, json.dumps(sets.COUNTED).encode(), sets.spoken, DataError, 64),
    "Speech Commands sounds": Format(SOUNDS, sets.SPOKEN_HEAD, sets.spoken_behind, DataError, 64),
    "Speech Commands archive": Format("a.tar.gz", sets.PACKED_ARCHIVE, sets.converted, DataError, 4 * 1032),
    "Speech Commands unpacked": Format("a.tar", sets.ARCHIVE, sets.packed_and_converted, DataError, 1032),
    "WAV": Format("a.wav", SOUND, read_wav, DataError, 16),
    "WAV stereo": Format("a.wav", STEREO, read_wav, DataError, 16),
    "WAV folder": Format("a/new.wav", SOUND, sounds, DataError, 1 << 16),  # the filter between two rates
    "WAV of a run": Format("a.wav", SOUND, sound_of_a_run, DataError, 1 << 16),
    "WAV for features": Format("a.wav", SOUND, features_of_a_run, DataError, 1 << 16),
    "CSV": Format("a.csv", TABLE, load_csv, DataError, 256),
    "CSV quoted": Format("a.csv", QUOTED, load_csv, DataError, 256),
    "CSV of a run": Format("a.csv", TABLE, rows_of_a_run, DataError, 256),
    "config.json": Format("config.json", CONFIG, configured, RunError, 64),
    "config.toml": Format("a.toml", TOML, flags_from_file, (UserError, RunError, DataError), 256),
    "history.csv": Format("history.csv", HISTORY, compared, (), 256),
    "result.json": Format("result.json", RESULT, compared, (), 256),
}


def of_other_packages():
    """The formats, those among them that need Pillow, SciPy or onnx where these are installed."""
    found = dict(FORMATS)
    if importlib.util.find_spec("PIL"):
        found |= {
            f"picture {form} {mode}": Format(f"a.{form.lower()}", picture(form, mode),
                                             lambda path: read_images(path, (1, 8, 8)), DataError, 1032)
            for form, mode in (("PNG", "L"), ("PNG", "P"), ("BMP", "L"), ("JPEG", "L"), ("GIF", "L"), ("TIFF", "L"),
                               ("PPM", "L"), ("WEBP", "RGB"))}
        found["picture folder"] = Format("a/new.png", picture("PNG"), pictures, DataError, 1032)
    if importlib.util.find_spec("scipy"):  # which writes them
        for name, packed in (("SVHN", False), ("SVHN packed", True)):
            content = made(lambda path, packed=packed: sets.matlab(path, packed), "a.mat")
            found[name] = Format("train_32x32.mat", content, sets.svhn, DataError, 4 * 1032)
    if importlib.util.find_spec("onnx"):
        onnx = made(lambda path: td.to_onnx(IMAGE_NET, path, (1, 4, 4), class_names=["a", "b"]))
        found["ONNX"] = Format("a.onnx", onnx, onnx_output, ValueError, 16)
    return found
