"""What the tests of C files share: a compiler, and a program that runs files over inputs."""

import shutil
import subprocess

import numpy as np
import pytest

PART = """\
static void run_{name}(int n, FILE *in, FILE *out)
{{
    static {kind} x[{macro}_INPUT_SIZE], y[{macro}_OUTPUT_SIZE];
    while (n-- && fread(x, sizeof x, 1, in) == 1) {{
        {name}_predict(x, y);
        fwrite(y, sizeof y, 1, out);
    }}
}}
"""
STRICT = ["-std=c99", "-Wall", "-Wextra", "-Wconversion", "-Werror", "-pedantic"]
SANITIZED = ["-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]


@pytest.fixture
def compiled(tmp_path):
    """Compiles files {name: (path, rows)} strictly into one program, runs each on its rows, and returns the results."""
    def run(files, *flags, compiler="gcc"):
        if shutil.which(compiler) is None:
            pytest.skip(f"no {compiler}")
        text, calls = ["#include <stdio.h>"], []
        for name, (path, rows) in files.items():
            kind = "int8_t" if rows.dtype == np.int8 else "float"
            text += [f'#include "{path}"', PART.format(name=name, kind=kind, macro=name.upper())]
            calls.append(f"run_{name}({len(rows)}, in, out);")
        text.append('int main(void)\n{\n    FILE *in = fopen("in", "rb"), *out = fopen("out", "wb");\n    '
                    + "\n    ".join(calls) + "\n    return fclose(out) != 0 || fclose(in) != 0;\n}\n")
        (tmp_path / "main.c").write_text("\n".join(text))
        subprocess.run([compiler, *STRICT, *flags, "main.c", "-o", "main"], cwd=tmp_path, check=True)
        (tmp_path / "in").write_bytes(b"".join(np.ascontiguousarray(rows).tobytes() for _, rows in files.values()))
        done = subprocess.run(["./main"], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0 and not done.stderr, done.stderr
        return (tmp_path / "out").read_bytes()
    return run
