"""``tinydl train``."""

import argparse
import os

from tinydl.cli import fitting, settings
from tinydl.cli.output import UserError
from tinydl.cli.parser import (
    augmentation,
    class_weights,
    geometry,
    listed,
    number,
    one_of,
    output_flags,
    share,
    thread_flags,
    whole,
)

__all__ = ["DEFAULT_DATA", "add", "run"]

DEFAULT_DATA = "digits"
_TEXT = """\
Train a small convolutional network and keep all about it in a run folder.

Without arguments: the 1,797 handwritten digits that come with tinydl, and a
small CNN; done in a few seconds.
"""
_EPILOG = """\
examples:
  tinydl train
  tinydl train --data mnist --download
  tinydl train --data my/pictures                   # one folder a class
  tinydl train --data sensors.csv --shape 3x128     # a row a signal
  tinydl train --data my.npz --optimizer adam --lr 1e-3 --out runs/mine
  tinydl train --data cifar10 --recipe airbench
  tinydl train --resume runs/mine
  tinydl train --resume runs/mine --epochs 50       # more than it had
  tinydl train --config runs/mine/config.json       # the same once more
  mpiexec -n 4 tinydl train --shards 8              # several processes

The run folder gets config.json, history.csv, weights.safetensors, result.json,
checkpoint.safetensors, curves.png, confusion.png, filters.png and mistakes.png.
A new run never writes into a folder that is in use: without --out the folder is
runs/<data>-<model>, then runs/<data>-<model>-2 and so on. Ctrl-C ends a run
after the batch under way; --resume continues it and ends with the same bits as
if it had never been interrupted. With a larger --epochs it also continues a
finished run: the schedule begins anew for the epochs that are added.

DIR holds one folder a class of pictures or of WAV files, or train/ and test/
with these in them. FILE.csv has a row a sample and a column of labels. FILE.npz
holds arrays x_train, y_train, x_test and y_test, or x and y, and class_names if
there are any: images (N, H, W), (N, C, H, W) or (N, H, W, C) of uint8 or
floats, signals (N, C, L) or features (N, F). Labels are class numbers or text,
floats for a regression, or rows of 0 and 1 for several classes a sample. Where
there are no test data, a fifth of every class is held out for them, and a tenth
of the rest for validation.

FILE.toml for --config holds flags without their dashes: epochs = 20. Flags of
the command line go before it.
"""


def add(commands):
    """Enter the command and its flags."""
    from tinydl import optim
    from tinydl.data import registry
    from tinydl.data.augmentations import usual_words
    from tinydl.data.features import FEATURES
    from tinydl.recipes import RECIPES

    parser = commands.add_parser("train", help="train a network", description=_TEXT, epilog=_EPILOG,
                                 formatter_class=argparse.RawDescriptionHelpFormatter,
                                 parents=[thread_flags(), output_flags()])
    parser.add_argument("--quiet", action="store_true", help="print the result alone")
    what = parser.add_argument_group("what is learned")
    what.add_argument("--data", metavar="NAME", help=listed(
        [f"{name} (default)" if name == DEFAULT_DATA else name for name in registry.choices()], "or"))
    data_dir_flag(what)
    what.add_argument("--download", action="store_true",
                      help="fetch the files of --data into --data-dir first, if they are not there")
    what.add_argument("--recipe", metavar="NAME", help="settings that are known to train well, in which other flags "
                      "change what they name: " + listed([f"{name} ({row['about']})" for name, row in RECIPES.items()],
                                                         "or").replace("%", "%%"))
    what.add_argument("--model", metavar="NAME", help="the network (default: one that suits the data)")
    own = parser.add_argument_group("how data of your own are read")
    own.add_argument("--size", type=geometry((2,), "64x64"), metavar="HxW",
                     help="size of pictures (default: the commonest, 128 at most)")
    own.add_argument("--mode", type=one_of("L", "RGB"), metavar="L|RGB",
                     help="grey or coloured pictures (default: grey where no picture has colours)")
    own.add_argument("--skip-damaged", action="store_true", default=None, help="leave out pictures that cannot be read")
    own.add_argument("--label", metavar="COLUMN", help="the column of labels in a CSV file, by name or number")
    own.add_argument("--drop", action="append", metavar="COLUMN", help="a column of a CSV file to leave out")
    own.add_argument("--shape", type=geometry((1, 2, 3), "3x128 or 3x32x32"), metavar="CxL",
                     help="what a row or an array of numbers makes: a signal, or CxHxW a picture")
    own.add_argument("--task", type=one_of("classes", "regression", "labels"), metavar="NAME",
                     help="classes, regression or labels (several classes a sample), where labels may be either")
    own.add_argument("--rate", type=whole(1), metavar="N", help="samples a second of WAV files (default: commonest)")
    own.add_argument("--seconds", type=number(False), metavar="X", help="length of WAV files (default: the commonest)")
    own.add_argument("--features", type=one_of("none", *FEATURES), metavar="NAME",
                     help="what sounds become first: mfcc, pictures of cepstral coefficients for ds_cnn and other nets "
                          "for pictures, or none (default: none, of speech-commands-12 mfcc)")
    how = parser.add_argument_group("how it is trained (defaults suit the data; --seed 0)")
    how.add_argument("--epochs", type=whole(1), metavar="N", help="passes over the training images")
    how.add_argument("--batch-size", type=whole(1), metavar="N", help="images per step")
    how.add_argument("--lr", type=number(False), metavar="X", help="learning rate; with onecycle the largest one")
    how.add_argument("--optimizer", metavar="NAME", help=listed(
        [f"{name} ({choice.note})" if choice.note else name for name, choice in optim.BY_NAME.items()], "or"))
    how.add_argument("--schedule", metavar="NAME", help="learning rate over time: onecycle, cosine, linear, step, "
                     "multistep or none")
    how.add_argument("--weight-decay", type=number(True), metavar="X", help="shrinking of the weights")
    how.add_argument("--momentum", type=share, metavar="X", help="of sgd and rmsprop")
    how.add_argument("--label-smoothing", type=share, metavar="X", help="share of a label that all classes get")
    how.add_argument("--class-weights", type=class_weights, metavar="W",
                     help="balanced (rare classes count as much as others), none, or a number for each class: 1,2,0.5")
    how.add_argument("--augment", type=augmentation, metavar="WORDS",
                     help=f"random changes of training samples, any of {usual_words()}; or none")
    how.add_argument("--val-split", type=share, metavar="X",
                     help="share of the training images to validate on; 0 for none (default: 0.1 of your own data; "
                          "data sets by name are trained whole and validated on their test images, as published)")
    how.add_argument("--early-stopping", type=whole(1), metavar="N",
                     help="stop when the validation loss has not improved for N epochs, and take the best weights")
    how.add_argument("--shards", type=whole(1), metavar="N", help="parts of each batch, on which alone the bits depend "
                     "where several processes train (default: one for each process; more on one process save memory)")
    how.add_argument("--fast-allreduce", action="store_true", help="add the gradients of processes in MPI's own order")
    how.add_argument("--sync-batchnorm", action="store_true", help="batch norms see the whole batch and not a shard; "
                     "takes the memory of all shards of a process")
    how.add_argument("--drop-last", action="store_true", help="leave out a last batch that is not full")
    how.add_argument("--seed", type=whole(0), metavar="N", help="fixes weights, order and split")
    where = parser.add_argument_group("where")
    where.add_argument("--out", metavar="DIR", help="the run folder; new, empty, or of a training that failed")
    where.add_argument("--config", metavar="FILE", help="settings from a .toml file, or from the config.json of a run")
    where.add_argument("--resume", metavar="DIR", help="continue the run in DIR with its own settings, or with "
                       "more --epochs")
    return parser


