"""State dicts as safetensors files; a pickle is refused with its cure."""

import numpy as np
import pytest

import tinydl as td


def test_a_state_comes_back(tmp_path):
    net = td.nn.Sequential(td.nn.Conv2d(1, 2, 3), td.nn.BatchNorm2d(2))
    td.save(net.state_dict(), tmp_path / "net.safetensors")
    other = td.nn.Sequential(td.nn.Conv2d(1, 2, 3), td.nn.BatchNorm2d(2))
    other.load_state_dict(td.load(tmp_path / "net.safetensors", map_location="cpu"))
    for a, b in zip(net.state_dict().items(), other.state_dict().items(), strict=True):
        assert a[0] == b[0] and np.array_equal(a[1], b[1])
    td.save({"x": td.tensor([1, 2])}, tmp_path / "x")
    assert td.load(tmp_path / "x")["x"].tolist() == [1, 2]


@pytest.mark.parametrize("name", ["net.pt", "net.pth", "a/net.CKPT"])
def test_pickles_are_refused_with_two_lines_that_convert(name):
    with pytest.raises(ValueError, match="Two lines convert") as caught:
        td.load(name)
    first, second = str(caught.value).splitlines()[-2:]
    assert first.strip() == "import torch, safetensors.torch"
    better = name.rpartition(".")[0] + ".safetensors"
    assert second.strip() == ("safetensors.torch.save_file({k: v.contiguous().clone() for k, v in "
                              f"torch.load({name!r}, weights_only=True).items()}}, {better!r})")


def test_the_name_of_a_pickle_gets_the_ending_of_what_is_written(tmp_path):
    path = tmp_path / "net.pt"
    with pytest.warns(UserWarning, match=r"'.*net\.pt' becomes '.*net\.safetensors'") as warned:
        td.save({"x": td.tensor([1, 2])}, path)
    assert warned[0].filename == __file__
    assert [file.name for file in tmp_path.iterdir()] == ["net.safetensors"]
    with pytest.warns(UserWarning, match=r"load reads '.*net\.safetensors', as there is no '.*net\.pt'"):
        assert td.load(path)["x"].tolist() == [1, 2]
    path.write_bytes(b"a pickle of somebody's")
    with pytest.raises(ValueError, match=r"or load '.*net\.safetensors', which is there too\)\. Two lines convert"):
        td.load(path)
    with pytest.warns(UserWarning):
        td.save({"x": td.tensor([3])}, path)
    assert path.read_bytes() == b"a pickle of somebody's"


@pytest.mark.parametrize(("state", "message"), [
    (td.zeros(1), "saved as {'x': x}"), ({"a": "text"}, "'a' is no array of numbers but str"),
    ({1: [2]}, "takes names")])
def test_other_things_are_refused(state, message, tmp_path):
    with pytest.raises(TypeError, match=message):
        td.save(state, tmp_path / "x.safetensors")
    assert not any(tmp_path.iterdir())
    with pytest.raises(ValueError, match="computes on the CPU"):
        td.load(tmp_path / "x.safetensors", map_location="cuda")


# --- files of PyTorch ------------------------------------------------------------------------------------------------

def pair():
    """A PyTorch net with random weights and statistics, tinydl's of the same kind, and an input."""
    torch = pytest.importorskip("torch")
    torch.manual_seed(1)
    nets = [nn.Sequential(nn.Conv2d(2, 4, (3, 2), padding=1), nn.BatchNorm2d(4), nn.ReLU(),
                          nn.Sequential(nn.ConvTranspose2d(4, 6, 3, 2, groups=2), nn.Conv2d(6, 3, 1, bias=False)),
                          nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(12, 12), nn.ReLU(), nn.Linear(12, 12))
            for nn in (torch.nn, td.nn)]
    x = torch.randn(5, 2, 9, 8)
    nets[0](3 * x + 1)
    return nets[0].eval(), nets[1].eval(), x


