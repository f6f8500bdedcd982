"""Trained models for elsewhere: ONNX files both ways, integers, and C."""
