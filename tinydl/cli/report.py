"""``tinydl report RUN``: one HTML file with all about a run."""

import base64
import html
import json
from functools import partial

from tinydl._files import READ_ONLY, open_file
from tinydl.cli import scores
from tinydl.cli.mistakes import most_wrong
from tinydl.cli.output import UserError
from tinydl.cli.parser import output_flags, thread_flags
from tinydl.cli.train import data_dir_flag

__all__ = ["add", "run"]

_PICTURES = (("curves.png", "Curves over the epochs"), ("confusion.png", "What was taken for what"),
             ("predicted.png", "Predicted and true values"),
             ("mistakes.png", "Most confident mistakes"), ("filters.png", "Filters of the first layer"))
_STYLE = """\
:root { color-scheme: light dark; --text: #222; --ground: #fff; --line: #ddd; --block: #f6f6f6; }
@media (prefers-color-scheme: dark) { :root { --text: #ddd; --ground: #181a1b; --line: #444; --block: #242728; } }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em; color: var(--text);
       background: var(--ground); }
table { border-collapse: collapse; display: block; overflow-x: auto; }
th, td { padding: .2em .8em; text-align: right; border-bottom: 1px solid var(--line); }
th:first-child, td:first-child { text-align: left; }
figure { margin: 0; overflow-x: auto; } img { max-width: 100%; border-radius: 4px; }
@media (max-width: 40em) { img.wide { max-width: none; max-height: 24em; } }
pre { background: var(--block); padding: 1em; overflow-x: auto; font-size: 13px; }
"""


def add(commands):
    """Enter the command and its flags."""
    brief = "one HTML file with the results, pictures and settings of a run"
    parser = commands.add_parser("report", help=brief, description=brief, parents=[thread_flags(), output_flags()])
    data_dir_flag(parser)
    parser.add_argument("folder", metavar="RUN", help="a run folder")
    parser.add_argument("--out", metavar="FILE", help="the file to write (default: RUN/report.html)")
    return parser


def run(args, out):
    """Write the report."""
    from tinydl._files import atomic_write
    from tinydl.train.building import build_loss
    from tinydl.train.run import Run

    made = Run.open(args.folder)
    net, note = made.trained_net()
    _, test = made.load_data(args.data_dir)
    if note:
        out.note(note)
    result, outputs = scores.score(made, net, test, build_loss(made.settings))
    path = args.out or made.path("report.html")
    page = _page(made, net, result, partial(most_wrong, made.settings, test, outputs), note)
    try:
        with atomic_write(path) as file:
            file.write(page.encode(errors="backslashreplace"))  # a path may be no UTF-8
    except OSError as error:
        if args.out is not None or error.errno not in READ_ONLY:
            raise
        raise UserError(f"{path}: {error.strerror}; name a file elsewhere with --out") from None
    out.result(f"written to {path}", {"report": path})
    return 0


def _page(made, net, result, mistakes, note):
    """The whole page: everything is in it, it loads nothing. `mistakes` gives a table where no picture has them."""
    from tinydl.inspect import summary

    s = made.settings
    title = html.escape(f"{s['model']} on {s['data'].rsplit('/', 1)[-1]}")
    parts = ["<!doctype html>\n<html lang=en>\n<meta charset=utf-8>",
             "<meta name=viewport content=\"width=device-width, initial-scale=1\">", f"<title>{title}</title>",
             f"<style>\n{_STYLE}</style>", f"<h1>{title}</h1>",
             f"<p><b>{html.escape(scores.headline(result))}</b> on {result['n']:,} test samples</p>"]
    if note:
        parts.append(f"<p>{html.escape(note)}</p>")
    if "classes" in result:
        rows = [[row["class"], *(f"{row[key]:.1%}" for key in ("precision", "recall", "f1")), f"{row['n']:,}"]
                for row in result["classes"]]
        parts += ["<h2>Classes</h2>", _table(["class", "precision", "recall", "F1", "samples"], rows)]
    drawn = []
    for name, what in _PICTURES:
        image = _image(made.path(name))
        if image is not None:
            drawn.append(name)
            parts.append(f"<h2>{what}</h2>\n<figure><img{' class=wide' * _is_wide(image)} alt=\"{what}\" "
                         f"src=\"data:image/png;base64,{base64.b64encode(image).decode()}\"></figure>")
    if "mistakes.png" not in drawn:
        head, rows = mistakes()
        parts += ["<h2>Most wrong</h2>", _table(head, rows) if rows else "<p>All test samples are right.</p>"]
    parts += ["<h2>Network</h2>", f"<pre>{html.escape(str(summary(net, tuple(s['image_shape']))))}</pre>",
              "<h2>Settings</h2>", f"<pre>{html.escape(_lines(s))}</pre>", "</html>\n"]
    return "\n".join(parts)


def _lines(settings):
    """JSON with one setting a line."""
    return "{\n" + ",\n".join(f"  {json.dumps(name)}: {json.dumps(value)}" for name, value in settings.items()) + "\n}"


def _table(head, rows):
    lines = ["<table><tr>" + "".join(f"<th>{html.escape(name)}" for name in head) + "</tr>"]
    lines += ["<tr>" + "".join(f"<td>{html.escape(cell)}" for cell in row) + "</tr>" for row in rows]
    return "\n".join([*lines, "</table>"])


def _image(path):
    """The bytes of a picture, or None where there is none."""
    try:
        with open_file(path) as file:
            return file.read()
    except OSError:
        return None


def _is_wide(png):
    """Whether a picture is too wide to be read on a phone as wide as that is."""
    width, height = (int.from_bytes(png[k:k + 4], "big") for k in (16, 20))
    return 2 * width > 3 * height
