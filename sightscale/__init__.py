"""sightscale: does a small vision-language model see, and if it fails, is it perception or reasoning?

`__all__` is the public Python API; each name is imported when it is first used. Everything else may change.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sightscale.api import compare, reliance, run
    from sightscale.harness.evaluation import Plan, evaluate, read_records
    from sightscale.harness.pages import save_figure
    from sightscale.harness.report import draw_scores
    from sightscale.tasks import read_answer
    from sightscale.tasks.errors import UserError

    __version__: str

__all__ = [
    "Plan",
    "UserError",
    "__version__",
    "compare",
    "draw_scores",
    "evaluate",
    "read_answer",
    "read_records",
    "reliance",
    "run",
    "save_figure",
]

_HOMES = {
    "Plan": "sightscale.harness.evaluation",
    "UserError": "sightscale.tasks.errors",
    "compare": "sightscale.api",
    "draw_scores": "sightscale.harness.report",
    "evaluate": "sightscale.harness.evaluation",
    "read_answer": "sightscale.tasks",
    "read_records": "sightscale.harness.evaluation",
    "reliance": "sightscale.api",
    "run": "sightscale.api",
    "save_figure": "sightscale.harness.pages",
}


def __getattr__(name: str) -> Any:
    """A public name, imported from its module."""
    if name == "__version__":
        from importlib.metadata import version

        return version("sightscale")
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'sightscale' has no attribute {name!r}")


def __dir__() -> list[str]:
    """The public names and the module's own."""
    return sorted({*globals(), *__all__})
