"""Reading ONNX files."""

__all__: list[str] = []  # of names: the modules have them
