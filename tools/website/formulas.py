"""Formulas are typeset when the site is built, by KaTeX; one that it cannot read fails the build.

Beside each stands, unseen, the same in plain letters, which the search finds: `dx = dy W`, `sum over k`, `1/2`.
"""

import html
import json
import re
import subprocess

from tools.website.assets import fetched

__all__ = ["plain", "typeset"]

MARKED = re.compile(r'<(span|div) class="arithmatex">\\([(\[])(.*?)\\[)\]]</\1>', re.DOTALL)
SCRIPT = """
const katex = require(process.argv[1])
const wanted = JSON.parse(require("fs").readFileSync(0))
const options = {throwOnError: true, strict: "error", trust: false}
console.log(JSON.stringify(wanted.map(([tex, display]) => {
  try { return katex.renderToString(tex, {...options, displayMode: display}) }
  catch (error) { return {error: error.message} }
})))
"""
WORDS = ((r"\\(?:text|mathrm|operatorname|mathbf|mathit|bar|hat|tilde)\{([^{}]*)\}", r"\1"),
         (r"\\(?:left|right|big|Big|bigl|bigr|displaystyle|,|;|!|quad|qquad|\\)", " "),
         (r"\\begin\{\w+\}(?:\{[^}]*\})?|\\end\{\w+\}", " "),
         (r"\\sqrt\{([^{}]*)\}", r"sqrt(\1)"), (r"\\[dt]?frac\{([^{}]*)\}\{([^{}]*)\}", r"(\1)/(\2)"),
         (r"\\(?:cdot|times)\b", "*"), (r"\\(?:odot)\b", ".*"), (r"\\leq?\b", "<="), (r"\\geq?\b", ">="),
         (r"\\(?:top)\b", "T"), (r"\\(?:lVert|rVert|lvert|rvert)\b", "|"), (r"\\partial\b", "d"),
         (r"\\(?:gets|leftarrow)\b", "<-"), (r"\\(?:l|c)?dots\b", "..."), (r"\\in\b", " in "),
         (r"\\l?floor\b|\\rfloor\b", ""), (r"\\([A-Za-z]+)", r"\1"), (r"\\([^A-Za-z])", r"\1"),
         (r"[{}]", ""), (r"&", " "), (r"\s+", " "))


def plain(tex):
    """A formula in plain letters, for the search: \\frac{1}{2} is (1)/(2), \\alpha is alpha."""
    for _ in range(3):  # braces within braces
        for pattern, by in WORDS[:5]:
            tex = re.sub(pattern, by, tex)
    for pattern, by in WORDS:
        tex = re.sub(pattern, by, tex)
    return tex.strip()


def typeset(formulas):
    """HTML with MathML of (tex, whether it stands alone) pairs."""
    script = ["node", "-e", SCRIPT, str(fetched("katex") / "dist/katex.js")]
    done = subprocess.run(script, input=json.dumps(formulas), capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"node: {done.stderr}")
    return json.loads(done.stdout)


def on_page_content(page_html, page):
    found = [(html.unescape(m[3]).strip(), m[2] == "[") for m in MARKED.finditer(page_html)]
    if not found:
        return page_html
    made = iter(zip(found, typeset(found), strict=True))

    def put(match):
        (tex, alone), typed = next(made)
        if isinstance(typed, dict):
            raise ValueError(f"{page.file.src_uri}: {tex}: {typed['error']}")
        # An element of its own: the search leaves out what is marked up to the first end of a tag of that name.
        words = f'<span hidden>{html.escape(plain(tex))}</span>'
        shown = f"<x-formula data-search-exclude>{typed}</x-formula>{words}"
        return f'<div class="formula" tabindex="0">{shown}</div>' if alone else shown

    return MARKED.sub(put, page_html)
