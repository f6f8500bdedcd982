"""scikit-learn's own checks of estimators."""

import pytest

pytest.importorskip("sklearn")

from sklearn.utils.estimator_checks import check_estimator


@pytest.mark.parametrize("name", ["CNNClassifier", "CNNRegressor"])
def test_check_estimator(name):
    import tinydl.sklearn

    check_estimator(getattr(tinydl.sklearn, name)(), on_skip=None)
