"""Docstrings in numpydoc's form as Markdown: sections, lists of arguments, formulas as they were written."""

import re

__all__ = ["rendered", "sections", "text"]

HEAD = re.compile(r"^([A-Z][A-Za-z ]+)\n-{3,}[ ]*$", re.MULTILINE)
LISTS = ("Parameters", "Attributes", "Returns", "Raises", "Yields", "Warns", "Other Parameters")
CODE = re.compile(r"(``.+?``|`[^`\n]+`)", re.DOTALL)


def text(prose):
    """Words with what is in backticks as code, and all else as it stands: a * is a product, not an emphasis."""
    parts = CODE.split(prose)
    return "".join(f"`{part.strip('`')}`" if k % 2 else re.sub(r"([*_<>\[\]|\\#])", r"\\\1", part)
                   for k, part in enumerate(parts))


def sections(docstring):
    """(heading or None, text) of the parts of a docstring."""
    parts = HEAD.split(docstring)
    headed = zip(parts[1::2], parts[2::2], strict=True)
    return [(None, parts[0].strip()), *((head, body.strip("\n")) for head, body in headed)]


def _prose(body):
    """Paragraphs; what is indented or a trial at the prompt stays as it is."""
    out = []
    for paragraph in re.split(r"\n\s*\n", body):
        lines = paragraph.strip("\n").split("\n")
        if lines[0].startswith(">>>"):
            out.append("```pycon\n" + "\n".join(lines) + "\n```")
        elif all(line.startswith("    ") for line in lines):
            out.append("```text\n" + "\n".join(line[4:] for line in lines) + "\n```")
        elif any(re.match(r"- ", line) for line in lines):
            out.append("\n".join("- " + text(line[2:]) if line.startswith("- ") else text(line) for line in lines))
        else:
            out.append(text("\n".join(lines)))
    return "\n\n".join(out)


def _entries(body):
    """(head, text) of the entries of a list: a line at the margin and what is indented below it."""
    for entry in re.findall(r"^(\S.*)\n?((?:(?:[ ]{4}.*)?(?:\n|$))*)", body, re.MULTILINE):
        yield entry[0], "\n".join(line[4:] for line in entry[1].split("\n")).strip("\n")


def _list(body):
    out = []
    for head, below in _entries(body):
        name, colon, kind = head.partition(" : ")
        shown = f"**{text(name)}** : {text(kind)}" if colon else f"**{text(head)}**" if len(head) < 60 else text(head)
        out.append(f"- {shown}" + ("".join(f"\n\n    {line}" if line and not k else f"\n    {line}" if line else "\n"
                                          for k, line in enumerate(_prose(below).split("\n"))) if below else ""))
    return "\n\n".join(out)


def rendered(docstring):
    """A docstring as Markdown."""
    out = []
    for head, body in sections(docstring):
        if head:
            out.append(f"**{head}**")
        out.append(_list(body) if head in LISTS else _prose(body))
    return "\n\n".join(part for part in out if part)
