"""The flags of the command line: their names, what they take, and the text of --help."""

import argparse
import math

__all__ = ["DEFAULT_DATA", "command_line_parser"]

DEFAULT_DATA = "digits"
_TRAIN_TEXT = """\
Train a small convolutional network and keep all about it in a run folder.

Without arguments: the 1,797 handwritten digits that come with tinydl, and a
small CNN; done in a few seconds.
"""
_TRAIN_EPILOG = """\
examples:
  tinydl train
  tinydl train --data mnist --download
  tinydl train --data cifar10 --data-dir ~/data --model vgg_small --epochs 30
  tinydl train --data cifar10 --recipe airbench
  tinydl train --data my.npz --optimizer adam --lr 1e-3 --out runs/mine
  tinydl train --resume runs/mine

The run folder gets config.json, history.csv, weights.safetensors,
checkpoint.safetensors, curves.png, confusion.png, filters.png and mistakes.png.
A new run never writes into a folder that is in use: without --out the folder is
runs/<data>-<model>, then runs/<data>-<model>-2 and so on. Ctrl-C ends a run
after the batch under way; --resume continues it and ends with the same bits as
if it had never been interrupted.

FILE.npz holds arrays x_train, y_train, x_test and y_test, or x and y (then a
fifth of every class is held out for testing): images (N, H, W), (N, C, H, W) or
(N, H, W, C) of uint8 or floats, labels integers from 0.
"""


class _Parser(argparse.ArgumentParser):
    def error(self, message):
        self.exit(2, f"{self.prog}: error: {message} (see {self.prog} --help)\n")


# --- values --------------------------------------------------------------------------------------------------------

def _whole(low):
    def parse(text):
        try:
            value = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None
        if not low <= value < 2**31:
            raise argparse.ArgumentTypeError(f"{value} is not a whole number from {low} to {2**31 - 1}")
        return value
    return parse


def _threads(text):
    value = _whole(-1024)(text)
    if value == 0 or value > 1024:
        raise argparse.ArgumentTypeError(f"{value} threads; use 1 to 1024, or -1 for all")
    return value


def _rate(allow_zero):
    def parse(text):
        try:
            value = float(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None
        if not math.isfinite(value) or value < 0 or (value == 0 and not allow_zero):
            wanted = "a number from 0 on" if allow_zero else "a positive number"
            raise argparse.ArgumentTypeError(f"{text} is not {wanted}")
        return value
    return parse


def _list(names, conjunction):
    """'a, b or c'."""
    *rest, last = names
    return f"{', '.join(rest)} {conjunction} {last}"


# --- commands ------------------------------------------------------------------------------------------------------

def command_line_parser(runs):
    """The parser of all commands.

    Parameters
    ----------
    runs : dict of str to callable
        What each command runs; it is the attribute `run` of the parsed arguments.
    """
    from tinydl import optim
    from tinydl._version import __version__
    from tinydl.data import registry
    from tinydl.recipes import RECIPES

    parser = _Parser(prog="tinydl", description="Train small convolutional networks fast on a multicore CPU.",
                     epilog="tinydl COMMAND --help tells more about a command.")
    parser.add_argument("--version", action="version", version=f"tinydl {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", dest="command", parser_class=_Parser)

    def command(name, brief, **kwargs):
        kwargs.setdefault("description", brief)
        sub = commands.add_parser(name, help=brief, **kwargs)
        sub.set_defaults(run=runs[name])
        return sub

    threads = argparse.ArgumentParser(add_help=False)
    threads.add_argument("--threads", type=_threads, metavar="N",
                         help="threads of the kernels; results do not depend on it (default: what the machine grants)")
    folder = argparse.ArgumentParser(add_help=False)
    folder.add_argument("--data-dir", metavar="DIR",
                        help=f"where the files of {_list(registry.downloads(), 'and')} are looked for "
                             "(default: $TINYDL_DATA, else ~/.cache/tinydl)")

    train = command("train", "train a network", description=_TRAIN_TEXT, epilog=_TRAIN_EPILOG,
                    formatter_class=argparse.RawDescriptionHelpFormatter, parents=[threads, folder])
    what = train.add_argument_group("what is learned")
    what.add_argument("--data", metavar="NAME", help=_list(
        [f"{name} (default)" if name == DEFAULT_DATA else name for name in registry.choices()], "or"))
    what.add_argument("--download", action="store_true",
                      help="fetch the files of --data into --data-dir first, if they are not there")
    what.add_argument("--recipe", metavar="NAME", help="settings that are known to train well, in which other flags "
                      "change what they name: " + _list([f"{name} ({row['about']})" for name, row in RECIPES.items()],
                                                        "or").replace("%", "%%"))
    what.add_argument("--model", metavar="NAME", help="the network (default: one that suits the data)")
    how = train.add_argument_group("how (defaults suit the data; --seed 0)")
    how.add_argument("--epochs", type=_whole(1), metavar="N", help="passes over the training images")
    how.add_argument("--batch-size", type=_whole(1), metavar="N", help="images per step")
    how.add_argument("--lr", type=_rate(False), metavar="X", help="learning rate; with onecycle the largest one")
    how.add_argument("--optimizer", metavar="NAME", help=_list(
        [f"{name} ({choice.note})" if choice.note else name for name, choice in optim.BY_NAME.items()], "or"))
    how.add_argument("--schedule", metavar="NAME", help="learning rate over time: onecycle, cosine, linear, step, "
                     "multistep or none")
    how.add_argument("--weight-decay", type=_rate(True), metavar="X", help="shrinking of the weights")
    how.add_argument("--drop-last", action="store_true", help="leave out a last batch that is not full")
    how.add_argument("--seed", type=_whole(0), metavar="N", help="fixes weights, order and split")
    where = train.add_argument_group("where")
    where.add_argument("--out", metavar="DIR", help="the run folder; must be new or empty")
    where.add_argument("--resume", metavar="DIR", help="continue the run in DIR with its own settings")

    evaluate = command("eval", "test accuracy of a trained run", parents=[threads, folder])
    evaluate.add_argument("folder", metavar="RUN", help="a run folder")

    predict = command("predict", "classify images with a trained run", parents=[threads],
                      epilog="Prints a line per image: its name, the class and the probability in %, separated by "
                             "tabs. Images need the size the run was trained on.")
    predict.add_argument("folder", metavar="RUN", help="a run folder")
    predict.add_argument("images", metavar="IMAGES", nargs="+",
                         help="pictures (.png, .jpg, ...), .npy or .npz arrays (its x or x_test), or IDX files")

    summary = command("summary", "layers, shapes and parameters of a network")
    summary.add_argument("model", metavar="MODEL", help="a network of tinydl.models, for example resnet20")
    summary.add_argument("--input-shape", metavar="CxHxW", help="shape of one input (default: the network's usual one)")

    command("info", "version, instruction set, threads and limits found")
    return parser
