"""Trained models for elsewhere: ONNX files both ways, integers, C, and signals that never end."""

from tinydl.export import c, onnx
from tinydl.export.c import to_c
from tinydl.export.onnx import from_onnx, to_onnx
from tinydl.export.predictor import load_predictor
from tinydl.export.quantize import Quantized, quantize
from tinydl.export.stream import Stream, stream

__all__ = ["Quantized", "Stream", "c", "from_onnx", "load_predictor", "onnx", "quantize", "stream", "to_c", "to_onnx"]
