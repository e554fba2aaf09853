"""Run folders: where records are. A folder of runs is one data set, with a parquet file in each run's folder."""

from pathlib import Path

from sightscale.tasks.errors import UserError
from sightscale.tasks.vocabulary import RECORDS_FILE

DEPTH = 3  # levels of folders below a named one in which to look for runs


def find_runs(path: Path) -> list[Path]:
    """Run folders at or below `path`, by name. Raises UserError if there are none."""
    if not path.exists():
        raise UserError(f"there is no folder {path}; name the --output folder of `sightscale run`")
    if path.is_file() or (path / RECORDS_FILE).is_file():
        return [path]
    for depth in range(1, DEPTH + 1):
        below = sorted(file.parent for file in path.glob("*/" * depth + RECORDS_FILE))
        if below:
            return below
    raise UserError(
        f"{path} holds no records; name the --output folder of `sightscale run`, or a folder that holds such folders"
    )
