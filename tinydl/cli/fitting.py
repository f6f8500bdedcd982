"""The training of a run, from its first line to its last."""

import json
import math
import os
import signal

from tinydl.cli import pictures, scores

__all__ = ["fit", "stoppable"]


def stoppable(run, net, parts, resume, out, comm=None):
    """`fit`, which says how the run goes on when it is stopped before or after the batches."""
    from tinydl.train.signals import Terminated

    try:
        return fit(run, net, parts, resume, out, comm)
    except FloatingPointError as error:
        left = run.fail(str(error)) if comm is None or comm.first else ""
        raise type(error)(f"{error}; {left}") from None
    except (KeyboardInterrupt, Terminated) as stop:
        number = signal.SIGTERM if isinstance(stop, Terminated) else signal.SIGINT
        out.note(f"stopped by {number.name}; continue with: tinydl train --resume {run.folder}")
        return 128 + number


def fit(run, net, parts, resume, out, comm=None):
    """Train, test and write what belongs to the run.

    Parameters
    ----------
    run : train.run.Run
        Locked.
    net : nn.Module
    parts : tuple
        (all training data in the user's units, training data, validation data or None, test data).
    resume : bool
    out : Output
    comm : Communicator, optional
        Ranks that train together; the first one tests and writes.

    Returns
    -------
    int
        The exit code.
    """
    from tinydl.config import isa
    from tinydl.data.batches import Batches
    from tinydl.train import Checkpoint, CSVLogger, Trainer, building

    s = run.settings
    _, train, valid, _ = parts
    batches = Batches(train, s["batch_size"], drop_last=s["drop_last"]).total
    building.prepare(s, net, train)
    optimizer, scheduler = building.build_optimizer(s, net, max(1, batches))
    trainer = Trainer(net, optimizer, building.build_loss(s), scheduler, s["seed"], [
        *building.build_callbacks(s, net), CSVLogger(run.path("history.csv")), Checkpoint(run.checkpoint)],
        comm=comm, fast_allreduce=s.get("fast_allreduce", False), sync_batchnorm=s.get("sync_batchnorm", False))
    first = trainer.comm.first
    _introduce(run, net, parts, batches, out, trainer.comm)
    if resume:
        if first:
            run.remove_stale()
        out.say(f"resume {run.restore(trainer)}")
        if s.get("isa_level") != isa.level:
            out.note(f"begun at ISA level {s.get('isa_level')}, this is {isa.level}: results may differ in the last "
                     "bits")
        _lengthen(run, trainer, first, out)
        if trainer.epoch >= s["epochs"]:
            out.say(f"all {s['epochs']} epochs are done already")
            trainer.stop("done")
    try:
        trainer.fit(train, valid, epochs=s["epochs"], batch_size=s["batch_size"], drop_last=s["drop_last"],
                    augment=building.build_augment(s), progress=not out.quiet, shards=s.get("shards", 1))
        return _finish(run, net, parts, trainer, out) if first else 0
    except (KeyboardInterrupt, SystemExit):
        if trainer.interrupted is None:
            raise
        out.note(f"stopped by {signal.Signals(trainer.interrupted).name} after {trainer.position}; continue with: "
                 f"tinydl train --resume {run.folder}")
        return 128 + trainer.interrupted
    except OSError as error:
        error.exit_code = 1  # the run failed: what was asked for had been in order
        raise


def _finish(run, net, parts, trainer, out):
    """Test the trained net, write what belongs to the run and return the exit code."""
    from tinydl._files import atomic_write
    from tinydl.train import building, save_weights

    s, (_, train, valid, test) = run.settings, parts
    shown = building.viewed(s, net)
    result, outputs = scores.score(run, shown, test, trainer.loss)
    fault = _divergence(trainer.history["loss"][-1], result["loss"], _guessing(s))
    if fault is not None:
        out.error(f"the training diverged: {fault}; use a smaller --lr than {s['lr']:g}. No weights are written; "
                  + run.fail(fault))
        return 1
    save_weights(run.path("weights.safetensors"), net, run.metadata())
    seconds = sum(trainer.history["seconds"])
    facts = {"run": run.folder, "data": s["data"], "model": s["model"], "task": s.get("task", "classes"),
             "parameters": sum(p.size for p in net.parameters()), "epochs": trainer.epoch, "seconds": seconds,
             "n_train": len(train), "n_valid": 0 if valid is None else len(valid), "n_test": len(test), "test": result}
    with atomic_write(run.path("result.json")) as file:
        file.write((json.dumps(facts, indent=2) + "\n").encode())
    made = pictures.make(run, trainer, test, outputs, out)
    if trainer.stop_reason not in (None, "done"):
        out.say(f"stopped early: {trainer.stop_reason}")
    out.result(f"test {scores.headline(result)}, {seconds:.1f} s of training", facts)
    out.say(f"written to {run.folder}:")
    out.row("", ", ".join(["weights.safetensors", "history.csv", "config.json", "result.json", *made]))
    return 0


