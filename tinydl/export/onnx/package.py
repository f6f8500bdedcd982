"""The package onnx, which the files need and nothing else."""

__all__ = ["package"]


def package():
    """The package onnx with the parts that are used here.

    Raises
    ------
    ImportError
        With what to do where there is none.
    """
    try:
        import onnx
        import onnx.checker
        import onnx.helper
        import onnx.numpy_helper
        import onnx.shape_inference
    except ImportError:
        from tinydl._name import how_to_install

        raise ImportError(f"ONNX files need the package onnx: {how_to_install('onnx')}") from None
    return onnx
