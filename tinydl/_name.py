"""What follows from the name: the distribution is tinydl-cnn, and PyPI's distribution tinydl is another project."""

import os
import warnings

__all__ = ["how_to_install", "warn_of_the_other"]

# A file that the other project installs into the folder tinydl, and this one does not have.
OTHERS_FILE = "hyperparameter.py"


def how_to_install(extra: str) -> str:
    """The command that installs an extra: from PyPI, or from a clone, which also works before the first release."""
    return f"pip install 'tinydl-cnn[{extra}]' (in a clone of the source: pip install '.[{extra}]')"


def warn_of_the_other(folder: str) -> None:
    """Warn if the unrelated distribution tinydl has put its files into `folder`, that of this package: one stat."""
    if os.path.exists(os.path.join(folder, OTHERS_FILE)):
        warnings.warn(f"{folder} also holds files of the unrelated distribution tinydl, and the two overwrite each "
                      "other: run pip uninstall tinydl tinydl-cnn, then install tinydl-cnn again", RuntimeWarning,
                      stacklevel=2)
