"""``tinydl summary MODEL``."""

from tinydl.cli.output import UserError

__all__ = ["add", "run"]


def add(commands):
    """Enter the command and its flags."""
    brief = "layers, shapes and parameters of a network"
    parser = commands.add_parser("summary", help=brief, description=brief)
    parser.add_argument("model", metavar="MODEL", help="a network of tinydl.models, for example resnet20")
    parser.add_argument("--input-shape", metavar="CxHxW", help="shape of one input (default: the network's usual one)")
    return parser


def run(args, out):
    """Print the summary of a network."""
    import inspect

    from tinydl import models
    from tinydl.inspect import summary
    from tinydl.train.building import find_model

    shape = None
    if args.input_shape is not None:
        try:
            shape = tuple(int(n) for n in args.input_shape.lower().split("x"))
        except ValueError:
            shape = ()
        if not shape or min(shape) < 1:
            raise UserError(f"--input-shape {args.input_shape!r} is not of the form 3x32x32")
    factory = find_model(args.model)
    known = inspect.signature(factory).parameters
    fitting = {"in_channels": shape[0], "input_shape": shape} if shape else {}
    net = factory(**{name: value for name, value in fitting.items() if name in known})
    out.say(str(summary(net, shape or models.INPUT_SHAPES[args.model])))
    return 0
