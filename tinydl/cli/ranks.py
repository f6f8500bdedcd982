"""The program under mpiexec: one rank speaks, and an error of any rank ends all."""

import contextlib
import io
import sys
import time

from tinydl.distributed.threads import share_cores
from tinydl.distributed.transport import Alone, communicator, launched

__all__ = ["failed", "parsed", "run", "silent"]

_TOGETHER = ("train", "info")  # commands that all ranks run; of the others rank 0 alone
_GRACE = 3.0  # seconds in which rank 0 tells an error that all ranks met


def silent():
    """Whether this process leaves speaking to rank 0."""
    return (launched() or (0, 1))[0] > 0


def parsed(parser, argv):
    """The arguments; what is wrong with them rank 0 says."""
    with contextlib.ExitStack() as muted:
        if silent():
            muted.enter_context(contextlib.redirect_stderr(io.StringIO()))
            muted.enter_context(contextlib.redirect_stdout(io.StringIO()))
        return parser.parse_args(argv)


def run(args, out):
    """Run the command, with the ranks that it takes in `args.comm`."""
    args.comm = Alone()
    if launched() is None:
        return args.run(args, out)
    if args.command not in _TOGETHER:
        return 0 if out.silent else args.run(args, out)
    args.comm = communicator()
    args.comm.told = False
    if getattr(args, "threads", None) is None:
        share_cores(args.comm)
    return args.run(args, out)


def failed(error, code, text, out):
    """Tell an error and return its exit code; where other ranks may wait for this one, end all of them.

    An error that all ranks raised (`failing.agreed_error`) rank 0 tells. Any other rank waits a moment before it tells
    its own: what all have met, such as a file that is not there, rank 0 has told by then.
    """
    told = launched()
    joint = getattr(error, "shared", False) or isinstance(error, FloatingPointError)
    if told is None or joint or out.command not in _TOGETHER:
        if not out.silent:
            out.error(text)
        return code
    try:
        comm = communicator()
    except RuntimeError:
        comm = None
    if out.silent:
        time.sleep(_GRACE)
        text = f"rank {told[0]}: {text}"
    print(f"tinydl {out.command}: error: {text}", file=sys.stderr, flush=True)
    if comm is not None:
        comm.abort(code)
    return code
