"""Files of the repository that a tool writes: made anew, or checked for being what the tool would write."""

import argparse
import sys
from pathlib import Path

__all__ = ["ROOT", "write_or_check"]

ROOT = Path(__file__).resolve().parents[1]


def write_or_check(files, tool, doc, argv=None):
    """Write the files, or with --check say which would change.

    Parameters
    ----------
    files : dict of Path to str
    tool : str
        The program's file, as tools/reference.py.
    doc : str
        Its help.
    argv : sequence of str, optional

    Returns
    -------
    int
        The exit code, 1 where --check found a file that would change.
    """
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing, fail when a file would change")
    check, code = parser.parse_args(argv).check, 0
    for path, text in files.items():
        if not check:
            path.write_text(text)
        elif path.read_text() != text:
            print(f"{path} is not what its source says; run python {tool}", file=sys.stderr)
            code = 1
    return code
