"""Networks as scikit-learn estimators; it needs scikit-learn."""

from tinydl.interop.sklearn import CNNClassifier, CNNRegressor

__all__ = ["CNNClassifier", "CNNRegressor"]
