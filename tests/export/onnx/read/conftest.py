"""What the tests of reading share: files of a few nodes, and onnxruntime as the judge."""

import numpy as np
import pytest

import tinydl as td


@pytest.fixture
def written(tmp_path):
    """Writes a file of nodes (operator, inputs, outputs, attributes) that lead from "x" to "y"."""
    onnx = pytest.importorskip("onnx")

    def write(nodes, shape, opset=17, **constants):
        helper = onnx.helper
        made = [helper.make_node(op, inputs, outputs, **attributes) for op, inputs, outputs, attributes in nodes]
        kind = onnx.TensorProto.FLOAT
        graph = helper.make_graph(
            made, "net", [helper.make_tensor_value_info("x", kind, ["N", *shape])],
            [helper.make_tensor_value_info("y", kind, None)],
            [onnx.numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items()])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
        inferred = onnx.shape_inference.infer_shapes(model)
        path = tmp_path / "net.onnx"
        path.write_bytes(inferred.SerializeToString())
        return path
    return write


@pytest.fixture
def same(written):
    """Hold the network of such a file to onnxruntime; returns the network."""
    runtime = pytest.importorskip("onnxruntime")

    def check(nodes, shape, opset=17, **constants):
        path = written(nodes, shape, opset, **constants)
        options = runtime.SessionOptions()
        options.intra_op_num_threads, options.log_severity_level = 1, 3
        x = np.random.default_rng(0).uniform(-2, 2, (2, *shape)).astype(np.float32)
        expected = runtime.InferenceSession(str(path), options).run(None, {"x": x})[0]
        net = td.from_onnx(path)
        with td.no_grad():
            got = net(td.tensor(x)).numpy()
        assert got.shape == expected.shape
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6 * np.abs(expected).max())
        return net
    return check
