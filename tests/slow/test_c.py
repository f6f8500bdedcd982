"""C files of the named networks: a thousand inputs, two compilers, two levels, and a Cortex-M4."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import tinydl as td
from tinydl.export.program import laid

NAMES = ["digits_cnn", "lenet5", "mnist_cnn", "resnet20", "ds_cnn", "m5"]
BOARD = Path(__file__).parents[2] / "examples" / "cortex_m4"
FLAGS = ["-std=c99", "-Wall", "-Wextra", "-Wconversion", "-Werror"]
MAIN = """\
#include <stdio.h>
#include "model.c"
int main(void)
{
    static int8_t x[MODEL_INPUT_SIZE], y[MODEL_OUTPUT_SIZE];
    while (fread(x, sizeof x, 1, stdin) == 1) {
        model_predict(x, y);
        if (fwrite(y, sizeof y, 1, stdout) != 1)
            return 1;
    }
    return 0;
}
"""


def quantized(name, n):
    """(network in integers, n inputs as rows, the rows of its results)."""
    td.manual_seed(0)
    shape, rng = td.models.INPUT_SHAPES[name], np.random.default_rng(0)
    x = rng.normal(size=(n, *shape)).astype(np.float32)
    q = td.quantize(getattr(td.models, name)(), x[:50])
    integers = q.input_integers(1.2 * x)
    return q, laid(integers), laid(q.integers(integers))


@pytest.mark.parametrize("name", NAMES)
def test_the_same_integers(name, trials, tmp_path):
    q, rows, expected = quantized(name, trials("inputs of C files"))
    td.to_c(q, tmp_path / "model.c")
    (tmp_path / "main.c").write_text(MAIN)
    for compiler in filter(shutil.which, ("gcc", "clang")):
        for level in ("-O0", "-Os"):
            subprocess.run([compiler, *FLAGS, level, "main.c", "-o", "main"], cwd=tmp_path, check=True)
            done = subprocess.run([tmp_path / "main"], input=rows.tobytes(), capture_output=True, check=True)
            assert done.stdout == expected.tobytes(), (compiler, level)


@pytest.mark.skipif(not shutil.which("arm-none-eabi-gcc") or not shutil.which("qemu-system-arm"),
                    reason="needs gcc-arm-none-eabi and qemu-system-arm")
@pytest.mark.parametrize("name", NAMES)
def test_a_cortex_m4_answers_the_same(name, tmp_path):
    q, rows, expected = quantized(name, 50 if name in ("digits_cnn", "lenet5") else 5)
    td.to_c(q, tmp_path / "model.c")
    images = ",\n".join("{" + ",".join(map(str, row.tolist())) + "}" for row in rows)
    (tmp_path / "inputs.h").write_text(f"static const int8_t inputs[{len(rows)}][MODEL_INPUT_SIZE] = {{\n{images}}};\n")
    for file in BOARD.iterdir():
        shutil.copy(file, tmp_path)
    subprocess.run(["arm-none-eabi-gcc", "-mcpu=cortex-m4", "-mthumb", "-Os", "-ffreestanding", "-nostdlib", "-T",
                    "memory.ld", "start.c", "-lgcc", "-o", "model.elf"], cwd=tmp_path, check=True)
    done = subprocess.run(["qemu-system-arm", "-M", "mps2-an386", "-nographic", "-semihosting", "-kernel", "model.elf"],
                          cwd=tmp_path, capture_output=True, text=True, check=True)
    assert bytes.fromhex("".join((done.stdout + done.stderr).split())) == expected.tobytes()
