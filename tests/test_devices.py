"""The one device."""

import pytest

import tinydl as td


def test_the_cpu():
    device = td.device("cpu")
    assert device == "cpu" and device.type == "cpu" and repr(device) == "device(type='cpu')" and device.index is None
    assert td.device("cpu:0") == device and td.zeros(1).device == device
    assert td.cuda.device_count() == 0 and td.cuda.manual_seed_all(1) is td.cuda.manual_seed(1) is None
    for absent in (td.cuda, td.accelerator, td.backends.mps, td.backends.cudnn):
        assert absent.is_available() is False
    td.backends.cudnn.benchmark, td.backends.cudnn.deterministic = False, True
    net = td.nn.Linear(2, 1)
    assert net.to(device) is net.to("cpu") is net.cpu() is net and net.to(device, td.float64).weight.dtype == "float64"


@pytest.mark.parametrize("name", ["cuda", "mps", "cuda:0", 0])
def test_others_are_refused(name):
    with pytest.raises(ValueError, match="computes on the CPU"):
        td.device(name)
