"""Building: a leaderboard's site written whole or not at all."""

import ctypes
import hashlib
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from sightscale.leaderboards.site.feeds import write_citation, write_csv, write_json
from sightscale.leaderboards.site.gather import Gathered, gathering
from sightscale.leaderboards.site.listed import Listed
from sightscale.leaderboards.site.pages import (
    Board,
    make_board,
    render_changes,
    render_differences,
    render_entry,
    render_index,
    render_task,
)
from sightscale.tasks.errors import UserError
from sightscale.tasks.vocabulary import DataOrigin

MARKER = ".sightscale-site"  # in a folder that this module may replace
TITLE = "Small vision-language models: do they look?"


@dataclass(frozen=True)
class Options:
    """How a site is built: its title, whether entries are verified against which data, and samples of each."""

    title: str = TITLE
    verify: bool = True
    data: str = DataOrigin.HUB
    data_root: Path | None = None
    samples: int = 200
    rank_all: bool = False  # whether entries that weren't checked from end to end hold ranks too
    kept: Path | None = None  # a folder where what was looked at stays for the next build
    proofs: Path | None = None  # a folder of what challenges and reruns came to
    signatures: bool = False  # whether an entry without a signature says so


def build_site(entries: Path, output: Path, options: Options) -> Gathered:
    """Write the site of the entries in a folder of folders; return what was read and what was left out.

    A site that stands in `output` is replaced when the new one is whole. Raises UserError in one line when
    there are no entries, and for an `output` that holds anything else.
    """
    _check_output(output, entries)
    partial, old = (output.with_name(f".{output.name}.{kind}") for kind in ("partial", "old"))
    with gathering(
        entries,
        verify=options.verify,
        data=options.data,
        data_root=options.data_root,
        samples=options.samples,
        kept=options.kept,
        proofs=options.proofs,
        signatures=options.signatures,
    ) as gathered:
        try:
            if old.exists() and not output.exists():
                old.replace(output)  # a build was killed between two renames
            for left in (partial, old):
                if left.exists():
                    shutil.rmtree(left)
            partial.mkdir(parents=True)
            _write(partial, gathered, options)
            _put_in_place(partial, output, old)
            if old.exists():
                shutil.rmtree(old)
        except OSError as error:
            raise UserError(f"cannot write {output}: {error.strerror or error}; choose another --output") from error
    return gathered


def _put_in_place(new: Path, output: Path, old: Path) -> None:
    """Have `new` in the place of `output`, whose former content lies at `old` then.

    Where the system can exchange two folders in one step, no kill leaves a moment without a site.
    """
    if not output.exists():
        new.replace(output)
    elif _exchange(new, output):
        new.replace(old)
    else:
        output.replace(old)
        new.replace(output)


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two folders in one step; False where the system or the disk can't."""
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None) if sys.platform == "linux" else None
    if rename is None:
        return False
    here, exchange = -100, 2  # AT_FDCWD, RENAME_EXCHANGE
    return bool(rename(here, os.fsencode(one), here, os.fsencode(other), exchange) == 0)


def _check_output(output: Path, entries: Path) -> None:
    if output.is_symlink() or (output.exists() and not output.is_dir()):
        raise UserError(f"{output} is no folder; choose another --output")
    if output.is_dir() and any(output.iterdir()) and not (output / MARKER).is_file():
        raise UserError(f"{output} holds files that no leaderboard build made; choose another --output")
    if output.resolve() in (entries.resolve(), *entries.resolve().parents):
        raise UserError(f"{output} would replace the entries; choose another --output")


def _write(site: Path, gathered: Gathered, options: Options) -> None:
    board = make_board(options.title, gathered, options.rank_all)
    (site / MARKER).write_text("made by sightscale leaderboard build; a new build replaces this folder\n")
    for folder in ("models", "tasks"):
        (site / folder).mkdir()
    for listed in gathered.entries:
        _write_entry(site, board, listed, options)
    for task in board.tasks:
        _save(site / "tasks" / f"{task}.html", render_task(board, task))
    _save(site / "changes.html", render_changes(board))
    _save(site / "differences.html", render_differences(board))
    _save(site / "entries.json", write_json(gathered.entries))
    _save(site / "entries.csv", write_csv(gathered.entries))
    _save(site / "citation.bib", write_citation())
    _save(site / "index.html", render_index(board))


def _write_entry(site: Path, board: Board, listed: Listed, options: Options) -> None:
    """An entry's page, as it was made before if nothing that it shows has changed, and the report of its answers."""
    if listed.report:
        place = site / "reports" / listed.entry.id
        place.mkdir(parents=True)
        shutil.copyfile(listed.report, place / "report.html")
    page = site / "models" / f"{listed.entry.id}.html"
    made = _find_made(board, listed, options)
    if made and made.is_file():
        shutil.copyfile(made, page)
        return
    _save(page, render_entry(board, listed, listed.report is not None))
    if made:
        partial = made.with_suffix(".partial")
        shutil.copyfile(page, partial)
        partial.replace(made)


def _find_made(board: Board, listed: Listed, options: Options) -> Path | None:
    """Where an entry's page lies if it was made before; its name says what decides it. None where nothing is kept."""
    if not (options.kept and listed.key):
        return None
    proofs = (word for one in listed.proofs for word in (one.proof, one.state, one.result))
    digest = hashlib.sha256("\0".join((listed.key, board.title, *listed.alike, *proofs)).encode()).hexdigest()[:40]
    return options.kept / f"page-{digest}.html"


def _save(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", errors="replace", newline="\n")
