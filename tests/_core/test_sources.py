"""The order of the core, read from its sources: few arguments, short files, one door to each type, no needless table.

`python bench/sources.py` prints how far each file is from the figures below.
"""

import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
if not (ROOT / "bench/sources.py").exists() or not (ROOT / "tinydl/_core/array.pxd").exists():
    pytest.skip("the sources are not part of this tree", allow_module_level=True)
sys.path.append(str(ROOT))

from bench import sources  # noqa: E402 - the path comes first

MOST_LINES = 400
MOST_ARGUMENTS = 8          # of a function of the core
MOST_OF_AN_ENTRY = 12       # of one that Python calls
LEAST_COMMENTS = 18         # percent of the lines of all .pyx files that are not blank

# The functions that array.pxd declares below what it says of `import_array`.
ARRAY = ROOT / "tinydl/_core/array.pxd"
TABLE = set(re.findall(r"\bPyArray_\w+", ARRAY.read_text().split("import_array", 1)[1]))

CYTHON, HEADERS = sources.files(".pyx", ".pxd"), sources.files(".h")


def named(path):
    return path.relative_to(ROOT / "tinydl").as_posix()


@pytest.mark.parametrize("path", CYTHON + HEADERS, ids=named)
def test_functions_take_few_arguments(path):
    long = [f"line {f.line}: {f.name} takes {f.arguments}" for f in sources.functions(path)
            if f.arguments > (MOST_OF_AN_ENTRY if f.kind in ("def", "cpdef") else MOST_ARGUMENTS)]
    assert not long, "\n".join(long)


def test_files_are_short():
    lines = {named(path): len(path.read_text().splitlines()) for suffix in ("py", "pyi", "pyx", "pxd", "h")
             for path in (ROOT / "tinydl").rglob(f"*.{suffix}")}
    assert len(lines) > 300 and max(lines.values()) <= MOST_LINES, {n: k for n, k in lines.items() if k > MOST_LINES}


@pytest.mark.parametrize("path", sources.files(".pyx"), ids=named)
def test_no_kernel_names_the_function_of_one_type(path):
    text = sources.code(path)
    found = [f"line {text.count(chr(10), 0, m.start()) + 1}: {m[0]}" for m in re.finditer(r"\b\w+_[fd]\b", text)]
    assert not found, "fused wrappers in a .pxd stand for both types\n" + "\n".join(found)


@pytest.mark.parametrize("path", sources.files(".pyx"), ids=named)
def test_only_declarations_ask_for_the_type(path):
    text = sources.code(path)
    found = [text.count("\n", 0, m.start()) + 1 for m in re.finditer(r"\breal\s+is\s+(not\s+)?\w+", text)]
    assert not found, f"`real is ...` at lines {found}: it belongs into the .pxd that fronts the C header"


@pytest.mark.parametrize("path", [path for path in CYTHON if path != ARRAY], ids=named)
def test_table_of_numpy_is_filled_where_it_is_used(path):
    """A call through a table that is not filled ends the process; one that nothing uses is code for nothing."""
    text = re.sub(r"from [\w.]+ cimport (\([^)]*\)|.*)", "", sources.code(path))
    calls = [name for name in sorted(TABLE) if re.search(rf"\b{name}\b", text)]
    assert ("import_array()" in text) == bool(calls), calls
    assert not (calls and path.suffix == ".pxd"), "it is inlined into modules that may have none"


def test_each_header_has_one_front():
    """A C header is declared to Cython in one place."""
    fronts = {}
    for path in CYTHON:
        for match in sources.EXTERN.finditer(path.read_text()):
            fronts.setdefault(match["header"], set()).add(named(path))
    several = {header: sorted(files) for header, files in fronts.items() if len(files) > 1}
    assert not several


def test_every_header_is_read():
    used = {target for targets in sources.cimports().values() for target in targets}
    assert {f"src/{path.name}" for path in HEADERS} <= used


def test_comments_are_enough():
    assert sources.share(sources.files(".pyx")) >= LEAST_COMMENTS


# --- the reader itself -----------------------------------------------------------------------------------------------

PYX = '''"""A module.

Two paragraphs."""

from cython.parallel cimport prange

cdef extern from "src/x.h" nogil:
    void td_many(int a, int b, int c) noexcept   # not its own

cdef enum:
    SIZE = 4    # trailing

cdef struct Plan:
    Py_ssize_t n

ctypedef void (*task)(const void *state, Py_ssize_t n) noexcept nogil


cdef inline real pick(const real *a, Py_ssize_t n,
                      Py_ssize_t[4] at) noexcept nogil:
    # A reason.
    cdef Py_ssize_t k = at[0], m = lanes(a, n)
    return a[k]


cdef class Net:
    def run(self, x, *, int n_threads=1, text="# no, (comment"):
        """One line."""
        s = """not a docstring"""
        return s
'''
HEADER = """/* Two
   lines. */
#define TD_MAKE(N)                       \\
    static void NAME(run_##N)(int a, int b, const int *c) { \\
        f(a);                            \\
    }
#define TD_LOOP for (int i = 0; i < 4; i++)
typedef struct {
    int x;
} td_x;
static const int table[2] = {1, 2};
TD_INLINE int NAME(sum)(const T *x, ptrdiff_t n) { // trailing
    if (n) { return g(x, n); }
    return 0;
}
static inline void td_nothing(void) {}
__attribute__((noinline)) static int td_call(int (*f)(int, int), int x) {
    return f(x, 1);
}
"""


@pytest.fixture
def tree(tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "CORE", tmp_path)
    for name, text in (("a/net.pyx", PYX), ("a/base.pxd", "# One.\n\ncdef int f(int a, int b) except -1\n"),
                       ("base.pyx", "from tinydl._core.a cimport base as b, net\nfrom tinydl._core.a.base cimport (\n"
                                    "    f,\n)\ncimport tinydl._core.deep.x\n"), ("src/x.h", HEADER)):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return tmp_path


def test_functions_and_their_arguments_are_read(tree):
    assert [(f.name, f.line, f.kind, f.arguments) for f in sources.functions(tree / "a/net.pyx")] == [
        ("task", 16, "pointer", 2), ("pick", 19, "cdef", 3), ("run", 27, "def", 3)]
    assert [(f.name, f.arguments) for f in sources.functions(tree / "a/base.pxd")] == [("f", 2)]
    assert [(f.name, f.line, f.arguments) for f in sources.functions(tree / "src/x.h")] == [
        ("NAME(run_##N)", 4, 3), ("NAME(sum)", 12, 2), ("td_nothing", 16, 0), ("td_call", 17, 2)]


def test_comment_lines_are_counted(tree):
    # Docstrings of 3 lines less a blank one and of 1, one comment line; 20 lines are not blank.
    assert sources.commented(tree / "a/net.pyx") == (4, 20)
    assert sources.commented(tree / "src/x.h") == (2, 19)
    assert sources.share([tree / "a/net.pyx", tree / "a/base.pxd"]) == 100 * 5 / 22


def test_cimports_are_read(tree):
    assert sources.cimports() == {
        "a.base": [], "a.net": ["src/x.h"], "base": ["a.base", "a.net", "deep.x"], "src/x.h": []}


def test_code_keeps_its_lines(tree):
    text = sources.code(tree / "a/net.pyx")
    assert text.count("\n") == PYX.count("\n")
    assert "reason" not in text
    assert "comment" not in text
    assert text.split("\n")[21].strip() == "cdef Py_ssize_t k = at[0], m = lanes(a, n)"
