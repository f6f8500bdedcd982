"""Trained models for elsewhere: ONNX files both ways, integers, and C."""

from tinydl.export import c, onnx
from tinydl.export.c import to_c
from tinydl.export.onnx import from_onnx, to_onnx
from tinydl.export.predictor import load_predictor
from tinydl.export.quantize import Quantized, quantize

__all__ = ["Quantized", "c", "from_onnx", "load_predictor", "onnx", "quantize", "to_c", "to_onnx"]