def _lengthen(run, trainer, first, out):
    """Let config.json say that there will be more epochs, unless the training had ended for another reason."""
    from tinydl.train.building import RunError

    if not run.extended:
        return
    if trainer.stop_reason is not None:
        raise RunError(f"{run.folder} did not end for want of epochs: {trainer.stop_reason}; to train on, begin anew "
                       f"with: tinydl train --config {run.path('config.json')} --early-stopping N, N larger")
    if first:
        run.write_config()
    if run.settings["schedule"] != "none":
        first, last = run.settings["restarts"][-1] + 1, run.settings["epochs"]
        out.say(f"schedule {run.settings['schedule']} begins anew for epoch"
                + (f" {last}" if first == last else f"s {first} to {last}"))


def _introduce(run, net, parts, batches, out, comm):
    """Say what is trained on what, how and where."""
    import numpy as np

    from tinydl._version import __version__
    from tinydl.config import get_num_threads, isa

    s = run.settings
    whole, train, valid, test = parts
    shape, threads = "x".join(map(str, train.image_shape)), get_num_threads()
    out.say(f"tinydl {__version__}, {threads} thread{'s' * (threads > 1)} ({isa.level}), seed {s['seed']}"
            + (f", {comm.size} processes" if comm.size > 1 else ""))
    counts = [f"{len(train):,} training", f"{len(test):,} test"]
    if s.get("val_split"):
        counts.insert(1, f"{len(valid):,} validation")
    goal = f"{len(s['target_mean'])} target{'s' * (len(s['target_mean']) > 1)} of a regression" \
        if s.get("task") == "regression" else f"{train.n_classes} classes"
    if s.get("task") == "labels":
        goal += ", several of them a sample"
    what = "images" if len(train.image_shape) == 3 else "signals" if len(train.image_shape) == 2 else "rows"
    out.row("data", f"{os.path.basename(s['data'])}: {', '.join(counts[:-1])} and {counts[-1]} {what} of {shape}, "
                    f"{goal}")
    for note in whole.about.get("notes", ()):
        out.row("", note)
    if test.n_classes and test.labels.ndim == 1:
        untested = np.setdiff1d(np.arange(test.n_classes), test.labels)
        if len(untested):
            out.row("", f"no test sample of {', '.join(test.class_names[k] for k in untested[:5])}"
                        + (", ..." if len(untested) > 5 else "") + ": there are too few of them")
    if s.get("task") == "regression":
        out.row("", "targets are scaled to mean 0 and standard deviation 1: a loss of 1 is guessing")
    out.row("model", f"{s['model']}: {sum(p.size for p in net.parameters()):,} parameters")
    out.row("train", f"{s['epochs']} epochs of {batches:,} batches of {s['batch_size']}, {s['optimizer']}, lr "
                     f"{s['lr']:g}, schedule {s['schedule']}, weight decay {s['weight_decay']:g}")
    if s.get("shards"):
        order = ", added in MPI's order" if s.get("fast_allreduce") else ""
        norms = ", batch norms over all of them" if s.get("sync_batchnorm") else ""
        out.row("", f"each batch in {s['shards']} shards{order}{norms}")
    if s.get("augment"):
        on = {key: value for key, value in s["augment"].items() if value is not False}
        out.row("", "augmented by " + ", ".join(key if on[key] is True else f"{key} {on[key]}" for key in on))
    out.say(f"run    {run.folder}")


def _guessing(settings):
    """The loss of a net that knows nothing but how often each class is met, all alike."""
    task = settings.get("task", "classes")
    return 1.0 if task == "regression" else math.log(2 if task == "labels" else len(settings["class_names"]))


def _divergence(loss, test_loss, guessing):
    """How a training went astray, in words, or None."""
    if not math.isfinite(test_loss):
        return f"the loss on the test images is {test_loss}"
    if guessing > 0 and not loss <= 10 * guessing:
        return f"the loss of the last epoch is {loss:.4g}, where guessing has {guessing:.4g}"
    return None
