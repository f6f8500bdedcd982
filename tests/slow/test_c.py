"""C files of the named networks: a thousand inputs, two compilers, two levels, sanitizers, and a Cortex-M4.

`-rP` shows the bytes that each compiler makes of them.
"""

import itertools
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import tinydl as td
from tinydl.export.program import laid, seen

NAMES = ["digits_cnn", "lenet5", "mnist_cnn", "resnet20", "ds_cnn", "m5"]
BOARD = Path(__file__).parents[2] / "examples" / "cortex_m4"
FLAGS = ["-std=c99", "-Wall", "-Wextra", "-Wconversion", "-Werror"]
LEVELS = [["-O0"], ["-Os"], ["-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]]
MAIN = """\
#include <stdio.h>
#include "model.c"
int main(void)
{
    static T x[MODEL_INPUT_SIZE], y[MODEL_OUTPUT_SIZE];
    while (fread(x, sizeof x, 1, stdin) == 1) {
        model_predict(x, y);
        if (fwrite(y, sizeof y, 1, stdout) != 1)
            return 1;
    }
    return 0;
}
"""


def network(name, n):
    """(network with running statistics, n inputs)."""
    td.manual_seed(0)
    net, rng = getattr(td.models, name)(), np.random.default_rng(0)
    for norm in (module for module in net.modules() if getattr(module, "running_mean", None) is not None):
        norm.running_mean[...] = rng.normal(0, 0.3, norm.num_features)
        norm.running_var[...] = rng.uniform(0.5, 2, norm.num_features)
    return net, rng.normal(size=(n, *td.models.INPUT_SHAPES[name])).astype(np.float32)


def quantized(name, n):
    """(network in integers, n inputs as rows, the rows of its results)."""
    net, x = network(name, n)
    q = td.quantize(net, x[:50])
    integers = q.input_integers(1.2 * x)  # some beyond the range of the sample
    return q, laid(integers), laid(q.integers(integers))


def answers(rows, folder, compiler, *flags):
    """What model.c in the folder computes of rows, as bytes."""
    kind = "int8_t" if rows.dtype == np.int8 else "float"
    subprocess.run([compiler, *FLAGS, *flags, f"-DT={kind}", "main.c", "-o", "main"], cwd=folder, check=True)
    done = subprocess.run([folder / "main"], input=rows.tobytes(), capture_output=True, check=True)
    assert not done.stderr
    return done.stdout


def builds(name, full):
    """Compilers that are there, each with each level; in the short form they compile large constants once."""
    levels = LEVELS if full or name not in ("mnist_cnn", "resnet20") else [["-Os"]]
    return itertools.product(filter(shutil.which, ("gcc", "clang")), levels)


def tell_size(name, folder, compiler):
    """Print what a file of constants, code and static memory takes."""
    subprocess.run([compiler, *FLAGS, "-Os", "-c", "model.c", "-o", "model.o"], cwd=folder, check=True)
    done = subprocess.run(["size", "-A", "model.o"], cwd=folder, capture_output=True, text=True, check=True)
    found = {line.split()[0]: int(line.split()[1]) for line in done.stdout.splitlines() if line.startswith(".")}
    constants = sum(n for section, n in found.items() if section.startswith((".rodata", ".data.rel.ro")))
    memory = sum(found.get(section, 0) for section in (".bss", ".data"))
    print(f"{name}, {compiler} -Os: {found['.text']:,} code, {constants:,} constants, {memory:,} memory")


@pytest.mark.parametrize("name", NAMES)
def test_the_same_integers(name, trials, full, tmp_path):
    q, rows, expected = quantized(name, trials("inputs of C files"))
    td.to_c(q, tmp_path / "model.c")
    (tmp_path / "main.c").write_text(MAIN)
    assert len(np.unique(expected)) > 10
    for compiler, flags in builds(name, full):
        if flags == ["-Os"]:
            tell_size(name, tmp_path, compiler)
        n = len(rows) if len(flags) == 1 else max(1, len(rows) // 10)  # sanitizers take ten times as long
        assert answers(rows[:n], tmp_path, compiler, *flags) == expected[:n].tobytes(), (compiler, flags)


@pytest.mark.parametrize("name", NAMES)
def test_floats_are_those_of_the_predictor(name, trials, full, tmp_path):
    net, x = network(name, max(2, trials("inputs of C files") // 20))
    td.to_c(net, tmp_path / "model.c", x.shape[1:])
    (tmp_path / "main.c").write_text(MAIN)
    expected = td.freeze(net)(x)
    for compiler, flags in builds(name, full):
        got = np.frombuffer(answers(laid(x), tmp_path, compiler, *flags), np.float32)
        got = seen(got.reshape(len(x), -1), expected.shape[1:])
        assert np.abs(got - expected).max() <= 1e-5 * np.abs(expected).max(), (compiler, flags)


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