def close(ours, theirs, x, **allowed):
    with td.no_grad():
        np.testing.assert_allclose(ours(x.numpy()).data, theirs(x).detach().numpy(), **(allowed or {"atol": 2e-6}))


def wrapped(torch, net, how):
    if how == "plain":
        return net
    if how == "part":
        net[3] = torch.nn.DataParallel(net[3])
        net[0] = torch.compile(net[0])
        return net
    if how == "average":
        return torch.optim.swa_utils.AveragedModel(net)
    if how == "compile":
        return torch.compile(net)
    both = torch.nn.DataParallel(net)
    return torch.compile(both) if how == "both" else both


@pytest.mark.parametrize("how", ["plain", "parallel", "compile", "both", "average", "part"])
def test_states_of_wrapped_models_fit(how, tmp_path):
    theirs, ours, x = pair()
    torch, files = pytest.importorskip("torch"), pytest.importorskip("safetensors.torch")
    expected = theirs(x)
    files.save_file(wrapped(torch, theirs, how).state_dict(), tmp_path / "net.safetensors")
    assert ours.load_state_dict(td.load(tmp_path / "net.safetensors")) == ([], [])
    close(ours, lambda x: expected, x)
    assert int(ours[1].num_batches_tracked) == 1
    other = pair()[1]
    td.train.load_weights(tmp_path / "net.safetensors", other)
    close(other, lambda x: expected, x)


@pytest.mark.parametrize("kind", ["float16", "bfloat16", "float64"])
def test_other_types_of_numbers_give_the_same_net(kind, tmp_path):
    theirs, ours, x = pair()
    torch, files = pytest.importorskip("torch"), pytest.importorskip("safetensors.torch")
    theirs.to(getattr(torch, kind))
    files.save_file(theirs.state_dict(), tmp_path / "net.safetensors")
    td.train.load_weights(tmp_path / "net.safetensors", ours)
    close(ours, theirs.float(), x)
    assert {a.dtype.name for a in ours.state_dict().values()} == {"float32", "int64"}


def test_weights_go_to_pytorch_too(tmp_path):
    theirs, ours, x = pair()
    files = pytest.importorskip("safetensors.torch")
    ours.train()(2 * x.numpy())
    for save in (lambda path: td.save(ours.eval().state_dict(), path), lambda path: td.train.save_weights(path, ours)):
        theirs = pair()[0]
        save(tmp_path / "net.safetensors")
        theirs.load_state_dict(files.load_file(tmp_path / "net.safetensors"))
        close(ours, theirs, x)


def test_tied_weights_both_ways(tmp_path):
    theirs, ours, x = pair()
    files = pytest.importorskip("safetensors.torch")
    path = tmp_path / "net.safetensors"
    theirs[8].weight = theirs[6].weight
    files.save_model(theirs, path)
    td.train.load_weights(path, ours)  # not tied here: both places get the values
    close(ours, theirs, x)
    ours[8].weight = ours[6].weight
    ours[6].weight.data[...] = 0
    ours.load_state_dict(td.load(path))
    close(ours, theirs, x)
    ours[6].weight.data[...] *= 2
    td.train.save_weights(path, ours)
    files.load_model(theirs, path)
    close(ours, theirs, x)


def test_the_two_lines_convert_tied_and_transposed_tensors(tmp_path):
    theirs, ours, x = pair()
    torch = pytest.importorskip("torch")
    pytest.importorskip("safetensors.torch")
    theirs[8].weight = theirs[6].weight
    theirs.to(memory_format=torch.channels_last)
    path = str(tmp_path / "net.pt")
    torch.save(theirs.state_dict(), path)
    with pytest.raises(ValueError, match="Two lines convert") as caught:
        td.load(path)
    exec("\n".join(line.strip() for line in str(caught.value).splitlines()[-2:]), {})
    ours.load_state_dict(td.load(tmp_path / "net.safetensors"))
    close(ours, theirs, x)
