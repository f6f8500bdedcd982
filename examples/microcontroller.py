"""Train a network on digits, make integers of it, and let a microcontroller answer the same, bit for bit.

    python examples/microcontroller.py [--short] [--out FOLDER]

With gcc-arm-none-eabi and qemu-system-arm (Debian's packages) it is an emulated Cortex-M4 that answers; without them
the C file runs on this machine. It takes 7 s.
"""

import argparse
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np

import tinydl as td
from tinydl.data import Batches, load_digits
from tinydl.inspect import plots
from tinydl.train import Trainer, accuracy, confusion_matrix, predict

BOARD = Path(__file__).with_name("cortex_m4")
MAIN = """#include <stdio.h>
#include "model.c"
#include "inputs.h"
int main(void) {
    int8_t y[MODEL_OUTPUT_SIZE];
    for (unsigned n = 0; n < sizeof inputs / sizeof inputs[0]; n++) {
        model_predict(inputs[n], y);
        for (int k = 0; k < MODEL_OUTPUT_SIZE; k++) printf("%02x", (unsigned char)y[k]);
    }
}"""


def answers(q, integers, folder):
    """(who answered, int8 outputs (N, 10)) of the C file of a network for single-channel images."""
    td.to_c(q, folder / "model.c")
    rows = ",\n".join("{" + ",".join(map(str, row)) + "}" for row in integers.reshape(len(integers), -1).tolist())
    (folder / "inputs.h").write_text(f"static const int8_t inputs[][MODEL_INPUT_SIZE] = {{\n{rows}}};\n")
    if shutil.which("arm-none-eabi-gcc") and shutil.which("qemu-system-arm"):
        for file in BOARD.iterdir():
            shutil.copy(file, folder)
        run = ["qemu-system-arm", "-M", "mps2-an386", "-nographic", "-semihosting", "-kernel", "model.elf"]
        who, build = "a Cortex-M4", ["arm-none-eabi-gcc", "-mcpu=cortex-m4", "-mthumb", "-Os", "-ffreestanding",
                                     "-nostdlib", "-T", "memory.ld", "start.c", "-lgcc", "-o", "model.elf"]
    else:
        (folder / "main.c").write_text(MAIN)
        who, build, run = "this machine", ["cc", "-std=c99", "-Os", "main.c", "-o", "main"], ["./main"]
    subprocess.run(build, cwd=folder, check=True)
    done = subprocess.run(run, cwd=folder, capture_output=True, text=True, check=True)
    return who, np.frombuffer(bytes.fromhex("".join((done.stdout + done.stderr).split())), np.int8).reshape(-1, 10)


def main(short=False, out="."):
    td.manual_seed(0)
    train, test = load_digits()
    net = td.models.digits_cnn()
    optimizer = td.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
    Trainer(net, optimizer).fit(train, epochs=2 if short else 15, batch_size=64, progress=False)
    images, labels = next(iter(Batches(test, len(test))))
    q = td.quantize(net, next(iter(Batches(train, 200)))[0])
    integers = q.input_integers(images)
    with tempfile.TemporaryDirectory() as folder:
        who, device = answers(q, integers, Path(folder))
    print(repr(q).replace(", ", "\n  "))
    print(f"float32: {accuracy(labels, predict(net, test)):.4f} right, "
          f"integers on {who}: {accuracy(labels, device):.4f}")
    same = np.array_equal(device, q.integers(integers))
    print(f"{who} answers {'as Python does, bit for bit' if same else 'OTHERWISE than Python'}, {len(device)} times")
    figure = plots.confusion(confusion_matrix(labels, device), title=f"Handwritten digits, in integers on {who}")
    plots.save(figure, Path(out) / "microcontroller.png")
    return same


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true", help="train less")
    parser.add_argument("--out", default=".", help="folder for the picture")
    main(**vars(parser.parse_args()))
