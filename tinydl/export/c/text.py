"""How numbers and loops stand in a C file."""

import numpy as np

__all__ = ["array", "copy_loops", "record", "renamed"]

_WIDTH = 116


def renamed(template, name):
    """A piece of C in which NAME is the prefix of all that a file defines."""
    return template.replace("NAME", name)


def number(value):
    """A number as a C constant of its type."""
    if isinstance(value, (float, np.floating)):
        text = repr(float(np.float32(value)))
        # The shortest decimal that float32 reads back.
        text = min((f"{np.float32(value)!s}", text), key=len)
        return text + ("f" if "." in text or "e" in text else ".0f")
    return "(-2147483647 - 1)" if int(value) == -2**31 else str(int(value))


def array(kind, name, values):
    """A constant array."""
    values = np.asarray(values).reshape(-1)
    if values.dtype == np.float32:
        entries = [number(v) for v in values]
    else:
        entries = [number(v) for v in values.tolist()]
    lines, line = [], ""
    for entry in entries:
        if len(line) + len(entry) + 1 > _WIDTH:
            lines.append(line)
            line = ""
        line += entry + ","
    lines.append(line.rstrip(","))
    body = "\n    ".join(lines)
    return f"static const {kind} {name}[{len(entries)}] = {{\n    {body}\n}};\n"


def record(kind, name, fields):
    """A constant struct."""
    body = ", ".join(f".{field} = {value if isinstance(value, str) else number(value)}"
                     for field, value in fields.items())
    lines, line = [], ""
    for part in body.split(" "):
        if len(line) + len(part) + 1 > _WIDTH:
            lines.append(line.rstrip())
            line = ""
        line += part + " "
    lines.append(line.rstrip())
    return f"static const {kind} {name} = {{\n    " + "\n    ".join(lines) + "\n};\n"


def copy_loops(step, x, y, assigned, n_out, fill):
    """The statements of a copy.

    Parameters
    ----------
    step : Step
    x, y : str
        Expressions of the two arrays.
    assigned : callable
        Makes the expression that is stored of that of an entry.
    n_out : int
        Elements of the result's store, which are all filled first where there is a `fill`, a C constant.
    """
    lines = ["{"]
    if fill is not None:
        lines.append(f"    for (int k = 0; k < {n_out}; k++) {y}[k] = {fill};")
    source, place, depth = str(step.x_at), str(step.y_at), 1
    for k, (n, s, t) in enumerate(step.axes):
        lines.append("    " * depth + f"for (int i{k} = 0; i{k} < {n}; i{k}++)")
        source, place, depth = f"{source} + i{k} * {s}", f"{place} + i{k} * {t}", depth + 1
    lines.append("    " * depth + f"{y}[{place}] = {assigned(f'{x}[{source}]')};")
    return [*lines, "}"]
