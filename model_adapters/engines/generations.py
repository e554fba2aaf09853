"""A kept generation: the row that every kind of store holds, with the checksum that tells whether it is whole."""

import hashlib
import json
from dataclasses import asdict, dataclass, fields

from sightscale.model_adapters.engines import Completion

_FIELDS = frozenset(field.name for field in fields(Completion))


@dataclass(frozen=True)
class Generation:
    """One finished generation under its key. `written` is seconds since 1970; `body` is the completion as JSON."""

    key: str
    engine: str
    body: object  # text, unless the row is damaged
    checksum: object
    written: float

    @property
    def is_damaged(self) -> bool:
        """Whether the body isn't what was written."""
        return not isinstance(self.body, str) or checksum(self.key, self.body) != self.checksum

    @property
    def text(self) -> str | None:
        """What was generated; None when the row is damaged."""
        completion = self.completion
        return None if completion is None else completion.text

    @property
    def completion(self) -> Completion | None:
        """What was kept; None when the row is damaged. Fields that a newer version added are left out."""
        if self.is_damaged:
            return None
        try:
            read = json.loads(str(self.body))
        except ValueError:
            return None
        if not isinstance(read, dict) or not isinstance(read.get("text"), str):
            return None
        return Completion(**{name: value for name, value in read.items() if name in _FIELDS}, cached=True)


def keep(key: str, engine: str, completion: Completion, written: float) -> Generation:
    """The row for a completion."""
    values = asdict(completion)
    del values["cached"]
    body = json.dumps(values)
    return Generation(key, engine, body, checksum(key, body), written)


def checksum(key: str, body: str) -> str:
    """SHA-256 over a row's key and body."""
    return hashlib.sha256(f"{key}\n{body}".encode("utf-8", "surrogatepass")).hexdigest()
