"""What the sources of the core say: who cimports whom, the functions and their arguments, the share of comments.

    python bench/sources.py     # lines, share of comments and the longest list of arguments, file by file

The tests of the core's order (tests/_core/test_sources.py) and its picture (bench/core_picture.py) read the same lists.
Nothing is imported or compiled: a lexer that knows strings and comments, and the few forms that declarations have.
"""

import re
from dataclasses import dataclass
from pathlib import Path

__all__ = [
    "BASE", "CORE", "Function", "cimports", "code", "commented", "files", "functions", "is_called", "module", "room",
    "share", "summary",
]

ROOT = Path(__file__).resolve().parents[1]
CORE = ROOT / "tinydl/_core"

# What every room stands on: the door to pointers, the pool of memory, threads, what kernels do on the way, vectors.
BASE = ("array", "lock", "memory", "operands", "parallel", "rounding", "vector")

CYTHON = re.compile(r'(?P<text>[rbfu]*"""(?s:.*?)"""|[rbfu]*"(?:\\.|[^"\\\n])*"|[rbfu]*\'(?:\\.|[^\'\\\n])*\')'
                    r"|(?P<comment>#[^\n]*)")
C = re.compile(r'(?P<text>"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\')|(?P<comment>/\*(?s:.*?)\*/|//[^\n]*)')
CYTHON_DEFINITION = re.compile(r"^[ \t]*(?P<kind>cdef|cpdef|def)\s+(?P<type>(?:[^=():\n]|\[[^\n]*?\])*?)"
                               r"(?P<name>\w+)[ \t]*\(", re.MULTILINE)
FUNCTION_POINTER = re.compile(r"^[ \t]*ctypedef\s+[^=():\n]*\(\s*\*\s*(?P<name>\w+)\s*\)\s*\(", re.MULTILINE)
C_DEFINITION = re.compile(r"\b(?P<name>\w+(?:\s*\(\s*[\w#]+\s*\))?)\s*\(", re.ASCII)


@dataclass(frozen=True)
class Function:
    """A function as its source defines or declares it; `arguments` leaves out self."""

    name: str
    line: int
    kind: str
    arguments: int


def files(*suffixes):
    """The core's files that end in one of `suffixes`, in order; what Cython has written is left out."""
    return sorted(p for p in CORE.rglob("*") if p.suffix in suffixes and "__pycache__" not in p.parts)


def module(path):
    """The name of a file below `tinydl._core`: conv/forward.pyx is "conv.forward", src/tile.h "src/tile.h"."""
    relative = path.relative_to(CORE)
    return relative.as_posix() if path.suffix == ".h" else ".".join(relative.with_suffix("").parts)


def room(name):
    """The room of a module: "headers", "base", a folder, "shared" (nothing for Python), or a file by itself."""
    if name.endswith(".h"):
        return "headers"
    if name in BASE:
        return "base"
    if "." in name:
        return name.split(".")[0]
    return name if is_called(name) else "shared"


def is_called(name):
    """Whether a module has functions that Python calls."""
    path = (CORE / name.replace(".", "/")).with_suffix(".pyx")
    return path.exists() and any(f.kind != "cdef" and f.kind != "pointer" for f in functions(path))


def summary(path):
    """The first sentence of what a file says of itself."""
    text = path.read_text()
    if path.suffix == ".pxd":
        text = " ".join(line.lstrip("# ") for line in re.match(r"(?:#[^\n]*\n)*", text)[0].splitlines())
    else:
        found = re.match(r'\s*"""(?P<py>.*?)"""|\s*/\*(?P<c>.*?)\*/', text, re.DOTALL)
        text = (found["py"] or found["c"] or "") if found else ""
    sentence = re.match(r".*?(?:[.:](?=\s|$)|$)", " ".join(text.split()))[0]
    return sentence.rstrip(".:")


def _blank(text):
    return re.sub(r"[^\n]", " ", text)


def code(path):
    """The text of a file, its strings and comments blanked, every line in its place."""
    lexer = C if path.suffix == ".h" else CYTHON
    return lexer.sub(lambda match: _blank(match[0]), path.read_text())


def commented(path):
    """(lines that are nothing but comment or docstring, lines that are not blank)."""
    text = path.read_text()
    rest = (C if path.suffix == ".h" else CYTHON).sub(
        lambda match: _blank(match[0]) if match["comment"] or _is_statement(text, match) else match[0], text)
    lines = [(whole, left) for whole, left in zip(text.split("\n"), rest.split("\n"), strict=True) if whole.strip()]
    return sum(not left.strip() for _, left in lines), len(lines)


def _is_statement(text, match):
    """Whether a string is a docstring: nothing else stands before it on its line."""
    before = text[text.rfind("\n", 0, match.start()) + 1:match.start()]
    return match[0].lstrip("rbfu").startswith('"""') and not before.strip()


def share(paths):
    """Percentage of comment and docstring lines among the lines of `paths` that are not blank."""
    counts = [commented(path) for path in paths]
    return 100 * sum(n for n, _ in counts) / max(1, sum(n for _, n in counts))


# --- functions -------------------------------------------------------------------------------------------------------

