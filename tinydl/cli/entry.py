# PYTHON_ARGCOMPLETE_OK
"""The program: picks the command, and turns whatever goes wrong into a line and an exit code."""

import contextlib
import errno
import os
import sys
import warnings

from tinydl.cli import compare, completion, evaluate, export, info, predict, ranks, report, summary, train
from tinydl.cli.output import Output, UserError, any_words
from tinydl.cli.parser import Parser
from tinydl.distributed.transport import TransportError

__all__ = ["command_line_parser", "main"]

_FOR_THE_USER = (UserError, ValueError, ImportError, FileNotFoundError, NotADirectoryError, IsADirectoryError,
                 FileExistsError, PermissionError)  # what can be put right: flags, files, packages that are not there
# The same of a path, for which Python has no class of its own (the last: no file but a pipe or a device); a full disk
# is none of them.
_OF_A_PATH = (errno.EROFS, errno.ENAMETOOLONG, errno.ELOOP, errno.EINVAL)
_COMMANDS = (train, evaluate, predict, report, compare, export, summary, info)


def command_line_parser():
    """The parser of all commands; `run` of what it parses is the command's function."""
    from tinydl._version import __version__

    parser = Parser(prog="tinydl", description="Train small convolutional networks fast on a multicore CPU.",
                    epilog="tinydl COMMAND --help tells more about a command.")
    parser.add_argument("--version", action="version", version=f"tinydl {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", dest="command", parser_class=Parser)
    for module in _COMMANDS:
        module.add(commands).set_defaults(run=module.run)
    parser.commands = commands.choices
    return parser


def main(argv=None):
    """Run the command line.

    Parameters
    ----------
    argv : list of str, optional
        Default: the program's arguments.

    Returns
    -------
    int
        The exit code; see the package's docstring.
    """
    parser = command_line_parser()
    completion.complete(parser)
    args = ranks.parsed(parser, argv)
    if args.command is None:
        parser.print_help(sys.stderr)
        return 2
    from tinydl.train.signals import Terminated, sigterm_raises

    out = Output(args.command, getattr(args, "quiet", False), getattr(args, "json", False), ranks.silent())
    try:
        with any_words(), sigterm_raises(), warnings.catch_warnings():
            warnings.simplefilter("always", UserWarning)
            warnings.showwarning = lambda message, *args, **kwargs: out.note(f"warning: {message}")
            if getattr(args, "threads", None) is not None:
                from tinydl.config import set_num_threads

                set_num_threads(args.threads)
            return ranks.run(args, out)
    except BrokenPipeError:
        # The reader of our output went away (| head); that is no fault, and Python must not say so at exit.
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        out.note("interrupted")
        return 130
    except Terminated:
        out.note("stopped by SIGTERM")
        return 143
    except (UserError, ValueError, ImportError, FloatingPointError, MemoryError, OSError, TransportError) as error:
        if os.environ.get("TINYDL_TRACEBACK"):
            raise
        path = getattr(error, "filename", None)
        text = f"{path}: {error.strerror}" if path else str(error)
        return ranks.failed(error, _exit_code(error), " ".join(text.split()) or "out of memory", out)


def _exit_code(error):
    """1 where the run failed, which an error of files under way says of itself; 2 for what the user can put right."""
    if hasattr(error, "exit_code"):
        return error.exit_code
    of_a_path = isinstance(error, OSError) and error.filename and error.errno in _OF_A_PATH
    return 2 if of_a_path or isinstance(error, _FOR_THE_USER) else 1
