"""ONNX files: `to_onnx` writes one, `from_onnx` reads one."""

from tinydl.export.onnx.read.network import from_onnx
from tinydl.export.onnx.table import row
from tinydl.export.onnx.writer import to_onnx

__all__ = ["from_onnx", "row", "to_onnx"]
