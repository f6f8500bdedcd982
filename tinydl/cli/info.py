"""``tinydl info``."""

__all__ = ["add", "run"]


def add(commands):
    """Enter the command."""
    brief = "version, instruction set, threads and limits found"
    return commands.add_parser("info", help=brief, description=brief)


def run(args, out):
    """Print what `tinydl.show_config` finds."""
    from tinydl.config import show_config

    show_config()
    return 0
