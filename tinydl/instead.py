"""What to write instead of a word of PyTorch that there is not: the text of an AttributeError.

Modules of Python ask for it when a name is missing, the classes Tensor and Module hold a `Substitute` for each name.
"""

import sys

__all__ = ["INSTEAD", "METHODS_ONLY", "Substitute", "message"]

# Methods that are no functions in PyTorch either.
METHODS_ONLY = frozenset([
    "astype", "bool", "contiguous", "cpu", "dim", "double", "element_size", "expand", "expand_as", "float", "int",
    "long", "repeat", "reshape_as", "to", "tolist", "type_as", "view", "view_as"])

_NO_OTHER_TYPE = "tensors hold float32 and float64, integers and bools; compute in td.float32"
_NO_3D = "there are layers for signals and images, (N, C, L) and (N, C, H, W)"
_NO_SEQUENCES = "there are no recurrent or attention layers here, only convolutional networks"
_NOT_LAZY = "use nn.{}; a wrong number of inputs is an error that says the right one"
_TRAINED = "use td.train.Trainer(net, td.optim.Adam(net.parameters())).fit((x, y), epochs=5)"
_RANKS = "use td.distributed.DataParallel for several processes; threads use all cores already"
_OWN = "use nn.BatchNorm2d, and Trainer(sync_batchnorm=True) for statistics over all processes"
_NUMPY = "use NumPy: td.tensor(np.{}(x.numpy()))"

# What to write instead, by the place where a word is looked for.
INSTEAD: dict[str, dict[str, str]] = {
    "tinydl": {
        "bfloat16": _NO_OTHER_TYPE, "compile": "use td.freeze(net) for a net that only predicts",
        "float16": _NO_OTHER_TYPE, "half": _NO_OTHER_TYPE, "from_file": "use np.memmap and td.from_numpy",
        "jit": "use td.freeze(net) for a net that only predicts", "onnx": "use td.to_onnx(net, file, input_shape)",
        "meshgrid": "use np.meshgrid and td.from_numpy", "nonzero": _NUMPY.format("argwhere"),
        "set_default_dtype": "give dtype= to what makes a tensor, or call net.double()",
        "set_grad_enabled": "use `with td.no_grad():` or `with td.enable_grad():`",
        "tril": _NUMPY.format("tril"), "triu": _NUMPY.format("triu"), "unique": _NUMPY.format("unique"),
        "use_deterministic_algorithms": "leave it out: results are the same bits for every number of threads",
        "vmap": "write the batch axis, every operation takes it", "FloatTensor": "use td.tensor(data)",
        "LongTensor": "use td.tensor(data, dtype=td.int64)", "complex64": "tensors hold real numbers",
    },
    "Tensor": {
        "cuda": "leave it out: the CPU is the only device",
        "apply_": "use td.tensor(f(x.numpy()))", "bfloat16": _NO_OTHER_TYPE, "detach_": "use x = x.detach()",
        "half": _NO_OTHER_TYPE, "index_select": "use x[index]",
        "is_cuda": "the CPU is the only device", "itemsize": "use x.element_size()", "masked_select": "use x[mask]",
        "nonzero": _NUMPY.format("argwhere"), "nelement": "use x.numel()", "pin_memory": "leave it out",
        "retains_grad": "call x.retain_grad()", "scatter_": "use td.nn.functional.one_hot, or x[rows, columns] = y",
        "share_memory_": "leave it out: threads share everything", "stride": "memory order is the library's business",
        "strides": "memory order is the library's business", "type": "use x.dtype and x.to(dtype)",
        "unfold": "use td.nn.functional.unfold", "unique": _NUMPY.format("unique"), "nbytes": "use x.numpy().nbytes",
        "requires_gradient": "use x.requires_grad", "copy": "use x.clone() or x.detach().clone()",
    },
    "Module": {
        "bfloat16": _NO_OTHER_TYPE, "compile": "use td.freeze(net) for a net that only predicts",
        "cuda": "leave it out: the CPU is the only device", "half": _NO_OTHER_TYPE,
        "evaluate": "use trainer.evaluate(data) of a td.train.Trainer", "fit": _TRAINED,
        "fit_generator": _TRAINED, "predict": "use trainer.predict(x), or td.train.predict(net, x)",
        "summary": "use td.inspect.summary(net, input_shape)", "train_on_batch": _TRAINED,
        "register_full_backward_hook": "use a forward hook and output.register_hook",
        "share_memory": "leave it out: threads share everything", "type": "use net.to(dtype)",
    },
    "tinydl.nn": {
        "AlphaDropout": "use nn.Dropout", "BatchNorm3d": _NO_3D, "CTCLoss": _NO_SEQUENCES, "Conv3d": _NO_3D,
        "DataParallel": _RANKS, "GRU": _NO_SEQUENCES, "LSTM": _NO_SEQUENCES, "MaxPool3d": _NO_3D,
        "MultiheadAttention": _NO_SEQUENCES, "RNN": _NO_SEQUENCES, "SyncBatchNorm": _OWN,
        "Transformer": _NO_SEQUENCES, "TransformerEncoder": _NO_SEQUENCES, "LazyConv2d": _NOT_LAZY.format("Conv2d"),
        "LazyLinear": _NOT_LAZY.format("Linear"), "MaxUnpool2d": "use nn.Upsample", "Bilinear": "use td.einsum",
        "utils": "use td.optim.clip_grad_norm_ and td.optim.clip_grad_value_",
        "Softmax2d": "use nn.Softmax(1)", "modules": "use nn.Module",
    },
    "tinydl.nn.functional": {
        "conv3d": _NO_3D, "max_pool3d": _NO_3D, "ctc_loss": _NO_SEQUENCES, "grid_sample": "use td.data.Augment",
        "scaled_dot_product_attention": _NO_SEQUENCES, "affine_grid": "use td.data.Augment",
        "upsample": "use F.interpolate", "hardtanh": "use x.clamp(-1, 1)", "threshold": "use td.where",
    },
    "tinydl.optim": {
        "ASGD": "use optim.SGD and optim.AveragedModel", "Adamax": "use optim.Adam", "LBFGS": "use optim.Adam",
        "Rprop": "use optim.RMSprop", "SparseAdam": "use optim.Adam: gradients are dense",
        "swa_utils": "use optim.AveragedModel",
    },
    "tinydl.data": {
        "RandomSampler": "use DataLoader(shuffle=True)", "SequentialSampler": "leave shuffle out",
        "SubsetRandomSampler": "use Subset(dataset, indices) with shuffle=True",
        "distributed": "use td.distributed, or Batches(shard=(rank, size))",
        "get_worker_info": "num_workers counts threads, which share the dataset",
    },
}


