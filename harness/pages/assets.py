"""Assets: the style, scripts and templates that pages are made of, and the policy that lets a page run only these."""

import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from sightscale.harness.pages.drawing import draw_interval_mark
from sightscale.harness.pages.tables import show_cell

FOLDER = Path(__file__).parent / "web"


def read_asset(name: str) -> str:
    """The text of an asset: theme.css (shared by all pages), report.css, page.js, samples.js."""
    return (FOLDER / name).read_text(encoding="utf-8")


def content_policy(styles: Sequence[str], scripts: Sequence[str], *, files_beside: bool = False) -> str:
    """A Content-Security-Policy that lets in these inline texts and pictures inside the page, and nothing else.

    With `files_beside`, scripts from the page's own folder as well.
    """
    sources = [*(_hash(one) for one in scripts), *(["'self'", "file:"] if files_beside else [])]
    return (
        f"default-src 'none'; script-src {' '.join(sources)}; style-src {' '.join(_hash(one) for one in styles)}; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def render_template(name: str, values: Mapping[str, Any], folder: Path = FOLDER) -> str:
    """A template filled in; every value is escaped unless it was made here as markup."""
    return _environment(folder).get_template(name).render(values)


@cache  # a site has thousands of pages of few templates
def _environment(folder: Path) -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([folder, FOLDER]), autoescape=True, undefined=jinja2.StrictUndefined
    )
    environment.globals.update(_FUNCTIONS)
    return environment


def _interval_mark(value: float, low: float, high: float) -> Markup:
    return Markup(draw_interval_mark(value, low, high))  # made of numbers alone


_FUNCTIONS: dict[str, Callable[..., Any]] = {"show_cell": show_cell, "interval_mark": _interval_mark}


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
