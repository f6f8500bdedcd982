"""Trained models for elsewhere: ONNX files both ways, integers, and C."""

from tinydl.export.onnx import from_onnx, to_onnx

__all__ = ["from_onnx", "to_onnx"]