def message(owner, name, kind=""):
    """The message of a missing name: what to write instead, or the name that is most like it.

    Parameters
    ----------
    owner : str
        Where in `INSTEAD` it was looked for.
    name : str
    kind : str
        The class of a tensor or layer.
    """
    what = f"{kind!r} object" if kind else f"module {owner!r}"
    text = f"{what} has no attribute {name!r}"
    known = INSTEAD.get(owner, {}).get(name)
    if known is None and owner == "tinydl" and name in METHODS_ONLY:
        known = f"it is a method of tensors: x.{name}(...)"
    if known is None and not kind and not name.startswith("_"):  # of classes, the interpreter says it
        import difflib

        near = difflib.get_close_matches(name, _known(owner), 1, 0.75)
        known = f"did you mean {near[0]!r}?" if near else None
    return text if known is None else f"{text}; {known}"


def _known(owner):
    # Looked up, not imported: this module lies below all whose names it knows.
    return [name for name in dir(sys.modules[owner]) if not name.startswith("_")]


class Substitute:
    """A name that a class has not: to look it up raises AttributeError with what to write instead.

    A descriptor for each name, since with a `__getattr__` every look-up of any attribute takes a slower path (lenet5:
    3 % of the instructions of a step of one image).
    """

    __slots__ = ("cls", "name", "owner")

    def __init__(self, cls, owner, name):
        self.cls, self.owner, self.name = cls, owner, name

    def __get__(self, instance, kind=None):
        kind = type(instance) if kind is None else kind
        try:  # of a class that comes later, as class Net(nn.Module, WithPredict)
            return getattr(super(self.cls, kind if instance is None else instance), self.name)
        except AttributeError:
            raise AttributeError(message(self.owner, self.name, kind.__name__)) from None

    def __repr__(self):
        return INSTEAD[self.owner][self.name]

    @classmethod
    def install(cls, owner, target):
        """Give the class `target` the names of `owner` in the table, which are no part of `dir(instance)`."""
        names = INSTEAD[owner]
        for name in names:
            setattr(target, name, cls(target, owner, name))

        def __dir__(self):
            return [name for name in object.__dir__(self) if name not in names or hasattr(self, name)]

        target.__dir__ = __dir__
