"""`sightscale leaderboard`: entries made, verified, compared and shown."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from sightscale.harness.commands.help import HelpGroup, examples, register
from sightscale.harness.commands.options import DATA, FILES, DataRoot
from sightscale.harness.commands.terminal import quieten
from sightscale.tasks.errors import blaming

FACTS = "Facts about the system"

app = typer.Typer(
    name="leaderboard",
    cls=HelpGroup,
    no_args_is_help=True,
    help="Make and verify leaderboard entries, and build their site.",
    epilog="sightscale leaderboard add runs/mine --output entries/mine\n"
    "sightscale leaderboard build entries --output site",
)

DataChoice = Annotated[
    str,
    typer.Option(help="`hub`: compare with any data; `mini`: don't reach for the hub's.", rich_help_panel=DATA),
]
IssuesJson = Annotated[Path | None, typer.Option(help="Write every issue as JSON.", rich_help_panel=FILES)]
Markdown = Annotated[Path | None, typer.Option(help="Write issues and a table as Markdown.", rich_help_panel=FILES)]


@examples(
    "sightscale leaderboard add runs/mine --output entries/mine --licence Apache-2.0",
    "sightscale leaderboard add runs/a runs/b --output entries/mine --facts facts.yaml",
)
def add(
    runs: Annotated[list[Path], typer.Argument(help="Folder of a run; several when a suite was split over runs.")],
    output: Annotated[Path, typer.Option(help="The entry's new folder, such as entries/my-model.")],
    facts: Annotated[Path | None, typer.Option(help="YAML file of the facts below, and of each part's.")] = None,
    title: Annotated[
        str | None, typer.Option(help="A name to show beside the checkpoint's.", rich_help_panel=FACTS)
    ] = None,
    visual_data: Annotated[
        str | None, typer.Option(help="Amount of visual training data, such as 1.0M.", rich_help_panel=FACTS)
    ] = None,
    licence: Annotated[str | None, typer.Option(help="Licence of the model.", rich_help_panel=FACTS)] = None,
    contact: Annotated[str | None, typer.Option(help="Who answers questions.", rich_help_panel=FACTS)] = None,
    hardware: Annotated[
        str | None, typer.Option(help="What it ran on.  [default: as the run says]", rich_help_panel=FACTS)
    ] = None,
    notes: Annotated[str | None, typer.Option(help="One line more.", rich_help_panel=FACTS)] = None,
) -> None:
    """Make an entry of a finished run: a folder to add to the leaderboard by pull request."""
    from sightscale.leaderboards.entry import add_entry, read_facts

    options = {"title": title, "visual_data": visual_data, "licence": licence, "contact": contact}
    entry = add_entry(runs, output, read_facts(facts, {**options, "hardware": hardware, "notes": notes}))
    for average in entry.averages:
        print(f"{average.name}, {average.condition}: {100 * average.score:.2f} % of {average.n:,} questions")
    print(f"{output}: {entry.name}, {len(entry.scores)} scores of {len({one.task for one in entry.scores})} tasks")
    print(f"now run: sightscale leaderboard verify {output}")


@examples(
    "sightscale leaderboard verify",
    "sightscale leaderboard verify entries/mine --data mini --json issues.json",
)
def verify(
    entries: Annotated[
        list[Path] | None, typer.Argument(help="Folders of entries.  [default: those that come with sightscale]")
    ] = None,
    data: DataChoice = "hub",
    data_root: DataRoot = None,
    json: IssuesJson = None,
    markdown: Markdown = None,
) -> None:
    """Score every answer again and check everything an entry claims; exit 1 when anything is wrong.

    It needs no model. That the answers came from the model named it can't prove: only running it again can.
    """
    from sightscale.leaderboards.site import list_embedded

    _verify(entries or list_embedded(), data, data_root, json, markdown)


def _verify(
    entries: list[Path],
    data: str,
    data_root: Path | None,
    json: Path | None,
    markdown: Path | None,
    about: Sequence[str] = (),
    board: Path | None = None,
) -> None:
    quieten()
    from sightscale.harness.pages import show_value
    from sightscale.leaderboards.entry import list_entries
    from sightscale.leaderboards.verification import (
        count_in_words,
        Worker,
        refuse_alike,
        verify_apart,
        write_json,
        write_markdown,
    )

    with Worker() as worker:
        verified = [verify_apart(worker, entry, data, data_root) for entry in entries]
    if board:
        others = list_entries(board)
        verified = [refuse_alike(result, others) for result in verified]
    for result in verified:
        folder = show_value(str(result.folder))  # of a pull request, whoever named it
        for issue in result.issues:
            print(f"{folder}: {issue.line()}")
        print(f"{folder}: {result.state if result.accepted else 'REFUSED'}: {count_in_words(result.issues)}")
    if json:
        _write(json, write_json(verified))
    if markdown:
        _write(markdown, write_markdown(verified, about))
    if not all(result.accepted for result in verified):
        sys.exit(1)


@examples(
    "sightscale leaderboard check main...HEAD",
    "sightscale leaderboard check main...HEAD --entries entries --markdown comment.md",
)
def check(
    revisions: Annotated[str, typer.Argument(help="BASE...HEAD, two commits of the repository you stand in.")],
    entries: Annotated[Path, typer.Option(help="The folder that holds the entries.")] = Path("entries"),
    data: DataChoice = "hub",
    data_root: DataRoot = None,
    json: IssuesJson = None,
    markdown: Markdown = None,
) -> None:
    """Verify the entries that a pull request changes, and write the table to comment; for any CI."""
    from sightscale.leaderboards.verification import find_changes

    changes = find_changes(revisions, entries)
    for line in changes.lines():
        print(line)
    _verify(list(changes.entries), data, data_root, json, markdown, changes.lines(), entries)


@examples("sightscale leaderboard schema", "sightscale leaderboard schema --output entry.json")
def schema(
    output: Annotated[Path | None, typer.Option(help="Where to write it.  [default: print it]")] = None,
) -> None:
    """Print the JSON Schema of an entry."""
    from sightscale.leaderboards.entry import write_schema

    if output:
        _write(output, write_schema())
    else:
        print(write_schema(), end="")


@examples(
    "sightscale leaderboard build --output site",
    "sightscale leaderboard build entries --output site --title Ours --data mini",
)
def build(
    *,
    entries: Annotated[
        Path | None,
        typer.Argument(help="Folder that holds the entries' folders.  [default: those that come with sightscale]"),
    ] = None,
    output: Annotated[Path, typer.Option(help="Folder for the site; a site that stands there is replaced.")],
    title: Annotated[str | None, typer.Option(help="The leaderboard's title.")] = None,
    verify: Annotated[bool, typer.Option(help="Score every answer again; else all entries are self-reported.")] = True,
    data: DataChoice = "hub",
    data_root: DataRoot = None,
    samples: Annotated[
        int, typer.Option(min=0, help="Questions in each verified entry's report; 0: no reports.")
    ] = 200,
    rank_all: Annotated[
        bool, typer.Option("--rank-all", help="Rank partly checked entries too.", show_default=False)
    ] = False,
    cache: Annotated[
        Path | None, typer.Option(help="Keep what was verified here for the next build.", rich_help_panel=FILES)
    ] = None,
) -> None:
    """Build a static site of the entries and the study's table: it opens from disk and needs no server.

    Only entries that this build checked from end to end hold a rank; the others stand below, with what wasn't.
    """
    quieten()
    from sightscale.leaderboards.site import EMBEDDED, TITLE, Options, build_site, count_entries, count_states

    options = Options(title or TITLE, verify, data, data_root, samples, rank_all, cache)
    gathered = build_site(entries or EMBEDDED, output, options)
    for line in gathered.left_out:
        print(f"left out: {line}")
    print(f"{output / 'index.html'}: {count_entries(len(gathered.entries))}: {count_states(gathered.entries)}")


def _write(path: Path, text: str) -> None:
    with blaming(path, "write"):
        path.write_text(text, encoding="utf-8")


for _command in (add, verify, check, schema, build):
    register(app, _command, _command.__name__)
