"""Releases: the triplets of NIGHTS and PieAPP as rows, read from the layouts in which they are distributed.

A row is a reference and two candidates, `left` and `right`, with the share of people who find the right one
more like the reference (`p_right`) and how many were asked (`votes`). Pictures stay in their files until they
are looked at. PieAPP's licence is non-commercial: nothing of it is kept or passed on.

Layouts (of ssundaram21/dreamsim's loader, of prashnani/PerceptualImageError's README of the data set, and of
`saraghznfri/unisim_data` on the hub, which keeps both in the folders nights and pie-app):

    nights/data.csv       column 0 id, 2 share preferring right, 4 reference, 5 left, 6 right; votes, split by name
    nights/ref/000/001.png, nights/distort/000/001_0.png, nights/distort/000/001_1.png
    pieapp/labels/test/ref_161_pairwise_labels.csv    columns: reference, image A, image B, share preferring A
    pieapp/reference_images/test/ref_161.png, pieapp/distorted_images/test/ref_161/distort_161_….png
"""

import logging
from pathlib import Path, PurePosixPath
from typing import Any

import datasets
import pandas as pd

from sightscale.tasks.errors import UserError
from sightscale.tasks.sources import DATA_ROOT, find_copy

UNISIM = "saraghznfri/unisim_data"
UNISIM_FOLDERS = {"nights": "nights", "pieapp": "pie-app"}
LAYOUTS = {
    "nights": "data.csv, ref/ and distort/",
    "pieapp": "labels/test/, reference_images/test/ and distorted_images/test/",
}
LEAST_VOTES = 6  # of a NIGHTS triplet, as in the published evaluation
PIEAPP_VOTES = 40  # people asked about each pair
UNDECIDED = (0.4, 0.6)  # shares of PieAPP from here to there are left out
FEATURES = datasets.Features(
    {
        "index": datasets.Value("string"),
        "reference": datasets.Image(),
        "left": datasets.Image(),
        "right": datasets.Image(),
        "p_right": datasets.Value("float64"),
        "votes": datasets.Value("int64"),
        "cluster": datasets.Value("string"),  # rows that share it aren't independent
    }
)

_log = logging.getLogger(__name__)


def build_nights(split: str = "test", hub: str | None = None) -> datasets.Dataset:
    """The triplets of a NIGHTS split (train, val or test) that at least six people judged.

    `hub` is the revision of the hub's copy to read instead of the user's own. Raises UserError in one line
    when there is no copy, or when it lacks a file or column.
    """
    folder = find_release("nights", hub)
    table = _read_csv(folder / "data.csv", 7)
    missing = [name for name in ("votes", "split") if name not in table]
    if missing:
        raise UserError(f"{folder / 'data.csv'} has no column {missing[0]!r}; expected NIGHTS as released")
    table = table[(table["votes"] >= LEAST_VOTES) & (table["split"] == split)]
    rows = [
        {
            "index": str(values[0]),
            "reference": _inside(folder, values[4]),
            "left": _inside(folder, values[5]),
            "right": _inside(folder, values[6]),
            "p_right": _as_share(values[2], folder / "data.csv"),
            "votes": int(votes),
            "cluster": f"nights:{values[0]}",
        }
        for values, votes in zip(table.itertuples(index=False, name=None), table["votes"], strict=True)
    ]
    return _as_dataset(rows, "nights", folder, f"split {split!r}", partial=hub is not None)


