"""What a notebook shows of nets, summaries, data and trainings: small tables of plain HTML."""

__all__ = ["dataset", "facts", "folded", "module", "table"]

_CELL = "padding:2px 10px;text-align:{};border:none"
_MARKED = ";font-weight:bold"


def _escaped(text):
    from html import escape  # with all names of characters, 2 ms that only notebooks need

    return escape(text)


def _row(cells, tag, left, style=""):
    inside = "".join(f'<{tag} style="{_CELL.format("left" if k in left else "right")}{style}">'
                     f"{_escaped(str(cell))}</{tag}>" for k, cell in enumerate(cells))
    return f"<tr>{inside}</tr>"


def table(head, rows, caption, left=(), foot=None, marked=()):
    """A table as HTML.

    Parameters
    ----------
    head : sequence of str
    rows : sequence of sequences
    caption : str
        Above it.
    left : collection of int
        Columns that are set to the left, as words are; numbers are set to the right.
    foot : sequence, optional
        The last row, for totals.
    marked : collection of int
        Rows in bold.
    """
    body = "".join(_row(row, "td", left, _MARKED if k in marked else "") for k, row in enumerate(rows))
    end = "" if foot is None else f"<tfoot>{_row(foot, 'td', left, _MARKED)}</tfoot>"
    return (f'<div style="overflow-x:auto"><div><b>{_escaped(caption)}</b></div>'
            f'<table style="font-size:90%;font-variant-numeric:tabular-nums"><thead>{_row(head, "th", left)}</thead>'
            f"<tbody>{body}</tbody>{end}</table></div>")


def folded(caption, inside):
    """A line that opens to show more."""
    return f"<details><summary>{_escaped(caption)}</summary>{inside}</details>"


def facts(caption, pairs):
    """Names and values, one pair a row."""
    return (f"<div><b>{_escaped(caption)}</b></div>" + '<table style="font-size:90%"><tbody>'
            + "".join(_row(pair, "td", (0, 1)) for pair in pairs) + "</tbody></table>")


def module(net):
    """The layers of a net that have no layers inside, with their parameters; for `Module._repr_html_`."""
    rows, every = [], {id(p): p for p in net.parameters()}
    counted = set()
    for name, layer in net.named_modules():
        own = [p for inner, p in layer.named_parameters() if "." not in inner]
        if not own and next(layer.children(), None) is not None:
            continue
        fresh = {id(p): p.size for p in own if id(p) not in counted}
        counted |= set(fresh)
        rows.append((name or "(net)", repr(layer).split("\n")[0].rstrip("("),
                     f"{sum(fresh.values()):,}" if own else ""))
    total = sum(p.size for p in every.values())
    trained = sum(p.size for p in every.values() if p.requires_grad)
    foot = ("", "" if trained == total else f"{trained:,} of them are trained", f"{total:,}")
    return table(("name", "layer", "parameters"), rows, type(net).__name__, (0, 1), foot)


def dataset(data):
    """What a data set holds; for ``ArrayDataset._repr_html_``."""
    pairs = [("samples", f"{len(data):,}"), ("shape", " x ".join(map(str, data.image_shape))),
             ("type", str(data.images.dtype))]
    if data.n_classes:
        names = ", ".join(data.class_names[:12]) + (", ..." if data.n_classes > 12 else "")
        pairs.append(("classes", f"{data.n_classes}: {names}"))
    elif data.labels is not None:
        pairs.append(("targets", f"{data.labels.dtype} of shape {data.labels.shape}"))
    for name in ("mean", "std"):
        values = getattr(data, name)
        pairs.append((name, ", ".join(f"{v:.4g}" for v in values[:4]) + (", ..." if len(values) > 4 else "")))
    return facts(data.name, pairs)
