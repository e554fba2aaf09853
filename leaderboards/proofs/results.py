"""Results: proofs that a maintainer made, kept in a folder of theirs and shown on the entry's page.

They never lie in the entry, which its sender writes. Each names the hash of the files that it was made of, so that a
changed entry doesn't keep another's proof.
"""

import json
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from sightscale.harness.pages import check_line
from sightscale.leaderboards.entry import ENTRY, HASHES, first_reason, hash_file, load_entry, read_json
from sightscale.tasks.errors import UserError, blaming

Proof = Literal["fresh questions", "spot rerun"]
LONGEST = 20_000  # bytes of one entry's results


class Result(BaseModel):
    """What one proof of an entry came to."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    proof: Proof
    files: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", description="SHA-256 of the entry's hashes.json.")]
    date: Annotated[str, Field(pattern=r"^20[0-9]{2}-[0-9]{2}-[0-9]{2}$")]
    passed: bool
    result: Annotated[str, Field(min_length=1, max_length=600), AfterValidator(check_line)]
    sightscale: Annotated[str, Field(min_length=1, max_length=60), AfterValidator(check_line)]


class _Results(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    results: Annotated[list[Result], Field(max_length=10)]


def keep_result(folder: Path, entry: Path, proof: Proof, passed: bool, result: str) -> Path:
    """Write what a proof of the entry in the folder `entry` came to into `folder`; an earlier one of its kind is gone.

    Return the file. Raises UserError where it can't be read or written, and for an entry that can't be read.
    """
    made = Result(
        proof=proof,
        files=digest_files(entry),
        date=datetime.now(UTC).date().isoformat(),
        passed=passed,
        result=result,
        sightscale=version("sightscale"),
    )
    path = folder / f"{load_entry(entry).id}.json"
    others = [one for one in read_results(path) if one.proof != proof] if path.exists() else []
    with blaming(path, "write"):
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"results": [one.model_dump() for one in (*others, made)]}, indent=1, ensure_ascii=False)
        path.write_text(text + "\n", encoding="utf-8")
    return path


def read_results(path: Path) -> tuple[Result, ...]:
    """The results in a file. Raises UserError naming what is wrong with it."""
    try:
        return tuple(_Results.model_validate(read_json(path, LONGEST)).results)
    except ValidationError as error:
        raise UserError(f"{path.name}: {first_reason(error)}") from error


def digest_files(entry: Path) -> str:
    """What tells an entry's files from others: the hash of the file that names their hashes.

    An entry of claims alone has one file, and no such list.
    """
    return hash_file(entry / (HASHES if (entry / HASHES).is_file() else ENTRY))
