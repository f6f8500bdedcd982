"""from_onnx: whole networks there and back, training, and files that are none."""

import numpy as np
import pytest

import tinydl as td

onnx = pytest.importorskip("onnx")


@pytest.mark.parametrize("name", ["digits_cnn", "m5", "resnet20"])
def test_there_and_back(name, lived, tmp_path):
    model = lived(getattr(td.models, name)())
    path, shape = tmp_path / "model.onnx", td.models.INPUT_SHAPES[name]
    td.to_onnx(model, path, shape, class_names=[str(k) for k in range(10)])
    net = td.from_onnx(path)
    assert net.input_shape == shape and net.class_names[:2] == ["0", "1"] and not net.training
    assert net.state_dict().keys() == model.state_dict().keys()
    x = td.tensor(np.random.default_rng(0).normal(size=(3, *shape)).astype(np.float32))
    with td.no_grad():
        expected, got = model(x).numpy(), net(x).numpy()
    assert np.abs(got - expected).max() <= 1e-5 * np.abs(expected).max()


def test_it_trains_as_its_original(lived, tmp_path):
    td.manual_seed(0)
    model = lived(td.models.digits_cnn())
    td.to_onnx(model, tmp_path / "model.onnx", (1, 8, 8))
    x, labels = np.random.default_rng(0).random((8, 1, 8, 8), np.float32), np.arange(8)
    losses = []
    for net in (model, td.from_onnx(tmp_path / "model.onnx")):
        optimizer, found = td.optim.SGD(net.train().parameters(), lr=0.1, momentum=0.9), []
        for _ in range(3):
            optimizer.zero_grad()
            loss = td.nn.CrossEntropyLoss()(net(td.tensor(x)), labels)
            loss.backward()
            optimizer.step()
            found.append(loss.item())
        losses.append(found)
    np.testing.assert_allclose(*losses, rtol=1e-4)
    assert losses[0][2] < losses[0][0]


def test_it_freezes_and_goes_out_again(lived, tmp_path):
    td.to_onnx(lived(td.models.lenet_bn()), tmp_path / "a.onnx", (1, 28, 28))
    net = td.from_onnx(tmp_path / "a.onnx")
    x = np.random.default_rng(0).random((3, 1, 28, 28), np.float32)
    td.to_onnx(net, tmp_path / "b.onnx", (1, 28, 28))
    with td.no_grad():
        expected = net(td.tensor(x)).numpy()
        np.testing.assert_allclose(td.from_onnx(tmp_path / "b.onnx")(td.tensor(x)).numpy(), expected, 1e-5, 1e-5)
    np.testing.assert_allclose(td.freeze(net)(x), expected, 1e-5, 1e-5)


def test_constants_do_not_train_and_parameters_do(same):
    net = same([("Mul", ["x", "gain"], ["a"], {}), ("Add", ["a", "/Constant_1"], ["y"], {})], (3,),
               **{"gain": np.float32([1, 2, 3]), "/Constant_1": np.float32([4, 5, 6])})
    assert [name for name, _ in net.named_parameters()] == ["gain"]


def test_a_layer_that_is_called_twice_is_one(same):
    net = same([("MatMul", ["x", "w"], ["a"], {}), ("MatMul", ["a", "w"], ["y"], {})], (3,),
               w=np.eye(3, dtype=np.float32) * 2)
    assert len(list(net.parameters())) == 1


def test_names_of_modules_are_kept_apart(same):
    """A weight whose name is one of a module's own methods, and two that would be the same attribute."""
    row = np.float32([1, 2, 3])
    net = same([("Mul", ["x", "forward"], ["a"], {}), ("Mul", ["a", "v.w"], ["b"], {}),
                ("Mul", ["b", "v/w"], ["y"], {})], (3,), **{"forward": row, "v.w": row, "v/w": row})
    assert len(list(net.parameters())) == 3


def broken(path, spoil):
    model = onnx.load(path)
    spoil(model)
    path.write_bytes(model.SerializeToString())
    return path


def two_inputs(model):
    model.graph.input.append(onnx.helper.make_tensor_value_info("z", 1, [1]))


def unknown(model):
    model.graph.node[0].op_type = "GatherElements"


def foreign(model):
    model.graph.node[0].domain = "com.example"
    model.opset_import.append(onnx.helper.make_opsetid("com.example", 1))


def old(model):
    model.opset_import[0].version = 6


def elsewhere(model):
    model.graph.initializer[0].data_location = onnx.TensorProto.EXTERNAL
    model.graph.initializer[0].external_data.add(key="location", value="../../etc/passwd")


def typeless(model):
    model.graph.initializer[0].data_type = 99


def short(model):
    model.graph.initializer[0].raw_data = b"12"


SPOILT = {
    r"inputs \['x', 'z'\]": two_inputs, "has GatherElements, which has no form here; known are Abs": unknown,
    "the values of c cannot be read": typeless, "the values of c cannot be read|whole ONNX file": short,
    "operators of com.example": foreign, "is of opset 6": old, "(in another file|whole ONNX file)": elsewhere,
}


@pytest.mark.parametrize("words", SPOILT)
def test_files_that_are_not_read(words, written):
    path = written([("Mul", ["x", "c"], ["y"], {})], (3,), c=np.float32([1, 2, 3]))
    with pytest.raises(ValueError, match=f"from_onnx: .*{words}"):
        td.from_onnx(broken(path, SPOILT[words]))


def test_what_is_no_file(tmp_path):
    path = tmp_path / "net.onnx"
    path.write_bytes(b"no model at all")
    with pytest.raises(ValueError, match=r"net\.onnx is no whole ONNX file"):
        td.from_onnx(path)
    td.to_onnx(td.models.digits_cnn(), path, (1, 8, 8))
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(ValueError, match="is no whole ONNX file"):
        td.from_onnx(path)
    with pytest.raises(FileNotFoundError):
        td.from_onnx(tmp_path / "none.onnx")
    with pytest.raises(TypeError):
        td.from_onnx(7.5)
