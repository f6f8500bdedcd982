"""The command line: ``tinydl train | eval | predict | summary | info``.

Exit codes: 0 done, 1 the run failed (the loss diverged, the disk is full), 2 something about flags, files or data needs
the user's attention (one line on standard error), 130 after Ctrl-C, 143 after SIGTERM.
"""

import contextlib
import math
import os
import signal
import sys
import warnings

from tinydl.flags import DEFAULT_DATA, command_line_parser

__all__ = ["main"]


class _UserError(Exception):
    """Something the user can put right; becomes one line and exit code 2."""


# --- commands ------------------------------------------------------------------------------------------------------

def _say(text=""):
    print(text, flush=True)


def _note(text):
    print(f"tinydl: {text}", file=sys.stderr, flush=True)


def _error(text, command):
    print(f"tinydl {command}: error: {text}", file=sys.stderr, flush=True)


def _set_threads(args):
    if args.threads is not None:
        from tinydl.config import set_num_threads

        set_num_threads(args.threads)


def _pick(value, names, what):
    if value not in names:
        raise _UserError(f"unknown {what} {value!r}; choose {', '.join(names)}")
    return value


def _given(args):
    """Settings of a new run that the flags say, checked as far as they can be before the data are read."""
    from tinydl import optim
    from tinydl.recipes import RECIPES
    from tinydl.train import building

    given = {key: getattr(args, key)
             for key in ("model", "epochs", "batch_size", "lr", "optimizer", "schedule", "weight_decay")
             if getattr(args, key) is not None}
    if args.recipe is not None:
        _pick(args.recipe, RECIPES, "recipe")
    for key, names in (("optimizer", optim.BY_NAME), ("schedule", building.SCHEDULES)):
        if key in given:
            _pick(given[key], names, key)
    if "model" in given:
        building.find_model(given["model"])
    return given


def _settings(args, given, data, train):
    """Settings of a new run, without the data's own facts: a recipe or what suits the data, and the flags."""
    from tinydl import optim
    from tinydl.data.registry import find
    from tinydl.recipes import RECIPES, settled, suited

    row = RECIPES[args.recipe] if args.recipe else find(data).recipe or suited(len(train), train.image_shape)
    settings = settled(row, given)
    if "lr" not in settings:
        settings["lr"] = optim.BY_NAME[settings["optimizer"]].lr
    settings["drop_last"] = args.drop_last or settings.get("drop_last", False)
    settings["recipe"], settings["seed"] = args.recipe, args.seed or 0
    return settings


def _download(args, data):
    from tinydl.data import DataError
    from tinydl.data.download import download
    from tinydl.data.registry import default_data_dir, downloads

    if data not in downloads():
        raise _UserError(f"--download fetches {', '.join(downloads())}, not {data}")
    folder = args.data_dir or default_data_dir()
    live = sys.stderr.isatty()

    def report(name, done, total):
        if live:
            share = f"{100 * done / total:3.0f} %" if total else f"{done >> 20} MB"
            print(f"\r{name}: {share}", end="" if done != total else "\n", file=sys.stderr, flush=True)

    try:
        download(data, folder, report=report)
    except DataError:
        if live:
            print(file=sys.stderr)
        raise


def _train(args):
    from tinydl.data import BY_NAME, load
    from tinydl.data.registry import find
    from tinydl.recipes import RECIPES
    from tinydl.train import run as runs
    from tinydl.train.building import build_net

    if args.resume is None:
        given = _given(args)
        data = args.data or (RECIPES[args.recipe]["data"] if args.recipe else DEFAULT_DATA)
        find(data)
        _set_threads(args)
        if args.download:
            _download(args, data)
        place = {"data": data if data in BY_NAME else os.path.abspath(data),
                 "data_dir": args.data_dir and os.path.abspath(args.data_dir)}
        train, test = load(place["data"], place["data_dir"], args.seed or 0)
        settings = {**place, **_settings(args, given, data, train), **runs.Run.describe(train, test)}
        net = build_net(settings["model"], train.image_shape, train.n_classes, settings["seed"])
        run = runs.Run.create(settings, args.out)
        with run.lock:
            return _stoppable(run, net, train, test, resume=False)
    given = [f"--{key.replace('_', '-')}" for key in ("data", "recipe", "model", "epochs", "batch_size", "lr",
                                                      "optimizer", "schedule", "weight_decay", "seed", "out")
             if getattr(args, key) is not None]
    given += [f"--{key.replace('_', '-')}" for key in ("download", "drop_last") if getattr(args, key)]
    if given:
        raise _UserError(f"--resume continues a run with its own settings; leave out {', '.join(given)}")
    run = runs.Run.open(args.resume)
    _set_threads(args)
    run.acquire()
    with run.lock:
        train, test = run.load_data(args.data_dir)
        return _stoppable(run, run.build_net(), train, test, resume=True)