def data_dir_flag(parser):
    """Enter --data-dir, which other commands have too."""
    from tinydl.data import registry

    parser.add_argument("--data-dir", metavar="DIR",
                        help=f"where the files of {listed(registry.downloads(), 'and')} are looked for "
                             "(default: $TINYDL_DATA, else ~/.cache/tinydl)")


def run(args, out):
    """Begin a run, or continue one."""
    return _begin(args, out) if args.resume is None else _continue(args, out)


def _begin(args, out):
    from tinydl.data import BY_NAME, load
    from tinydl.data.registry import find
    from tinydl.recipes import RECIPES
    from tinydl.train import run as runs
    from tinydl.train.building import build_net
    from tinydl.train.task import output_names, split_parts

    extra = settings.from_file(args) if args.config else {}
    given = settings.given(args, extra)
    data = args.data or (RECIPES[args.recipe]["data"] if args.recipe else DEFAULT_DATA)
    find(data)
    comm = args.comm
    if args.download:
        if comm.first:
            _download(args, data, out)
        comm.share(None)
    place = {"data": data if data in BY_NAME else os.path.abspath(data),
             "data_dir": args.data_dir and os.path.abspath(args.data_dir), "read": settings.reading(args)}
    train, test = load(place["data"], place["data_dir"], args.seed or 0,
                       report=lambda done, total: out.progress("reading", done, total), **place["read"])
    facts = runs.Run.describe(train, test)
    wanted = {**place, **settings.resolve(args, given, data, train), **facts}
    net = build_net(wanted["model"], train.image_shape, len(output_names(wanted)), wanted["seed"])
    parts = split_parts(wanted, train, test)
    settings.check(wanted, net, train.labels)
    settings.check_shards(wanted, comm)
    if not comm.first:
        return fitting.stoppable(runs.Run(comm.share(None), wanted), net, (train, *parts, test), False, out, comm)
    made = runs.Run.create(wanted, args.out)
    with made.lock:
        try:
            comm.share(made.folder)
            return fitting.stoppable(made, net, (train, *parts, test), False, out, comm)
        except Exception:
            made.discard()
            raise


def _continue(args, out):
    from tinydl.train.run import Run

    given = [f"--{key.replace('_', '-')}" for key in settings.FLAGS
             if key != "epochs" and not settings.unset(getattr(args, key))]
    if given:
        raise UserError(f"--resume continues a run with its own settings, but for more --epochs; leave out "
                        f"{', '.join(given)}")
    made, comm = Run.open(args.resume), args.comm
    settings.check_shards(made.settings, comm)
    if comm.first:
        made.acquire()
    with made.lock:
        if comm.first:
            made.check_files()
        if args.epochs is not None:
            made.extend(args.epochs)
        train, test = made.load_data(args.data_dir)
        return fitting.stoppable(made, made.build_net(), (train, *made.parts(train, test), test), True, out,
                                 comm)


def _download(args, data, out):
    from tinydl.data.download import download
    from tinydl.data.registry import default_data_dir, downloads

    if data not in downloads():
        raise UserError(f"--download fetches {', '.join(downloads())}, not {data}")
    download(data, args.data_dir or default_data_dir(), report=out.progress)
