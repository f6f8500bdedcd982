"""tinydl.sklearn holds ordinary classes, and is not loaded with tinydl."""

import subprocess
import sys

import pytest

pytest.importorskip("sklearn")


def test_ordinary_classes():
    from tinydl.sklearn import CNNClassifier, CNNRegressor

    for kind in (CNNClassifier, CNNRegressor):
        assert getattr(sys.modules[kind.__module__], kind.__qualname__) is kind
        assert "random_state" in kind.__doc__ and "net_ :" in kind.__doc__


def test_without_scikit_learn():
    code = "import sys; sys.modules['sklearn'] = None\nimport tinydl\ntinydl.sklearn"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.strip().splitlines()[-1] == ("ImportError: the estimators need scikit-learn: pip install "
                                                    "'tinydl-cnn[sklearn]' (in a clone of the source: pip install "
                                                    "'.[sklearn]')")
