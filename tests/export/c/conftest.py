"""What the tests of C files share: a compiler, and a program that runs a file over inputs."""

import shutil
import subprocess

import numpy as np
import pytest

MAIN = """\
#include <stdio.h>
#include "model.c"
int main(int argc, char **argv)
{
    static T x[MODEL_INPUT_SIZE], y[MODEL_OUTPUT_SIZE];
    FILE *in = fopen(argv[argc - 2], "rb"), *out = fopen(argv[argc - 1], "wb");
    while (fread(x, sizeof x, 1, in) == 1) {
        model_predict(x, y);
        if (fwrite(y, sizeof y, 1, out) != 1)
            return 1;
    }
    return fclose(out) != 0;
}
"""
STRICT = ["-std=c99", "-Wall", "-Wextra", "-Wconversion", "-Werror", "-pedantic"]


@pytest.fixture
def compiled(tmp_path):
    """Compiles tmp_path/model.c strictly, runs it on rows, and returns the rows that come out."""
    def run(rows, *flags, compiler="gcc"):
        if shutil.which(compiler) is None:
            pytest.skip(f"no {compiler}")
        subprocess.run([compiler, *STRICT, *flags, "-c", "model.c", "-o", "model.o"], cwd=tmp_path, check=True)
        kind = "int8_t" if rows.dtype == np.int8 else "float"
        (tmp_path / "main.c").write_text(MAIN)
        subprocess.run([compiler, "-std=c99", f"-DT={kind}", *flags, "main.c", "-o", "main"], cwd=tmp_path, check=True)
        (tmp_path / "in").write_bytes(np.ascontiguousarray(rows).tobytes())
        done = subprocess.run(["./main", "in", "out"], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0 and not done.stderr, done.stderr
        return np.frombuffer((tmp_path / "out").read_bytes(), rows.dtype).reshape(len(rows), -1)
    return run
