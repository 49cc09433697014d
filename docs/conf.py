"""How Sphinx makes one site of this folder: `make docs`, into build/docs.

The texts that a host of code looks for at the root are pages of the site as well. Their links, and
those that lead to them, are turned here, so that each holds in both places.
"""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path
from posixpath import join, normpath, relpath
from typing import Final

from pygments.lexers.special import TextLexer
from sphinx.application import Sphinx

project = "cors-anywhere"
release = metadata.version("cors-anywhere")
html_title = f"cors-anywhere {release}"
html_theme = "furo"
html_show_copyright = False
html_copy_source = False
html_show_sourcelink = False

extensions = ["myst_parser", "sphinx.ext.autodoc"]
myst_heading_anchors = 4  # as hosts of code have them
default_role = "code"  # docstrings write `name`, as the rest of the project does
autodoc_typehints = "description"
autodoc_member_order = "groupwise"
suppress_warnings = ["ref.python"]  # a name in a docstring may be of several classes

ROOT: Final = Path(__file__).parents[1]
FROM_ROOT: Final = {
    "index": "README.md",
    "changelog": "CHANGELOG.md",
    "contributing": "CONTRIBUTING.md",
    "reporting": "SECURITY.md",
    "figures": max(ROOT.glob("benchmarks/results/*.md")).relative_to(ROOT).as_posix(),
}
PAGES: Final = {file: f"docs/{page}.md" for page, file in FROM_ROOT.items()}


def read(_: Sphinx, page: str, source: list[str]) -> None:
    """A page's text, with its links as they are from its place in docs/."""
    written = FROM_ROOT.get(page)
    text = (ROOT / written).read_text("utf-8") + source[0] if written else source[0]
    text = re.sub(
        r"<picture>.*?src=\"(.*?)\" alt=\"(.*?)\".*?</picture>", r"![\2](\1)", text, flags=re.DOTALL
    )
    here = Path(written or f"docs/{page}.md").parent.as_posix()

    def turned(link: re.Match[str]) -> str:
        path, mark, fragment = link[1].partition("#")
        if "://" in path or not path:
            return link[0]
        file = normpath(join(here, path))
        there = relpath(PAGES.get(file, file), Path(f"docs/{page}").parent.as_posix())
        return f"]({there}{mark}{fragment})"

    source[0] = re.sub(r"\]\(([^)\s]+)\)", turned, text)


def setup(app: Sphinx) -> None:
    app.add_lexer("haproxy", TextLexer)
    app.add_lexer("haproxy-servers", TextLexer)
    app.connect("source-read", read)
