"""How training goes, on the screen."""

import sys
import time

from tinydl.train.callbacks import Callback

__all__ = ["Progress"]


def _percent(share):
    return f"{100 * share:.2f} %"


def _clock(seconds):
    seconds = round(seconds)
    hours, seconds = divmod(seconds, 3600)
    return f"{hours}:{seconds // 60:02d}:{seconds % 60:02d}" if hours else f"{seconds // 60}:{seconds % 60:02d}"


class Progress(Callback):
    """Show how training goes: a bar on a terminal (with tqdm), and a line for every epoch.

    The bar has the loss, the accuracy, images/s and the time left of the whole run.

    Parameters
    ----------
    stream : file, optional
        Where the lines go; default standard output. The bar goes to standard error if that is a terminal.
    bar : bool, optional
        Force the bar on or off.
    """

    order = 110  # an epoch's line comes when its checkpoint is on the disk

    def __init__(self, stream=None, bar=None):
        self.stream, self.bar = stream, bar
        self._bar = None

    def _make_bar(self, trainer):
        wanted = self.bar if self.bar is not None else sys.stderr is not None and sys.stderr.isatty()
        if not wanted:
            return None
        try:
            from tqdm import tqdm
        except ImportError:
            return None

        class Bar(tqdm):
            monitor_interval = 0  # no thread of its own
            status = ""

            @property
            def format_dict(self):
                return {**super().format_dict, "status": self.status}

        width = len(str(trainer.epochs))
        return Bar(total=trainer.batches, initial=trainer.batch, leave=False, file=sys.stderr, dynamic_ncols=True,
                   bar_format="{desc} |{bar:20}| {n_fmt}/{total_fmt}{status}",
                   desc=f"epoch {trainer.epoch + 1:>{width}}/{trainer.epochs}")

    def on_fit_begin(self, trainer):
        self._start, self._done = time.perf_counter(), 0

    def on_epoch_begin(self, trainer):
        self._bar = self._make_bar(trainer)

    def on_batch_end(self, trainer, logs):
        self._done += 1
        if self._bar is None:
            return
        running = trainer.running
        left = (trainer.epochs - trainer.epoch) * trainer.batches - trainer.batch
        seconds = (time.perf_counter() - self._start) / self._done * left
        text = f"loss {running['loss']:.4f}"
        if "accuracy" in running:
            text += f"  accuracy {_percent(running['accuracy'])}"
        self._bar.status = f"  {text}  {running['images_per_s']:,.0f} images/s  {_clock(seconds)} left"
        self._bar.update(1)

    def _close(self):
        if self._bar is not None:
            self._bar.refresh()  # an epoch may be over before tqdm's first look
            self._bar.close()
            self._bar = None

    def on_epoch_end(self, trainer, logs):
        self._close()
        width = len(str(trainer.epochs))
        parts = [f"epoch {trainer.epoch:>{width}}/{trainer.epochs}"]
        for key in ("loss", "accuracy", "val_loss", "val_accuracy"):
            if key in logs:
                value = _percent(logs[key]) if key.endswith("accuracy") else f"{logs[key]:.4f}"
                parts.append(f"{key.replace('val_', 'val ')} {value}")
        parts += [f"{logs['images_per_s']:,.0f} images/s", f"{logs['seconds']:.1f} s"]
        print("  ".join(parts), file=self.stream or sys.stdout, flush=True)

    def on_fit_end(self, trainer):
        self._close()
        if trainer.stop_reason is not None and trainer.epoch < trainer.epochs:
            print(f"stopped after epoch {trainer.epoch}: {trainer.stop_reason}", file=self.stream or sys.stdout,
                  flush=True)
