"""The data sets that come with tinydl, one a file.

Every file of this folder is imported and registers itself with `tinydl.data.registry.register`: a further data set
needs no line anywhere else.
"""

import importlib
import pkgutil

__all__: list[str] = []  # of names: the registry has them

for _found in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_found.name}")
