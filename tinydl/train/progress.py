"""How training goes, on the screen."""

from __future__ import annotations

import math
import shutil
import sys
import textwrap
import time
import warnings
from typing import TYPE_CHECKING

from tinydl.train.callbacks import Callback

if TYPE_CHECKING:
    from typing import IO, Any

    from tinydl._types import Logs
    from tinydl.train.trainer import Trainer

__all__ = ["Progress"]

_WIDTH = 80  # of a line
_CELL = 9
_TITLES = {"val_loss": "val loss", "val_accuracy": "val acc.", "seconds": "time"}


def _clock(seconds):
    seconds = round(seconds)
    hours, seconds = divmod(seconds, 3600)
    return f"{hours}:{seconds // 60:02d}:{seconds % 60:02d}" if hours else f"{seconds // 60}:{seconds % 60:02d}"


def _short(seconds):
    if seconds >= 600:
        return _clock(seconds)
    return f"{seconds:.1f} s" if seconds >= 1 else f"{1000 * seconds:.0f} ms"


def _number(name, value):
    if value is None:
        return ""
    if isinstance(value, float) and math.isfinite(value) and name.endswith("accuracy"):
        return f"{100 * value:.2f} %"
    return f"{value:.4g}" if isinstance(value, float) and math.isfinite(value) else str(value).upper()


def _in_a_notebook():
    """Whether IPython shows the output of this process in a notebook."""
    module = sys.modules.get("IPython")
    shell = None if module is None else module.get_ipython()
    return shell is not None and hasattr(shell, "kernel")


class _Table:
    """Lines of an epoch each, under a header; what does not fit into the width stands in lines below.

    Parameters
    ----------
    width : int
        Characters that the number of the last epoch takes.
    """

    def __init__(self, width):
        self.width, self.columns = width, None

    def _line(self, first, cells, mark=""):
        return (f"{first:<{max(5, 2 * self.width + 1)}}" + "".join(f" {cell:>{_CELL}}" for cell in cells)
                + mark).rstrip()

    def lines(self, epoch, epochs, logs, mark):
        """The lines of an epoch, the header before the first or when there are other columns."""
        columns = [name for name in logs if name not in ("epoch", "images_per_s", "seconds")]
        columns = [*[name for name in columns if name[:2] != "lr"], "lr", "seconds"]
        fits = (_WIDTH - 2 - max(5, 2 * self.width + 1)) // (_CELL + 1)
        columns = [*columns[:-2][:fits - 2], "lr", "seconds"]
        lines = []
        if columns != self.columns:
            self.columns = columns
            lines.append(self._line("epoch", [_TITLES.get(name, name.replace("_", " "))[:_CELL] for name in columns]))
        cells = [_short(logs[name]) if name == "seconds" else _number(name, logs[name]) for name in columns]
        lines.append(self._line(f"{epoch:>{self.width}}/{epochs}", cells, " *" if mark else ""))
        rest = [f"{name} {_number(name, value)}" for name, value in logs.items()
                if name not in columns and name not in ("epoch", "images_per_s")]
        indent = " " * (max(5, 2 * self.width + 1) + 1)
        while rest:
            text = indent + rest.pop(0)
            while rest and len(text) + 2 + len(rest[0]) <= _WIDTH:
                text += "  " + rest.pop(0)
            lines.append(text)
        return lines


