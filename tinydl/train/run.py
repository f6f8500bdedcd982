"""A run on disk: what was asked for, what is built from it, and where its files are.

Everything that `tinydl train` does apart from talking to the user; eval, predict and resume start from the same folder.
"""

import contextlib
import json
import os
import zlib

import numpy as np

from tinydl import config, optim
from tinydl._files import READ_ONLY, atomic_write, open_file, remove_stale, require_replaceable
from tinydl._lock import FolderLock
from tinydl._version import __version__
from tinydl.data import DataError, load
from tinydl.train.building import SCHEDULES, RunError, build_net, check_data, check_settings, viewed
from tinydl.train.checkpoint import CheckpointError, load_weights, previous_path
from tinydl.train.task import output_names, split_parts, target_facts

__all__ = ["Run", "fingerprint"]

# --- data ----------------------------------------------------------------------------------------------------------

def fingerprint(dataset):
    """A checksum of images and labels, which tells a resumed run that its data have changed."""
    crc = zlib.crc32(np.moveaxis(dataset.images, 1, -1).reshape(-1).view(np.uint8))
    return zlib.crc32(dataset.labels.view(np.uint8), crc)


# --- the folder ----------------------------------------------------------------------------------------------------

_MAX_CONFIG = 10_000_000  # bytes
_REQUIRED = {
    "data": str, "model": str, "epochs": int, "batch_size": int, "lr": (int, float), "optimizer": str, "schedule": str,
    "weight_decay": (int, float), "drop_last": bool, "seed": int, "image_shape": list, "class_names": list,
    "mean": list, "std": list, "scale": (int, float), "data_crc32": int,
}
_CARD = ("model", "image_shape", "class_names", "mean", "std", "scale", "images", "task", "target_mean", "target_std",
         "views", "about", "tinydl")
_BOUNDS = {
    "epochs": (1, 2**31), "batch_size": (1, 2**31), "seed": (0, 2**63), "lr": (0, 1e300), "weight_decay": (0, 1e300),
    "scale": (-1e300, 1e300),
}


def _missing(folder):
    """The folders on the way to `folder` that are not there, innermost first."""
    path, missing = os.path.abspath(folder), []
    while not os.path.lexists(path):
        missing.append(path)
        path = os.path.dirname(path)
    return missing