def _stoppable(run, net, train, test, resume):
    """`_fit`, which says how the run goes on when it is stopped before or after the batches."""
    from tinydl.train.signals import Terminated

    try:
        return _fit(run, net, train, test, resume)
    except (KeyboardInterrupt, Terminated) as stop:
        number = signal.SIGTERM if isinstance(stop, Terminated) else signal.SIGINT
        _note(f"stopped by {number.name}; continue with: tinydl train --resume {run.folder}")
        return 128 + number


def _fit(run, net, train, test, resume):
    from tinydl._version import __version__
    from tinydl.config import get_num_threads, isa
    from tinydl.data.batches import Batches
    from tinydl.train import Checkpoint, CSVLogger, Trainer, building, evaluate, save_weights

    s = run.settings
    batches = Batches(train, s["batch_size"], drop_last=s["drop_last"]).total
    building.prepare(s, net, train)
    optimizer, scheduler = building.build_optimizer(s, net, max(1, batches))
    trainer = Trainer(net, optimizer, building.build_loss(s), scheduler, s["seed"], [
        *building.build_callbacks(s, net), CSVLogger(run.path("history.csv")), Checkpoint(run.checkpoint)])
    shape, threads = "x".join(map(str, train.image_shape)), get_num_threads()
    _say(f"tinydl {__version__}, {threads} thread{'s' * (threads > 1)} ({isa.level}), seed {s['seed']}")
    _say(f"data   {os.path.basename(s['data'])}: {len(train):,} training and {len(test):,} test images of {shape}, "
         f"{train.n_classes} classes")
    _say(f"model  {s['model']}: {sum(p.size for p in net.parameters()):,} parameters")
    _say(f"train  {s['epochs']} epochs of {batches:,} batches of {s['batch_size']}, {s['optimizer']}, lr {s['lr']:g}, "
         f"schedule {s['schedule']}, weight decay {s['weight_decay']:g}")
    _say(f"run    {run.folder}")
    if resume:
        run.remove_stale()
        _say(f"resume {run.restore(trainer)}")
        if s.get("isa_level") != isa.level:
            _note(f"begun at ISA level {s.get('isa_level')}, this is {isa.level}: results may differ in the last bits")
        if trainer.epoch >= s["epochs"]:
            _say(f"all {s['epochs']} epochs are done already")
            trainer.stop("done")
    try:
        trainer.fit(train, test, epochs=s["epochs"], batch_size=s["batch_size"], drop_last=s["drop_last"],
                    augment=building.build_augment(s))
    except (KeyboardInterrupt, SystemExit):
        if trainer.interrupted is None:
            raise
        _note(f"stopped by {signal.Signals(trainer.interrupted).name} after {trainer.position}; continue with: "
              f"tinydl train --resume {run.folder}")
        return 128 + trainer.interrupted
    shown = building.viewed(s, net)
    result = evaluate(shown, test, trainer.loss)
    fault = _divergence(trainer.history["loss"][-1], result["loss"], test.n_classes)
    if fault is not None:
        _error(f"the training diverged: {fault}; use a smaller --lr than {s['lr']:g}. No weights are written", "train")
        return 1
    save_weights(run.path("weights.safetensors"), net)
    pictures = _pictures(run, trainer, shown, test)
    right = round(result["accuracy"] * len(test))
    _say(f"test accuracy {100 * result['accuracy']:.2f} % ({right:,} of {len(test):,}), loss {result['loss']:.4f}, "
         f"{sum(trainer.history['seconds']):.1f} s of training")
    _say(f"written to {run.folder}: {', '.join(['weights.safetensors', 'history.csv', 'config.json', *pictures])}")
    return 0


def _divergence(loss, test_loss, n_classes):
    """How a training went astray, in words, or None."""
    if not math.isfinite(test_loss):
        return f"the loss on the test images is {test_loss}"
    guessing = math.log(n_classes)
    if n_classes > 1 and not loss <= 10 * guessing:
        return f"the loss of the last epoch is {loss:.4g}, where guessing has {guessing:.4g}"
    return None


def _pictures(run, trainer, net, test):
    """Make the run's pictures, of what `net` says of the test images; returns the names of those made."""
    from tinydl.inspect import plots
    from tinydl.train import confusion_matrix, predict

    s = run.settings
    title = f"{s['model']} on {os.path.basename(s['data'])}"
    logits = predict(net, test)
    try:
        figures = {
            "curves.png": plots.curves(trainer.history, title),
            "confusion.png": plots.confusion(confusion_matrix(test.labels, logits, test.n_classes), test.class_names,
                                             f"{title}: test images"),
            "filters.png": plots.filters(trainer.net),
        }
        if len(test.image_shape) == 3:
            figures["mistakes.png"] = plots.misclassified(test.images, test.labels, logits, test.class_names)
    except ImportError as error:
        _note(f"no pictures: {error}")
        return []
    made = {name: figure for name, figure in figures.items() if figure is not None}
    for name, figure in made.items():
        plots.save(figure, run.path(name))
    return list(made)