def _closing(text, opening):
    """Index of the bracket that closes the one at `opening`."""
    depth = 0
    for k in range(opening, len(text)):
        depth += (text[k] in "([{") - (text[k] in ")]}")
        if depth == 0:
            return k
    return len(text)


def _arguments(text):
    """How many arguments a list has, `self` not counted."""
    depth, parts = 0, [""]
    for letter in text:
        depth += (letter in "([{") - (letter in ")]}")
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    names = [part.strip() for part in parts]
    return sum(name not in ("", "void", "self", "*", "/") for name in names)


def functions(path):
    """Every function that a file defines or declares for others; what it merely declares `extern` is its header's."""
    text = code(path)
    return sorted(_c_functions(text) if path.suffix == ".h" else _cython_functions(text), key=lambda f: f.line)


def _cython_functions(text):
    for pattern in (CYTHON_DEFINITION, FUNCTION_POINTER):
        for match in pattern.finditer(text):
            opening = match.end() - 1
            end = _closing(text, opening)
            kind = match.groupdict().get("kind") or "pointer"
            if kind == "cdef" and re.match(r"(extern|enum|struct|class|packed)\b", match["type"].strip()):
                continue
            yield Function(match["name"], text.count("\n", 0, match.start("name")) + 1, kind,
                           _arguments(text[opening + 1:end]))


def _c_functions(text):
    # The body of a macro that makes functions is read like the file itself.
    joined = re.sub(r"\\\n", lambda _: " \v", text)
    plain = []
    for line in joined.split("\n"):
        macro = re.match(r"\s*#\s*define\s+\w+(\([^)]*\))?", line)
        if macro:
            plain.append("; " + line[macro.end():] + " ;")
        else:
            plain.append("" if line.lstrip().startswith("#") else line)
    text = "\n".join(plain).replace("\v", "\n")
    k = start = 0
    while k < len(text):
        if text[k] == "(":
            k = _closing(text, k)
        elif text[k] in ";}":
            start = k + 1
        elif text[k] == "{":
            head = text[start:k].rstrip()
            # The last list of arguments: NAME(x)(a, b) has two, and __attribute__((..)) stands in front of the name.
            last = next((m for m in C_DEFINITION.finditer(head) if _closing(head, m.end() - 1) == len(head) - 1), None)
            if last and "=" not in head:
                yield Function(re.sub(r"\s", "", last["name"]), text.count("\n", 0, start + last.start()) + 1, "C",
                               _arguments(head[last.end():-1]))
            k = _closing(text, k)
            start = k + 1
        k += 1


# --- who cimports whom -----------------------------------------------------------------------------------------------

FROM = re.compile(r"^[ \t]*from\s+tinydl\._core(?:\.(?P<module>[\w.]+))?\s+cimport\s+(?P<names>\([^)]*\)|[^\n]*)",
                  re.MULTILINE)
WHOLE = re.compile(r"^[ \t]*cimport\s+tinydl\._core\.(?P<module>[\w.]+)", re.MULTILINE)
EXTERN = re.compile(r'^[ \t]*cdef\s+extern\s+from\s+"(?P<header>src/\w+\.h)"', re.MULTILINE)
INCLUDE = re.compile(r'^[ \t]*#\s*include\s+"(?:src/)?(?P<header>\w+\.h)"', re.MULTILINE)


def cimports(parts=False):
    """{module: modules and headers that it reads}, a .pyx and its .pxd together, headers as "src/name.h".

    With `parts` a .pyx stands apart from its .pxd, as "name.pyx", and reads it.
    """
    found = {}
    names = {module(path) for path in files(".pyx", ".pxd")}
    for path in files(".pyx", ".pxd", ".h"):
        name = module(path)
        apart = parts and path.suffix == ".pyx" and path.with_suffix(".pxd").exists()
        uses = found.setdefault(f"{name}.pyx" if apart else name, {name} if apart else set())
        text = path.read_text()
        if path.suffix == ".h":
            uses |= {f"src/{match['header']}" for match in INCLUDE.finditer(text)}
            continue
        uses |= {match["header"] for match in EXTERN.finditer(text)}
        text = code(path)
        uses |= {match["module"] for match in WHOLE.finditer(text)}
        for match in FROM.finditer(text):
            for name in re.findall(r"\w+", re.sub(r"\bas\s+\w+", "", match["names"])):
                full = f"{match['module']}.{name}" if match["module"] else name
                uses.add(full if full in names else match["module"])
    return {name: sorted(uses - {name, None}) for name, uses in sorted(found.items())}


def main():
    print(f"{'file':<30} {'lines':>5} {'comments':>8}  {'arguments':>9}")
    for path in files(".pyx", ".pxd", ".h"):
        most = max(functions(path), key=lambda f: f.arguments, default=None)
        lines, longest = len(path.read_text().splitlines()), f"{most.arguments:>9} {most.name}" if most else f"{'-':>9}"
        print(f"{path.relative_to(CORE).as_posix():<30} {lines:>5} {share([path]):>6.1f} %  {longest}")
    for suffix in (".pyx", ".pxd", ".h"):
        print(f"{'all ' + suffix:<36} {share(files(suffix)):>6.1f} %")


if __name__ == "__main__":
    main()
