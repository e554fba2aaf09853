"""Issues: what verification has to say of an entry, each with its level, file, field and reason."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal

from sightscale.harness.pages import show_value

Level = Literal["error", "warning", "not checked"]
ERROR: Level = "error"
WARNING: Level = "warning"
NOT_CHECKED: Level = "not checked"


@dataclass(frozen=True)
class Issue:
    """One issue. An error refuses the entry; `not checked` names what nobody looked at."""

    level: Level
    file: str
    field: str
    reason: str

    def line(self) -> str:
        """The issue on one line, safe on a terminal."""
        return f"{self.level}: {self.file}: {show_value(self.field)}: {self.reason}"

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def error(file: str, field: str, reason: str) -> Issue:
    """What refuses the entry."""
    return Issue(ERROR, file, field, reason)


def warning(file: str, field: str, reason: str) -> Issue:
    """What a maintainer should look at."""
    return Issue(WARNING, file, field, reason)


def not_checked(file: str, field: str, reason: str) -> Issue:
    """What couldn't be looked at."""
    return Issue(NOT_CHECKED, file, field, reason)


def has_errors(issues: Iterable[Issue]) -> bool:
    """Whether any issue refuses the entry."""
    return any(issue.level == ERROR for issue in issues)


def merge_alike(issues: Iterable[Issue]) -> list[Issue]:
    """The issues, those that differ in the field alone as one; errors stay as they are."""
    fields: dict[tuple[Level, str, str], list[str]] = {}
    for issue in issues:
        field_key = issue.field if issue.level == ERROR else ""
        fields.setdefault((issue.level, issue.file, f"{issue.reason}\0{field_key}"), []).append(issue.field)
    return [
        Issue(
            level, file, names[0] if len(names) == 1 else f"{names[0]}, and {len(names) - 1} more", key.split("\0")[0]
        )
        for (level, file, key), names in fields.items()
    ]
