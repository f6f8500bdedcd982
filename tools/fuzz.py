"""Coverage-guided fuzzing of one reader by atheris, from the file that tests/slow/corrupt.py damages at random.

    python tools/fuzz.py list
    python tools/fuzz.py "npz packed" -max_total_time=3600        # and other options of libFuzzer

Ends with the input that gave anything but a value or the exception that the reader documents.
"""

import os
import sys
import tempfile
import warnings
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "slow"))
FOLLOWED = ["tinydl", "zipfile", "tarfile", "gzip", "PIL"]
with atheris.instrument_imports(include=FOLLOWED):
    import corrupt
    import formats


def main(name, options):
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        corpus = os.path.join(folder, "corpus")
        os.mkdir(corpus)
        with atheris.instrument_imports(include=FOLLOWED):  # what makes and reads a file is imported late
            form = formats.of_other_packages()[name]
            path = corrupt.place_for(form, os.path.join(folder, "files"))
            for place in (path, Path(corpus, "whole")):
                Path(place).write_bytes(form.content)
            corrupt.read(path, form)

        def one(data):
            # Behind a wrong sum nothing is read, and no fuzzer finds a right one.
            for given in dict.fromkeys((data, corrupt.summed(data))):
                Path(path).write_bytes(given)
                if fault := corrupt.read(path, form):
                    raise RuntimeError(fault)

        # libFuzzer ends the process, so the folder stays where it is cut short. Its own timeout is of the wall clock,
        # and by the timer of tests/clock.py.
        atheris.Setup([sys.argv[0], "-rss_limit_mb=1024", "-timeout=0", *options, corpus], one)
        atheris.Fuzz()


if __name__ == "__main__":
    if sys.argv[1] == "list":
        print(*formats.of_other_packages(), sep="\n")
    else:
        main(sys.argv[1], sys.argv[2:])
