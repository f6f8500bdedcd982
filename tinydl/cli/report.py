"""``tinydl report RUN``: one HTML file with all about a run."""

import base64
import html
import json

from tinydl.cli import scores
from tinydl.cli.parser import output_flags, thread_flags
from tinydl.cli.train import data_dir_flag

__all__ = ["add", "run"]

_PICTURES = (("curves.png", "Loss and accuracy over the epochs"), ("confusion.png", "What was taken for what"),
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
@media (max-width: 40em) { img { max-width: none; max-height: 24em; } }
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
    result, _ = scores.score(made, net, test, build_loss(made.settings))
    path = args.out or made.path("report.html")
    with atomic_write(path) as file:
        file.write(_page(made, net, result, note).encode())
    out.result(f"written to {path}", {"report": path})
    return 0


def _page(made, net, result, note):
    """The whole page: everything is in it, it loads nothing."""
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
        parts += ["<h2>Classes</h2>", _table(result["classes"])]
    for name, what in _PICTURES:
        image = _image(made.path(name))
        if image is not None:
            parts.append(f"<h2>{what}</h2>\n<figure><img alt=\"{what}\" src=\"data:image/png;base64,{image}\">"
                         "</figure>")
    parts += ["<h2>Network</h2>", f"<pre>{html.escape(str(summary(net, tuple(s['image_shape']))))}</pre>",
              "<h2>Settings</h2>", f"<pre>{html.escape(_lines(s))}</pre>", "</html>\n"]
    return "\n".join(parts)


def _lines(settings):
    """JSON with one setting a line."""
    return "{\n" + ",\n".join(f"  {json.dumps(name)}: {json.dumps(value)}" for name, value in settings.items()) + "\n}"


def _table(rows):
    lines = ["<table><tr><th>class<th>precision<th>recall<th>F1<th>samples</tr>"]
    lines += [f"<tr><td>{html.escape(row['class'])}<td>{row['precision']:.1%}<td>{row['recall']:.1%}<td>{row['f1']:.1%}"
              f"<td>{row['n']:,}</tr>" for row in rows]
    return "\n".join([*lines, "</table>"])


def _image(path):
    """A picture as text, or None where there is none."""
    try:
        with open(path, "rb") as file:
            return base64.b64encode(file.read()).decode()
    except OSError:
        return None
