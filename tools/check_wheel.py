"""What a repaired wheel has to be: small, and with the OpenMP library of the compiler that built it, once.

    python tools/check_wheel.py FOLDER [most megabytes, 5 unless given]

An older libgomp than the compiler's would be a wheel that fails at import, or one without what the newer mends; the
release of the two is compared by the versions of symbols that each offers.
"""

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

OPENMP = re.compile(r"\.libs/lib(gomp|omp)[-.\w]*\.so[.\d]*$")


def versions(binary):
    """Versions of the symbols that an OpenMP library of GCC offers: GOMP_5.0, OMP_4.5, ..."""
    return set(re.findall(rb"\b(?:GOMP|OMP|GOACC)_[0-9][0-9.]*\b", binary))


def library_of_compiler():
    """The libgomp that the compiler links."""
    command = [*os.environ.get("CC", "gcc").split(), "-print-file-name=libgomp.so.1"]
    found = Path(subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip())
    return found if found.is_file() else Path("/lib64/libgomp.so.1")  # a toolset that links the system's


def faults(wheel, most):
    """What is wrong with the repaired wheel at path `wheel`, a line each."""
    size = wheel.stat().st_size / 1e6
    if size > most:
        yield f"{size:.2f} MB, more than {most:g}"
    with zipfile.ZipFile(wheel) as archive:
        bundled = [name for name in archive.namelist() if OPENMP.search(name)]
        if len(bundled) != 1:
            yield f"expected one OpenMP library, found {bundled or 'none'}"
        elif versions(archive.read(bundled[0])) != versions(library_of_compiler().read_bytes()):
            yield f"{bundled[0]} is of another release than {library_of_compiler()}, which the compiler links"


def main(folder, most="5"):
    wheels = sorted(Path(folder).glob("*.whl"))
    wrong = [f"{wheel.name}: {fault}" for wheel in wheels for fault in faults(wheel, float(most))]
    print("\n".join(wrong or [f"{len(wheels)} wheels as they should be"]))
    return bool(wrong) or not wheels


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