def _eval(args):
    from tinydl.train import evaluate
    from tinydl.train.building import build_loss
    from tinydl.train.run import Run

    run = Run.open(args.folder)
    _set_threads(args)
    net, note = run.trained_net()
    _, test = run.load_data(args.data_dir)
    if note:
        _note(note)
    result = evaluate(net, test, build_loss(run.settings))
    right = round(result["accuracy"] * len(test))
    _say(f"{run.settings['model']} on {test.name}: accuracy {100 * result['accuracy']:.2f} % ({right:,} of "
         f"{len(test):,}), loss {result['loss']:.4f}")
    return 0


def _predict(args):
    import numpy as np

    from tinydl.data import ArrayDataset
    from tinydl.data.pictures import read_images
    from tinydl.train import predict
    from tinydl.train.run import Run

    run = Run.open(args.folder)
    _set_threads(args)
    net, note = run.trained_net()
    if note:
        _note(note)
    s = run.settings
    # Everything is read before anything is printed: a bad file among many is an error at once.
    files = [read_images(path, tuple(s["image_shape"])) for path in args.images]
    for images, names, picture in files:
        if images.dtype.kind == "f" and not np.isfinite(images).all():
            raise _UserError(f"{names[0]}: holds nan or infinity")
        # The run's scale brings its own images to 0..1. Pictures have 0..255; floats are in 0..1 already if the run
        # was trained on integers.
        scale = 1 / 255 if picture else s["scale"]
        if images.dtype.kind == "f" and s.get("images") == "uint8":
            scale = 1.0
        usual, bright = float(np.mean(s["mean"])), float(images.mean()) / 255
        if picture and 0 <= usual <= 1 and abs(1 - bright - usual) + 0.25 < abs(bright - usual):
            _note(f"warning: {names[0]}: its mean brightness is {bright:.0%}, that of the training images {usual:.0%}: "
                  "is it inverted?")
        data = ArrayDataset(images, mean=s["mean"], std=s["std"], scale=scale)
        logits = predict(net, data).astype(np.float64)
        probabilities = np.exp(logits - logits.max(axis=1, keepdims=True))
        probabilities /= probabilities.sum(axis=1, keepdims=True)
        for name, row in zip(names, probabilities, strict=True):
            best = int(row.argmax())
            print(f"{name}\t{s['class_names'][best]}\t{100 * row[best]:.1f}")
    return 0


def _summary(args):
    import inspect

    from tinydl import models
    from tinydl.inspect import summary
    from tinydl.train.building import find_model

    shape = None
    if args.input_shape is not None:
        try:
            shape = tuple(int(n) for n in args.input_shape.lower().split("x"))
        except ValueError:
            shape = ()
        if not shape or min(shape) < 1:
            raise _UserError(f"--input-shape {args.input_shape!r} is not of the form 3x32x32")
    factory = find_model(args.model)
    known = inspect.signature(factory).parameters
    fitting = {"in_channels": shape[0], "input_shape": shape} if shape else {}
    net = factory(**{name: value for name, value in fitting.items() if name in known})
    _say(str(summary(net, shape or models.INPUT_SHAPES[args.model])))
    return 0


def _info(args):
    from tinydl.config import show_config

    show_config()
    return 0


# --- entry ---------------------------------------------------------------------------------------------------------

def main(argv=None):
    """Run the command line.

    Parameters
    ----------
    argv : list of str, optional
        Default: the program's arguments.

    Returns
    -------
    int
        The exit code; see the module's docstring.
    """
    parser = command_line_parser({"train": _train, "eval": _eval, "predict": _predict, "summary": _summary,
                                  "info": _info})
    args = parser.parse_args(argv)
    if args.command is None:
        parser.print_help(sys.stderr)
        return 2
    from tinydl.train.signals import Terminated, sigterm_raises

    try:
        with sigterm_raises(), warnings.catch_warnings():
            warnings.simplefilter("always", UserWarning)
            warnings.showwarning = lambda message, *args, **kwargs: _note(f"warning: {message}")
            return args.run(args)
    except BrokenPipeError:
        # The reader of our output went away (| head); that is no fault, and Python must not say so at exit.
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        _note("interrupted")
        return 130
    except Terminated:
        _note("stopped by SIGTERM")
        return 143
    except (_UserError, ValueError, FloatingPointError, MemoryError, OSError) as error:
        if os.environ.get("TINYDL_TRACEBACK"):
            raise
        _error(" ".join(str(error).split()) or "out of memory", args.command)
        return 2 if isinstance(error, (_UserError, ValueError)) else 1
