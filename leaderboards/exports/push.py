"""Push: a run's files or an entry's, and a card's section, as one commit to a repository of the hub.

What would be uploaded is known before anything is sent, so that it can be shown.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huggingface_hub import CommitOperationAdd, HfApi
from huggingface_hub.errors import (
    EntryNotFoundError,
    HfHubHTTPError,
    HFValidationError,
    RepositoryNotFoundError,
)
from huggingface_hub.utils._validators import validate_repo_id

from sightscale.leaderboards.entry import ENTRY, MANIFEST, RECORDS, check_folder, list_files
from sightscale.leaderboards.exports.model_card import update_card
from sightscale.tasks.errors import UserError, first_line

CARD = "README.md"
FOLDER = "sightscale"  # of the repository, in which each run has a folder
RUN_FILES = (MANIFEST, RECORDS)


@dataclass(frozen=True)
class Upload:
    """A file as the repository is to have it."""

    path: str
    content: Path | bytes

    @property
    def size(self) -> int:
        """In bytes."""
        return len(self.content) if isinstance(self.content, bytes) else self.content.stat().st_size


def is_entry(folder: Path) -> bool:
    """Whether a folder holds an entry, rather than a run."""
    return (folder / ENTRY).is_file()


def list_uploads(folder: Path) -> list[Upload]:
    """The files of a run or of an entry, its signatures too, in a folder of its name.

    Raises UserError when it is neither.
    """
    names = list_files(folder) if is_entry(folder) else RUN_FILES
    missing = [name for name in names if not (folder / name).is_file()]
    reasons = [f"it has no {missing[0]}"] if missing else check_folder(folder) if is_entry(folder) else []
    if reasons:
        raise UserError(f"{folder} is no finished run or entry: {reasons[0]}")
    return [Upload(f"{FOLDER}/{folder.resolve().name}/{name}", folder / name) for name in names]


def check_repository(repository: str) -> str:
    """The name. Raises UserError for one that isn't OWNER/NAME."""
    try:
        validate_repo_id(repository)
    except HFValidationError as error:
        raise UserError(f"repository {repository!r}: {first_line(error)}") from error
    if repository.count("/") != 1:
        raise UserError(f"repository {repository!r} must look like OWNER/NAME")
    return repository


def push(
    folder: Path,
    repository: str,
    *,
    kind: str = "model",
    card: bool = True,
    figure: str | None = None,
    propose: bool = False,
    api: Any = None,
) -> str:
    """Upload a run or an entry in one commit, and return its address.

    To a model's repository goes the card's section as well, unless `card` says not to. With `propose` it is a pull
    request. Credentials are those that the hub's client finds. Raises UserError in one line for what fails.
    """
    hub = api or HfApi()
    uploads = list_uploads(folder)
    try:
        if card and kind == "model" and not is_entry(folder):
            uploads.append(Upload(CARD, update_card(_read_card(hub, repository), folder, figure=figure).encode()))
        made = hub.create_commit(
            repo_id=check_repository(repository),
            repo_type=kind,
            operations=[CommitOperationAdd(one.path, one.content) for one in uploads],
            commit_message=f"sightscale: {folder.resolve().name}",
            create_pr=propose,
        )
    except (HfHubHTTPError, OSError) as error:
        raise UserError(f"cannot push to {repository}: {first_line(error)}") from error
    return str(made.pr_url or made.commit_url)


def _read_card(hub: Any, repository: str) -> str:
    """The repository's card; nothing where it has none."""
    try:
        path = hub.hf_hub_download(repo_id=repository, filename=CARD)
    except EntryNotFoundError:
        return ""
    except RepositoryNotFoundError as error:
        raise UserError(f"there is no repository {repository} that you may write to; make it first") from error
    return Path(path).read_text(encoding="utf-8")


def describe_uploads(uploads: Sequence[Upload], repository: str, kind: str) -> list[str]:
    """What a push would do, a line for each file."""
    lines = [f"would commit {len(uploads)} files to {kind} {repository}:"]
    return [*lines, *(f"  {one.path}  {one.size:,} bytes" for one in uploads)]
