"""What `mkdocs.yml` cannot say: pages from outside docs/, the library's reference, and the order.

Links that lead out of docs/ lead to the pages made of those files; where there is none, as for a
source file, the text stays and the link goes.
"""

from __future__ import annotations

import ast
import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
OUTSIDE = {
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "benchmarks/README.md": "benchmarks.md",
    "cli/README.md": "cli.md",
}
"""Files of the repository -> the pages that are made of them."""

PACKAGES = {
    "ticket_hub": "The front door: one function for each command, and what they give back.",
    "ticket_hub.bundle": "Bundles: reading, checking and writing them.",
    "ticket_hub.data": "Data sets, and how your own join them.",
    "ticket_hub.errors": "Every error, with its problem and its remedy.",
    "ticket_hub.evidence": "Paired statistics and verdicts.",
    "ticket_hub.hub": "Hubs in folders and on servers.",
    "ticket_hub.networks": "Networks by name, and how your own join them.",
    "ticket_hub.pruning": "Criteria, masks, and modules whose masks hold.",
    "ticket_hub.recipe": "Recipes and their parts.",
}
"""Whose public names the reference shows."""

_LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s:#]+)(#[^)\s]*)?\)")


def public_names(package: str) -> list[str]:
    """`__all__` of a package, without importing it."""
    home = ROOT.joinpath(*package.split("."))
    source = home / "__init__.py" if home.is_dir() else home.with_suffix(".py")
    for statement in ast.parse(source.read_text("utf-8")).body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "__all__":
            return list(ast.literal_eval(statement.value))
    raise ValueError(f"{package} has no __all__")


def reference() -> Iterator[tuple[str, str]]:
    """The pages of the reference: name and Markdown."""
    for package, about in PACKAGES.items():
        blocks = "".join(f"\n::: {package}.{name}\n" for name in public_names(package))
        yield f"reference/{package}.md", f"# {package}\n\n{about}\n{blocks}"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are no files of docs/."""
    from mkdocs.structure.files import File

    outside = ((page, (ROOT / name).read_text("utf-8")) for name, page in OUTSIDE.items())
    for page, text in (*outside, *reference()):
        files.append(File.generated(config, page, content=text))
    shown = [file.src_uri for file in files.documentation_pages()]
    config.nav = _filled(config.nav, shown)
    named = set(_named(config.nav))
    more = sorted(page for page in shown if page not in named)
    config.nav += [{"More": more}] if more else []
    return files


def on_page_markdown(markdown: str, page: Page, **_rest: Any) -> str:  # noqa: ANN401 - MkDocs gives more
    """Lead links to the pages that are made of the files that they name."""
    made = {page: name for name, page in OUTSIDE.items()}
    here = page.file.src_uri
    origin = posixpath.dirname(made.get(here, f"docs/{here}"))

    def lead(link: re.Match[str]) -> str:
        mark, text, target, anchor = link.groups(default="")
        path = posixpath.normpath(posixpath.join(origin, target))
        if path.startswith("docs/"):
            place = path.removeprefix("docs/")
        elif path in OUTSIDE:
            place = OUTSIDE[path]
        else:
            return str(text)
        return f"{mark}[{text}]({posixpath.relpath(place, posixpath.dirname(here) or '.')}{anchor})"

    return _LINK.sub(lead, markdown)


def _filled(nav: list[Any], pages: list[str]) -> list[Any]:
    """The same, each folder's pages in its place."""
    filled: list[Any] = []
    for entry in nav:
        if isinstance(entry, dict):
            filled.append({title: _filled(part, pages) for title, part in entry.items()})
        elif entry.endswith("/"):
            filled += sorted(page for page in pages if page.startswith(entry))
        else:
            filled.append(entry)
    return filled


def _named(nav: list[Any]) -> Iterator[str]:
    for entry in nav:
        if isinstance(entry, dict):
            for part in entry.values():
                yield from _named(part)
        else:
            yield entry
