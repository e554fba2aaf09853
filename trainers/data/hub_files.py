"""Conversation files of a hub data set: the user's own copy, or what the hub's client has or fetches.

Pictures are never fetched: data sets in LLaVA's format name files of other data sets, each with a licence of
its own, so they are put in place by hand.
"""

from collections.abc import Sequence
from pathlib import Path

from sightscale.tasks.errors import UserError, first_line

SUFFIXES = (".json", ".jsonl", ".parquet")
NOT_ROWS = ("dataset_infos.json", "dataset_dict.json", "state.json")  # what the hub's own tools write beside the rows


def find_hub_files(dataset: str, revision: str, names: Sequence[str], data_root: Path, fetch: bool) -> list[Path]:
    """The data set's files of these names, or all conversation files, in the order of their names.

    `<data root>/<dataset>` is looked for first. Without `fetch` only what was fetched before is found. Raises
    ValueError in one line when the data set or a file of it isn't there.
    """
    folder = data_root / dataset
    if not folder.is_dir():
        folder = _fetch(dataset, revision, names, fetch)
    if names:
        missing = [name for name in names if not (folder / name).is_file()]
        if missing:
            raise UserError(f"{dataset}, revision {revision}, has no file {missing[0]!r} in {folder}")
        return [folder / name for name in names]
    files = sorted(path for path in folder.rglob("*") if path.suffix in SUFFIXES and path.name not in NOT_ROWS)
    if not files:
        raise UserError(f"{folder} holds no {', '.join(SUFFIXES)} file of {dataset}")
    return files


def _fetch(dataset: str, revision: str, names: Sequence[str], fetch: bool) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    wanted = list(names) or [f"*{suffix}" for suffix in SUFFIXES]
    try:
        return Path(
            snapshot_download(
                dataset, repo_type="dataset", revision=revision, allow_patterns=wanted, local_files_only=not fetch
            )
        )
    except LocalEntryNotFoundError as error:
        raise UserError(
            f"{dataset} isn't on this machine; put a copy at <data root>/{dataset}, or run "
            f"`hf download {dataset} --repo-type dataset --revision {revision}`"
        ) from error
    except Exception as error:  # whatever the hub's client finds wrong is a reason to report, in one line
        raise UserError(f"{dataset}, revision {revision}, can't be fetched: {first_line(error)}") from error