class Run:
    """A run folder.

    Parameters
    ----------
    folder : str
    settings : dict
        Contents of config.json.
    """

    FILES = ("config.json", "history.csv", "weights.safetensors", "result.json", "report.html", "curves.png",
             "confusion.png", "predicted.png", "filters.png", "mistakes.png")

    def __init__(self, folder, settings):
        self.folder, self.settings = folder, settings
        self.lock = FolderLock(folder)
        self.extended = False  # config.json has fewer epochs than the settings
        self._made = None  # folders that `create` made, innermost first; None for a run that was opened

    def path(self, name):
        """Path of a file of the run."""
        return os.path.join(self.folder, name)

    @property
    def checkpoint(self):
        """Path of the checkpoint from which the run is continued."""
        return self.path("checkpoint.safetensors")

    @classmethod
    def create(cls, settings, folder=None):
        """Make a new run folder, locked for this process; one that holds anything but a failed run is not used again.

        Parameters
        ----------
        settings : dict
        folder : str, optional
            Must not exist, be empty, or hold a run that `fail` has marked, whose files are removed. Default:
            runs/<data>-<model>, with -2, -3, ... added until it is new.
        """
        new = []
        if folder is None:
            data = os.path.splitext(os.path.basename(settings["data"]))[0]
            base = os.path.join("runs", f"{data}-{settings['model']}")
            number = 1
            while True:
                folder = base if number == 1 else f"{base}-{number}"
                new = _missing(folder)
                try:
                    os.makedirs(folder)
                    break
                except FileExistsError:
                    number += 1
                except OSError as error:
                    raise RunError(f"{folder}: {error.strerror}; name a folder elsewhere with --out") from None
        run = cls(folder, settings)
        try:
            new = new or _missing(folder)
            os.makedirs(folder, exist_ok=True)
            run._need_room()
        except OSError as error:
            raise RunError(f"{folder}: cannot be the run folder ({error.strerror}); choose another --out") from None
        run.acquire()
        try:
            run._need_room()  # nobody was faster
        except BaseException:
            run.lock.release()
            raise
        run._made = new
        try:
            run._clear()
            run.write_config()
        except BaseException:
            run.discard()
            raise
        return run

    def _need_room(self):
        names = set(os.listdir(self.folder)) - {FolderLock.NAME}
        if names and not (names <= set(self._names()) and self._failed()):
            raise RunError(f"{self.folder} exists and is not empty; choose another --out, or continue that run with "
                           f"--resume {self.folder}")

    def _names(self):
        """Names of all files that a run has."""
        return [*self.FILES, os.path.basename(self.checkpoint), os.path.basename(previous_path(self.checkpoint))]

    def _failed(self):
        try:
            with open_file(self.path("result.json")) as file:
                return "failed" in json.loads(file.read(_MAX_CONFIG))
        except (OSError, ValueError, TypeError, RecursionError):
            return False

    def _clear(self):
        self.remove_stale()
        for name in self._names():
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.path(name))

    def discard(self):
        """Take back what `create` made, unless an epoch of the run is saved; nothing happens to a run of before."""
        if self._made is None or os.path.lexists(self.checkpoint):
            return
        with contextlib.suppress(OSError):
            self._clear()
        self.lock.release()
        with contextlib.suppress(OSError):
            for folder in self._made:
                os.rmdir(folder)

    def fail(self, why):
        """Let the folder say that its training failed for good, or take it back; returns in words what is left.

        Going on would end at the same place with the same bits, so `create` may take such a folder for a new run.
        """
        if self._made is not None and not os.path.lexists(self.checkpoint):
            self.discard()
            return "nothing of it is kept"
        try:
            with atomic_write(self.path("result.json")) as file:
                file.write((json.dumps({"run": self.folder, "failed": why}, indent=2) + "\n").encode())
        except OSError as error:  # told beside why it failed, not instead of it
            return (f"{self.path('result.json')} could not be written ({error.strerror}): a new training needs another "
                    "--out")
        return f"{self.folder} keeps what came before, until a new training names it with --out"

    def acquire(self):
        """Lock the folder for this process until `lock.release()` or its end; RunError when another one has it."""
        try:
            if self.lock.acquire():
                return
        except OSError as error:
            cure = "; copy it to where files can be written" if error.errno in READ_ONLY else ""
            raise RunError(f"{self.folder}: cannot be locked for this run ({error.strerror}){cure}") from None
        raise RunError(f"{self.folder} is in use: {self.lock.owner()} trains there; wait for its end, or stop it")

    def check_files(self):
        """Refuse folders, pipes and devices where this run writes files, before it has trained for nothing."""
        faults = []
        for path in map(self.path, self._names()):
            try:
                require_replaceable(path)
            except OSError as error:
                faults.append(f"{path}: {error.strerror or error}")
        if faults:
            raise RunError("; ".join(faults) + "; remove what is no file")

    def remove_stale(self):
        """Remove the temporary files that a killed process of this run left; the folder must be locked."""
        remove_stale(self.folder, self._names())

    def write_config(self):
        """Write config.json."""
        with atomic_write(self.path("config.json")) as file:
            file.write((json.dumps(self.settings, indent=2) + "\n").encode())
        self.extended = False

    @classmethod
    def open(cls, folder):
        """The run in an existing folder, its config.json checked."""
        path = os.path.join(folder, "config.json")
        if not os.path.isdir(folder):
            raise RunError(f"{folder}: no such run folder")
        try:
            with open_file(path) as file:
                # `read` would take as much memory as it is asked for.
                if os.fstat(file.fileno()).st_size > _MAX_CONFIG:
                    raise RunError(f"{path}: too large to be a run's configuration")
                content = file.read()
        except FileNotFoundError:
            if os.path.lexists(path):
                raise RunError(f"{path}: a link that leads nowhere") from None
            raise RunError(f"{folder}: not a run folder, it has no config.json") from None
        except OSError as error:
            raise RunError(f"{path}: {error.strerror or error}") from None
        try:
            settings = json.loads(content.decode("utf-8"))
        except (ValueError, RecursionError) as error:
            raise RunError(f"{path}: not valid JSON ({error})") from None
        if not isinstance(settings, dict):
            raise RunError(f"{path}: holds no settings")
        for key, kind in _REQUIRED.items():
            if not isinstance(settings.get(key), kind) or (kind is int and isinstance(settings[key], bool)):
                raise RunError(f"{path}: {key} is {settings.get(key)!r}, which no run of tinydl has")
        for key, (low, high) in _BOUNDS.items():
            if not low <= settings[key] <= high:  # also nan
                raise RunError(f"{path}: {key} is {settings[key]!r}, which no run of tinydl has")
        known = settings["optimizer"] in optim.BY_NAME or settings.get("groups")
        if not known or settings["schedule"] not in SCHEDULES:
            raise RunError(f"{path}: unknown optimizer {settings['optimizer']!r} or schedule {settings['schedule']!r}")
        try:
            check_settings(settings)
            check_data(settings)
        except RunError as error:
            raise RunError(f"{path}: {error}") from None
        return cls(folder, settings)

    def build_net(self):
        """The run's network with its first weights."""
        s = self.settings
        return build_net(s["model"], s["image_shape"], len(output_names(s)), s["seed"])

    def trained_net(self):
        """(net, note): what predicts, with the run's weights; the note says where they are from if not from the end.

        Weights that cannot be read give way to those of the checkpoint, and these to those of the one before.
        """
        net = self.build_net()
        weights = self.path("weights.safetensors")
        faults = []
        for path, what in ((weights, None), (self.checkpoint, "its checkpoint"),
                           (previous_path(self.checkpoint), "the checkpoint before")):
            if not os.path.lexists(path):
                continue
            try:
                load_weights(path, net)
            except CheckpointError as error:
                faults.append(str(error))
                continue
            if what is None:
                return viewed(self.settings, net), None
            why = "; ".join(faults) if faults else "the run is not finished"
            return viewed(self.settings, net), f"{why}; these are the weights of {what}"
        if faults:
            raise RunError("; ".join(faults))
        raise RunError(f"{self.folder}: no weights there yet; train with: tinydl train --resume {self.folder}")

    def restore(self, trainer):
        """Load the run's checkpoint into a trainer; returns a note for the user.

        A checkpoint that is damaged or missing gives way to the one before it. Without any, the run begins anew, with
        the same bits.
        """
        previous = previous_path(self.checkpoint)
        if not os.path.lexists(self.checkpoint) and not os.path.lexists(previous):
            return "no checkpoint yet, starting from the beginning"
        try:
            trainer.load(self.checkpoint)
        except CheckpointError as error:
            if not os.path.lexists(previous):
                raise
            try:
                trainer.load(previous)
            except CheckpointError as second:
                raise RunError(f"{error}; {second}") from None
            return f"{error}; continuing from the checkpoint before it, after epoch {trainer.epoch}"
        return f"continuing after epoch {trainer.epoch}" + (f", batch {trainer.batch}" if trainer.batch else "")

    def load_data(self, folder=None):
        """(train, test) of the run; refused when they are not the data it was begun with."""
        s = self.settings
        train, test = load(s["data"], s.get("data_dir") if folder is None else folder, s["seed"], **s.get("read", {}))
        if fingerprint(train) != self.settings["data_crc32"]:
            raise DataError(f"{train.name}: not the data that {self.folder} was begun with (another checksum)")
        return train, test

    def extend(self, epochs):
        """Ask for `epochs` epochs in all; config.json has them from the next `write_config` on.

        The epochs that are added follow the schedule of the learning rate anew, for it has ended with those before.
        `restarts` of the settings keeps where, so the settings still say the whole training.

        Raises
        ------
        RunError
            There are more already.
        """
        s = self.settings
        if epochs < s["epochs"]:
            raise RunError(f"{self.folder} has {s['epochs']} epochs already, --epochs {epochs} would be fewer")
        if epochs == s["epochs"]:
            return
        restarts = {} if s["schedule"] == "none" else {"restarts": [*s.get("restarts", ()), s["epochs"]]}
        self.settings, self.extended = {**s, "epochs": epochs, **restarts}, True

    def parts(self, train, test):
        """(training, validation or None) of the run's data, see `task.split_parts`."""
        return split_parts(self.settings, train, test)

    def card(self):
        """What its weights belong to: network, normalisation, classes. It is kept with them."""
        return {key: self.settings[key] for key in _CARD if key in self.settings}

    def metadata(self):
        """The card as the metadata of a weights file, where `load_model` finds it."""
        return {"tinydl": json.dumps(self.card())}

    @staticmethod
    def describe(train, test):
        """What config.json says about data and machine."""
        return {
            "image_shape": list(train.image_shape), "class_names": list(train.class_names or ()),
            "mean": train.mean.tolist(), "std": train.std.tolist(), "scale": train.scale,
            "images": str(train.images.dtype), **target_facts(train), "about": train.about,
            "n_train": len(train), "n_test": len(test), "data_crc32": fingerprint(train),
            "tinydl": __version__, "numpy": np.__version__, "isa_level": config.isa.level,
        }
