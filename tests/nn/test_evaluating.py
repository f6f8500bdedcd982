import threading

import numpy as np
import pytest

from tinydl import nn
from tinydl.nn.evaluating import evaluating, is_evaluating


def test_evaluating_changes_no_module_and_no_other_thread():
    net = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Dropout(0.5))
    net[1].eval()
    elsewhere = []
    with evaluating():
        assert [m.training for m in net.modules()] == [False] * 4
        with evaluating():
            pass
        assert not net.training
        thread = threading.Thread(target=lambda: elsewhere.append([m.training for m in net.modules()]))
        thread.start()
        thread.join()
    assert [m.training for m in net.modules()] == elsewhere[0] == [True, True, False, True]
    with pytest.raises(RuntimeError), evaluating():
        raise RuntimeError
    assert net.training
    assert not is_evaluating()


def test_layers_see_it():
    net = nn.Sequential(nn.BatchNorm1d(2), nn.Dropout(0.5))
    x = np.array([[1.0, 2.0], [3.0, 5.0]], np.float32)
    with evaluating():
        np.testing.assert_allclose(net(x).numpy(), x, rtol=1e-4)  # mean 0, variance 1, nothing dropped
    assert net[0].num_batches_tracked == 0