def build_pieapp(split: str = "test", without_reference: bool = False, hub: str | None = None) -> datasets.Dataset:
    """The decided pairs (share below 0.4 or above 0.6) of a PieAPP split, the left one being its image A.

    `without_reference` leaves pairs out in which a candidate is the reference itself, as UniSim does. `hub` is
    the revision of the hub's copy to read instead of the user's own. Raises UserError in one line when there
    is no copy, or when it lacks a file or column.
    """
    folder = find_release("pieapp", hub)
    files = sorted((folder / "labels" / split).glob("ref_*_pairwise_labels.csv"))
    share = 3 if split == "test" else 4  # train and val were labelled in part; column 4 has the estimate for all
    rows = []
    for file in files:
        for values in _read_csv(file, share + 1).itertuples(index=False, name=None):
            reference, a, b = (str(value).strip() for value in values[:3])
            prefers_a = _as_share(values[share], file)
            if UNDECIDED[0] <= prefers_a <= UNDECIDED[1] or (without_reference and reference in (a, b)):
                continue
            stem = PurePosixPath(reference).stem
            at = {
                name: f"reference_images/{split}/{name}"
                if name == reference
                else f"distorted_images/{split}/{stem}/{name}"
                for name in (reference, a, b)
            }
            rows.append(
                {
                    "index": f"{stem}:{PurePosixPath(a).stem}:{PurePosixPath(b).stem}",
                    "reference": _inside(folder, at[reference]),
                    "left": _inside(folder, at[a]),
                    "right": _inside(folder, at[b]),
                    "p_right": 1 - prefers_a,
                    "votes": PIEAPP_VOTES,
                    "cluster": f"pieapp:{stem}",
                }
            )
    return _as_dataset(rows, "pieapp", folder, f"split {split!r}", partial=hub is not None)


def find_release(name: str, hub: str | None = None) -> Path:
    """The folder of a release: the user's own copy, or with a revision `hub` the hub's small copy of it.

    Raises UserError when there is no copy, ConnectionError when the hub's can't be fetched.
    """
    if hub is None:
        copy = find_copy(name)
        if copy is None:
            raise UserError(
                f"{name} is read from your own copy only: put the release ({LAYOUTS[name]}) in the folder {name} "
                f"of a data root, and name that with --data-root or {DATA_ROOT}"
            )
        return copy
    kept = find_copy(f"{UNISIM}/{UNISIM_FOLDERS[name]}")
    if kept:
        return kept
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        fetched = snapshot_download(
            UNISIM, repo_type="dataset", revision=hub, allow_patterns=[f"{UNISIM_FOLDERS[name]}/*"]
        )
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise ConnectionError(f"{UNISIM} can't be fetched: {str(error).splitlines()[0]}") from error
    return Path(fetched) / UNISIM_FOLDERS[name]


def _read_csv(path: Path, columns: int) -> pd.DataFrame:
    """A label file, its column names without the spaces that PieAPP's have."""
    try:
        table = pd.read_csv(path).rename(columns=str.strip)
    except (OSError, ValueError) as error:
        raise UserError(f"{path} can't be read as a label file: {str(error).splitlines()[0]}") from error
    if len(table.columns) < columns:
        raise UserError(f"{path} has {len(table.columns)} columns; expected {columns} or more, as released")
    return table


def _as_share(value: Any, path: Path) -> float:
    try:
        share = float(value)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise UserError(f"{path} has the share {value!r}; shares lie between 0 and 1")
    return share


def _inside(folder: Path, relative: str) -> Path:
    """A picture's path, which label files may not lead out of their release with."""
    if PurePosixPath(str(relative)).is_absolute() or ".." in PurePosixPath(str(relative)).parts:
        raise UserError(f"the labels of {folder} name {relative!r}, which isn't inside the release")
    return folder / str(relative)


def _as_dataset(rows: list[dict[str, Any]], name: str, folder: Path, what: str, *, partial: bool) -> datasets.Dataset:
    """The rows as a data set. A user's copy must be whole; of a partial one the whole triplets are kept."""
    if not rows:
        raise UserError(f"{folder} has no triplets of {what}; expected {LAYOUTS[name]}")
    pictures = ("reference", "left", "right")
    gaps = {path for path in {row[picture] for row in rows for picture in pictures} if not path.is_file()}
    if gaps and not partial:
        raise UserError(f"{folder} lacks {len(gaps)} pictures of {what}, the first {min(gaps).relative_to(folder)}")
    whole = [row for row in rows if not gaps.intersection(row[picture] for picture in pictures)]
    if len(whole) < len(rows):
        _log.warning("%s holds the pictures of %d of %d triplets of %s", folder, len(whole), len(rows), what)
    columns = {
        column: [str(row[column]) if column in pictures else row[column] for row in whole] for column in FEATURES
    }
    return datasets.Dataset.from_dict(columns, features=FEATURES)
