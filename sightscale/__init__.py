"""sightscale: does a small vision-language model see, and if it fails, is it perception or reasoning?

The few names here are what a script needs. They are imported when they are first used, so that importing the package
costs nothing.

>>> import sightscale
>>> sightscale.read_answer("**Answer:** B", {"A": "circle", "B": "square"}).letter
'B'
"""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sightscale.harness.analysis import compare, reliance
    from sightscale.harness.evaluation import Plan, evaluate, read_records
    from sightscale.tasks import read_answer
    from sightscale.tasks.errors import UserError

__all__ = ["Plan", "UserError", "__version__", "compare", "evaluate", "read_answer", "read_records", "reliance"]

__version__ = version("sightscale")

_HOMES = {
    "Plan": "sightscale.harness.evaluation",
    "evaluate": "sightscale.harness.evaluation",
    "read_records": "sightscale.harness.evaluation",
    "compare": "sightscale.harness.analysis",
    "reliance": "sightscale.harness.analysis",
    "read_answer": "sightscale.tasks",
    "UserError": "sightscale.tasks.errors",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'sightscale' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
