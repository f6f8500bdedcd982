"""C files: `to_c` writes one."""

from tinydl.export.c.writer import to_c

__all__ = ["to_c"]
