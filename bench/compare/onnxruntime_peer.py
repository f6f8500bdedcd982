"""ONNX Runtime, inference only: the network as an ONNX graph with its batch norms, all graph optimisations on."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2]))

from bench.compare.protocol import arguments, serve
from bench.networks import walk


class Peer:
    name = "onnxruntime"

    def __init__(self, args):
        import onnxruntime

        self.ort, self.threads = onnxruntime, args.threads

    def version(self):
        return self.ort.__version__

    def _session(self, net):
        options = self.ort.SessionOptions()
        options.intra_op_num_threads = self.threads
        options.inter_op_num_threads = 1
        options.graph_optimization_level = self.ort.GraphOptimizationLevel.ORT_ENABLE_ALL
        model, n_params = _graph(net)
        return self.ort.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"]), n_params

    def build(self, net, size, mode):
        if mode != "infer":
            raise NotImplementedError("ONNX Runtime only infers")
        session, n_params = self._session(net)
        feed = {"x": walk.batch(net, size)[0]}
        return lambda: session.run(None, feed)[0], n_params

    def predictor(self, net):
        session, _ = self._session(net)
        x = walk.batch(net, 256)[0]
        return lambda size: session.run(None, {"x": x[:size]})[0]


class _Graph:
    def __init__(self, net):
        import numpy as np
        from onnx import helper, numpy_helper

        self.np, self.helper, self.numpy_helper = np, helper, numpy_helper
        self.nodes, self.constants, self.count = [], [], 0
        self.arrays = iter(walk.weights(net))

    def constant(self, array):
        name = f"c{len(self.constants)}"
        self.constants.append(self.numpy_helper.from_array(self.np.ascontiguousarray(array), name))
        return name

    def node(self, op, inputs, **attributes):
        self.count += 1
        name = f"t{self.count}"
        self.nodes.append(self.helper.make_node(op, inputs, [name], **attributes))
        return name

    def run(self, layers, x, shape):
        for layer in layers:
            kind, before = layer[0], shape
            if kind == "residual":
                main, shape = self.run(layer[1], x, before)
                short, _ = self.run(layer[2], x, before)
                x = self.node("Relu", [self.node("Add", [main, short])])
                continue
            shape = walk._shape_after(layer, before)
            rank = len(before) - 1
            if kind == "conv":
                _, _, *numbers, bias, groups, _ = layer
                window, stride, padding = (walk.each_axis(number, rank) for number in numbers)
                inputs = [x, *(self.constant(next(self.arrays)) for _ in range(1 + bias))]
                x = self.node("Conv", inputs, kernel_shape=window, strides=stride, pads=2 * padding, group=groups)
            elif kind == "bn":
                gamma, beta = next(self.arrays), next(self.arrays)
                inputs = [gamma, beta, self.np.zeros_like(gamma), self.np.ones_like(gamma)]
                x = self.node("BatchNormalization", [x, *map(self.constant, inputs)], epsilon=1e-5)
            elif kind == "relu":
                x = self.node("Relu", [x])
            elif kind == "gelu":  # in opset 17 by hand; the optimiser makes one node of it
                half = [self.constant(self.np.float32(v)) for v in (2 ** -0.5, 1, 0.5)]
                cdf = self.node("Add", [self.node("Erf", [self.node("Mul", [x, half[0]])]), half[1]])
                x = self.node("Mul", [self.node("Mul", [x, cdf]), half[2]])
            elif kind == "scale":
                x = self.node("Mul", [x, self.constant(self.np.float32(layer[1]))])
            elif kind == "maxpool":
                x = self.node("MaxPool", [x], kernel_shape=[layer[1]] * rank, strides=[layer[1]] * rank)
            elif kind == "gap":
                x = self.node("Flatten", [self.node("GlobalAveragePool", [x])])
            elif kind == "flatten":
                x = self.node("Flatten", [x])
            elif kind == "linear":
                inputs = [x, *(self.constant(next(self.arrays)) for _ in range(1 + layer[2]))]
                x = self.node("Gemm", inputs, transB=1)
        return x, shape


def _graph(net):
    from onnx import TensorProto, checker, helper

    graph = _Graph(net)
    _, shape = graph.run(net.layers, "x", net.shape)
    graph.nodes[-1].output[0] = "logits"
    made = helper.make_graph(
        graph.nodes, net.name, [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", *net.shape])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", *shape])], graph.constants)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    checker.check_model(model)
    return model, sum(w.size for w in walk.weights(net))


if __name__ == "__main__":
    arguments_ = arguments()
    serve(Peer, arguments_)
