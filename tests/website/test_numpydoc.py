"""Docstrings as Markdown: what a product or an underscore says stays as it is written."""

from tools.website import numpydoc

TEXT = """Sum of x*y over a_i: see `tinydl.ops` and ``a * b``.

    y = a * b

Parameters
----------
x : array, shape (N, C)
    Rows.

    More of them.
y : int

Returns
-------
Tensor

Examples
--------
>>> f(1)
2
"""


def test_literal():
    assert numpydoc.rendered(TEXT) == r"""Sum of x\*y over a\_i: see `tinydl.ops` and `a * b`.

```text
y = a * b
```

**Parameters**

- **x** : array, shape (N, C)

    Rows.

    More of them.

- **y** : int

**Returns**

- **Tensor**

**Examples**

```pycon
>>> f(1)
2
```"""


def test_sections():
    assert [head for head, _ in numpydoc.sections(TEXT)] == [None, "Parameters", "Returns", "Examples"]
    assert numpydoc.sections("One line.") == [(None, "One line.")]
