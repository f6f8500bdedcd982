"""The package onnx, or what to do without it."""

import sys

import pytest

from tinydl.export.onnx.package import package


def test_what_to_do_without_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match=r"pip install 'tinydl-cnn\[onnx\]'"):
        package()
