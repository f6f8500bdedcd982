"""Networks that only predict: `freeze` and what it makes."""

from tinydl.inference.freeze import Predictor, freeze

__all__ = ["Predictor", "freeze"]
