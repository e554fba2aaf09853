"""Findings: what verification has to say of an entry, each with its level, file, field and reason."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal

from sightscale.leaderboards.entry import show

Level = Literal["error", "warning", "not checked"]
ERROR: Level = "error"
WARNING: Level = "warning"
NOT_CHECKED: Level = "not checked"


@dataclass(frozen=True)
class Finding:
    """One finding. An error refuses the entry; `not checked` names what nobody looked at."""

    level: Level
    file: str
    field: str
    reason: str

    def line(self) -> str:
        """The finding on one line, safe on a terminal."""
        return f"{self.level}: {self.file}: {show(self.field)}: {self.reason}"

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def error(file: str, field: str, reason: str) -> Finding:
    """What refuses the entry."""
    return Finding(ERROR, file, field, reason)


def warning(file: str, field: str, reason: str) -> Finding:
    """What a maintainer should look at."""
    return Finding(WARNING, file, field, reason)


def not_checked(file: str, field: str, reason: str) -> Finding:
    """What couldn't be looked at."""
    return Finding(NOT_CHECKED, file, field, reason)


def has_errors(findings: Iterable[Finding]) -> bool:
    """Whether any finding refuses the entry."""
    return any(finding.level == ERROR for finding in findings)


def merge_alike(findings: Iterable[Finding]) -> list[Finding]:
    """The findings, those that differ in the field alone as one; errors stay as they are."""
    fields: dict[tuple[Level, str, str], list[str]] = {}
    for finding in findings:
        own = finding.field if finding.level == ERROR else ""
        fields.setdefault((finding.level, finding.file, f"{finding.reason}\0{own}"), []).append(finding.field)
    return [
        Finding(
            level, file, names[0] if len(names) == 1 else f"{names[0]}, and {len(names) - 1} more", key.split("\0")[0]
        )
        for (level, file, key), names in fields.items()
    ]
