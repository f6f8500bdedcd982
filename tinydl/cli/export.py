"""``tinydl export RUN FILE``: a trained run for other programs."""

import os

from tinydl.cli.output import UserError
from tinydl.cli.parser import output_flags

__all__ = ["add", "run"]

_KINDS = (".onnx", ".c", ".safetensors")


def add(commands):
    """Enter the command and its flags."""
    brief = "write a trained run as ONNX, as a C file, or its weights"
    parser = commands.add_parser(
        "export", help=brief, description=brief, parents=[output_flags()],
        epilog="ONNX and C take samples as they are in files (0 to 255 for pictures, as floats): the normalisation of "
               "the training is their first layer.")
    parser.add_argument("folder", metavar="RUN", help="a run folder")
    parser.add_argument("file", metavar="FILE", help="what to write: FILE.onnx, FILE.c or FILE.safetensors")
    return parser


def run(args, out):
    """Write the file."""
    from tinydl.export import to_c, to_onnx
    from tinydl.train.checkpoint import save_weights
    from tinydl.train.model import Model
    from tinydl.train.run import Run

    kind = os.path.splitext(args.file)[1].lower()
    if kind not in _KINDS:
        raise UserError(f"{args.file}: choose a name that ends with {', '.join(_KINDS[:-1])} or {_KINDS[-1]}")
    made = Run.open(args.folder)
    net, note = made.trained_net()
    if note:
        out.note(note)
    shape = tuple(made.settings["image_shape"])
    if kind == ".safetensors":
        save_weights(args.file, net.net if made.settings.get("views") else net, made.metadata())
    elif kind == ".onnx":
        to_onnx(Model(net, made.card()).whole(), args.file, shape, class_names=made.settings["class_names"] or None)
    else:
        to_c(Model(net, made.card()).whole(), args.file, shape)
    out.result(f"written to {args.file}", {"file": args.file})
    return 0
