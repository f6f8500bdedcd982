"""to_c: a network as one C file."""

from __future__ import annotations

import keyword
import math
from typing import TYPE_CHECKING

from tinydl._files import atomic_write
from tinydl._version import __version__
from tinydl.export.c import float32, int8
from tinydl.export.c.text import renamed
from tinydl.export.program import program
from tinydl.export.quantize import Quantized

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tinydl._types import Path
    from tinydl.nn.module import Module

__all__ = ["to_c"]

_WORDS = frozenset((
    "auto", "break", "case", "char", "const", "continue", "default", "do", "double", "else", "enum", "extern",
    "float", "for", "goto", "if", "inline", "int", "long", "main", "register", "restrict", "return", "short",
    "signed", "sizeof", "static", "struct", "switch", "typedef", "union", "unsigned", "void", "volatile", "while",
))


def to_c(network: Quantized | Module, path: Path, input_shape: Sequence[int] | None = None, *,
         name: str = "model") -> None:
    """Write a network as one C99 file that needs no library.

    The file has one function, ``void NAME_predict(const T *x, T *y)``, with T float or, of a quantised network, int8_t.
    Weights are constants, activations lie in one static block whose places are planned; nothing is allocated and
    nothing of the C library is called. One call at a time: two threads need two copies of the file under two names.

    Parameters
    ----------
    network : Quantized or Module
        What `quantize` returned, whose integers the file computes bit for bit; or a model with float32 parameters,
        which the file computes to rounding.
    path : path-like
        The file, which is written whole or not at all.
    input_shape : tuple of int
        Shape of one sample, of a Module.
    name : str
        What every name in the file begins with.

    Raises
    ------
    TypeError
        If the network is neither, or parameters are not float32.
    ValueError
        If an operation has no form in steps of single images, the model's code is more than a graph of operations, or
        the name is none in C.

    Notes
    -----
    x and y hold images channels-last, as cameras give them: x[(row * W + column) * C + channel], and signals likewise.
    With one channel that is NumPy's order. Head and macros of the file say sizes and, in integers, scales.

    See Also
    --------
    quantize : A network in integers.
    """
    if not isinstance(name, str) or not name.isidentifier() or not name.isascii() or name in _WORDS \
            or keyword.iskeyword(name):
        raise ValueError(f"to_c: name must be an identifier of C, got {name!r}")
    if isinstance(network, Quantized):
        if input_shape not in (None, network.input_shape):
            raise ValueError(f"to_c: the quantised network takes {network.input_shape}, got input_shape {input_shape}")
        text = _file(network.program, int8, name, network)
    else:
        if input_shape is None:
            raise TypeError("to_c needs the input_shape of a model, the shape of one sample, such as (3, 32, 32)")
        text = _file(program(network, input_shape, "to_c"), float32, name, None)
    with atomic_write(path) as file:
        file.write(text.encode("ascii"))


def _file(steps, form, name, quantized):
    """The text of the file."""
    places, block = steps.places()
    block = max(block, 1)

    def at(store):
        if store in (steps.x, steps.y):
            return "x" if store == steps.x else "y"
        return f"{name}_block + {places[store]}"

    constants = [part for k, step in enumerate(steps.steps) for part in form.constants(step, name, k)]
    body = [line for k, step in enumerate(steps.steps) for line in form.call(step, name, k, at, steps.sizes)]
    uses_block = any(f"{name}_block" in line for line in body)
    parts = [_head(steps, form, name, quantized, block if uses_block else 0), "#include <stdint.h>\n",
             _macros(steps, name, quantized), f"void {name}_predict(const {form.KIND} *x, {form.KIND} *y);\n",
             *(renamed(text, name) for text in form.functions(steps.steps)), *constants]
    if uses_block:
        parts.append(f"static {form.KIND} {name}_block[{block}];\n")
    lines = "\n    ".join(body)
    parts.append(f"void {name}_predict(const {form.KIND} *x, {form.KIND} *y)\n{{\n    {lines}\n}}\n")
    return "\n".join(parts)


def _layout(shape):
    """How entries of a sample lie, in words."""
    if len(shape) == 3 and math.prod(shape[1:]) > 1:
        return "{1} x {2} pixels of {0} channel(s), [row][column][channel]".format(*shape)
    if len(shape) == 2 and shape[1] > 1:
        return "{1} positions of {0} channel(s), [position][channel]".format(*shape)
    return f"{math.prod(shape)} numbers"


def _head(steps, form, name, quantized, block):
    size = 1 if quantized else 4
    kept = sum(step.weight.nbytes + step.bias.nbytes + (step.multiplier.nbytes if quantized else 0)
               for step in steps.steps if step.kind == "conv")
    kept += sum(256 for step in steps.steps if step.kind == "map" and quantized)
    lines = [f"{steps.name} in {'8-bit integers' if quantized else 'float32'}, written by tinydl {__version__}.",
             f"    {form.KIND} x[{math.prod(steps.input_shape)}], y[{math.prod(steps.output_shape)}];",
             f"    {name}_predict(x, y);",
             f"x: {_layout(steps.input_shape)}", f"y: {_layout(steps.output_shape)}",
             f"{kept:,} bytes of constants, {block * size:,} bytes of memory, {steps.macs:,} multiply-adds.",
             "C99, int of 32 bits, no library. One call at a time: the memory is static."]
    if quantized:
        lines.insert(5, "An integer q stands for SCALE * (q - ZERO), see the macros; q is round(value / SCALE) + ZERO, "
                        "cut off at -128 and 127.")
    return "/* " + "\n * ".join(lines) + "\n */"


def _macros(steps, name, quantized):
    macro = name.upper()
    found = {"INPUT_SIZE": math.prod(steps.input_shape), "OUTPUT_SIZE": math.prod(steps.output_shape)}
    if quantized:
        for side, scale in (("INPUT", quantized.input_scale), ("OUTPUT", quantized.output_scale)):
            found |= {f"{side}_SCALE": repr(scale.scale), f"{side}_ZERO": f"({scale.zero})"}
    return "".join(f"#define {macro}_{key} {value}\n" for key, value in found.items())
