"""The command line, ``tinydl COMMAND``: one file a command.

A command is a module with ``add(commands)``, which enters its flags, and ``run(args, out)``, which returns the exit
code: 0 done, 1 the run failed (the loss diverged, the disk is full, its folder cannot be written any more, some files
could not be read), 2 something about flags, files or data needs the user's attention (one line on standard error), 130
after Ctrl-C, 143 after SIGTERM.
"""

from tinydl.cli.entry import main

__all__ = ["main"]