class Progress(Callback):
    """Show how training goes: a bar on a terminal or in a notebook (with tqdm), and a line for every epoch.

    The bar has the loss, the accuracy, images/s and the time left of the whole run. A line has no more than 80
    characters, numbers of four digits, the learning rate, and a star when the validation loss (or what EarlyStopping
    monitors) is the best so far.

    Parameters
    ----------
    stream : file, optional
        Where the lines go; default standard output. The bar goes to standard error if that is a terminal.
    bar : bool, optional
        Force the bar on or off.
    """

    order = 110  # an epoch's line comes when its checkpoint is on the disk
    first_rank_only = True

    def __init__(self, stream: IO[str] | None = None, bar: bool | None = None) -> None:
        self.stream, self.bar = stream, bar
        self._bar: Any = None
        self._whole = False

    def _say(self, text):
        print(text, file=self.stream or sys.stdout, flush=True)

    def _note(self, text):
        self._say("\n".join(textwrap.wrap(text, _WIDTH, subsequent_indent="  ")))

    # --- the bar ---------------------------------------------------------------------------------------------------

    def _make_bar(self, trainer):
        notebook = _in_a_notebook()
        wanted = self.bar if self.bar is not None else notebook or (sys.stderr is not None and sys.stderr.isatty())
        if not wanted:
            return None
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of widgets that are not installed
                from tqdm.auto import tqdm
        except ImportError:
            return None

        class Bar(tqdm):
            monitor_interval = 0  # no thread of its own
            status = ""

            @property
            def format_dict(self):
                return {**super().format_dict, "status": self.status}

        desc = self._epoch_in_words(trainer)
        if not notebook:
            bar = "{bar:16}" if shutil.get_terminal_size().columns >= 100 else "{bar}"  # which takes what is left
            return Bar(desc=desc, total=trainer.batches, initial=trainer.batch, leave=False, file=sys.stderr,
                       dynamic_ncols=True, bar_format=f"{{desc}} |{bar}| {{n_fmt}}/{{total_fmt}}{{status}}")
        # One for the whole run, for what was shown stays in the notebook.
        self._whole, n = True, trainer.batches
        return Bar(desc=desc, total=n and n * trainer.epochs, initial=(n or 0) * trainer.epoch + trainer.batch,
                   leave=False, bar_format="{desc} {bar} {n_fmt}/{total_fmt}{status}")

    @staticmethod
    def _epoch_in_words(trainer):
        return f"epoch {trainer.epoch + 1:>{len(str(trainer.epochs))}}/{trainer.epochs}"

    def on_fit_begin(self, trainer: Trainer) -> None:
        self._start, self._done = time.perf_counter(), 0
        self._table = _Table(len(str(trainer.epochs)))

    def on_epoch_begin(self, trainer: Trainer) -> None:
        self._bar = self._bar or self._make_bar(trainer)
        self._before = trainer.batch
        if self._whole:
            self._bar.set_description_str(self._epoch_in_words(trainer), refresh=False)

    def on_batch_end(self, trainer: Trainer, logs: Logs) -> None:
        self._done += trainer.batch - self._before
        self._before, step = trainer.batch, trainer.batch - self._before
        if self._bar is None:
            return
        running = trainer.running
        text = f"loss {running['loss']:.4g}"
        if "accuracy" in running:
            text += f"  acc. {_number('accuracy', running['accuracy'])}"
        text += f"  {running['images_per_s']:,.0f} images/s"
        if trainer.batches:
            left = (trainer.epochs - trainer.epoch) * trainer.batches - trainer.batch
            text += f"  {_clock((time.perf_counter() - self._start) / self._done * left)} left"
        self._bar.status = f"  {text}"
        self._bar.update(step)

    def _close(self):
        if self._bar is not None:
            self._bar.refresh()  # an epoch may be over before tqdm's first look
            self._bar.close()
            self._bar: Any = None
        self._whole = False

    # --- the lines -------------------------------------------------------------------------------------------------

    def on_epoch_end(self, trainer: Trainer, logs: Logs) -> None:
        if not self._whole:
            self._close()
        best = next((callback.best_epoch for callback in trainer.callbacks if hasattr(callback, "best_epoch")
                     and getattr(callback, "monitor", None) is not None), None)
        if best is None and "val_loss" in logs:
            best = (trainer.history.best("val_loss") or (None,))[0]
        for line in self._table.lines(trainer.epoch, trainer.epochs, logs, best == trainer.epoch):
            self._say(line)

    def on_fit_end(self, trainer: Trainer) -> None:
        self._close()
        if trainer.stop_reason is not None and trainer.epoch < trainer.epochs:
            self._note(f"stopped after epoch {trainer.epoch}: {trainer.stop_reason}")
        for callback in trainer.callbacks:
            words = callback.closing_words(trainer) if hasattr(callback, "closing_words") else None
            if words is not None:
                self._note(words)
