"""`sightscale tasks`: what can be asked, and what a question looks like."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sightscale.harness.commands.terminal import open_console, quieten

if TYPE_CHECKING:
    from sightscale.tasks.catalogue import TaskCard


def tasks(
    action: Annotated[str, typer.Argument(help="Nothing to list all tasks, or `show` to see one.")] = "",
    name: Annotated[str, typer.Argument(help="The task or group to show.")] = "",
    data: Annotated[str, typer.Option(help="Where the example comes from: `mini` or `hub`.")] = "mini",
    data_root: Annotated[Path | None, typer.Option(help="Folder with your own copies of data sets.")] = None,
    number: Annotated[int, typer.Option(min=0, help="Which document to show.")] = 0,
    output: Annotated[Path, typer.Option(help="Folder for the example's pictures.")] = Path(),
) -> None:
    """List the tasks that come with sightscale, or show one with an example and its pictures.

    Every task of lmms-eval can be named in `sightscale run` as well.
    """
    if action == "":
        _list()
    elif action == "show" and name:
        _show(name, data, data_root, number, output)
    else:
        raise ValueError("say `sightscale tasks`, or `sightscale tasks show NAME`")


def _list() -> None:
    from rich.table import Table

    from sightscale.tasks.catalogue import list_tasks

    table = Table(caption_justify="left")
    for column in ("task", "questions", "chance", "source", "revision", "licence", "mini", "hub data now"):
        table.add_column(column, overflow="fold", no_wrap=column in ("task", "questions", "chance", "revision"))
    mend: set[str] = set()  # what to do about data that aren't here
    for card in list_tasks():
        if not card.name.endswith("_blind"):
            *cells, now = _cells(card)
            here, _, what = now.partition(": ")
            table.add_row(*cells, now if here == "yes" else here)
            mend |= {f"{card.source}: {what}"} if what.startswith("put ") else {what} if here == "no" else set()
    table.caption = "\n".join(
        (
            "mini: whether `--data mini` has data for it. Blind variants have the same name with _blind.",
            *(f"Where hub data isn't here: {what}." for what in sorted(mend)),
        )
    )
    open_console().print(table)


def _cells(card: "TaskCard") -> tuple[str, ...]:
    return (
        card.name,
        f"{card.questions:,}" if card.questions else "–",
        f"{100 * card.chance:.1f} %" if card.chance is not None else "–",
        card.source,
        card.revision[:12],
        card.licence,
        "yes" if card.mini else "–",
        card.availability(),
    )


def _show(name: str, data: str, data_root: Path | None, number: int, output: Path) -> None:
    from sightscale.tasks.catalogue import find_card, list_tasks

    card = find_card(name)
    for label, value in zip(
        ("task", "questions", "chance", "source", "revision", "licence", "mini data", "hub data now"),
        _cells(card),
        strict=True,
    ):
        print(f"{label + ':':14} {value}")
    if card.members:
        cards = {one.name: one for one in list_tasks()}
        for label, member in zip(["members:", *[""] * len(card.members)], card.members, strict=False):
            own = (
                cards[member].availability() if member in cards else "lmms-eval's own, which fetches its data when run"
            )
            print(f"{label:14} {member} (hub data now: {own})")
        for what, reason in card.missing.items():
            print(f"not in it:     {what}: {reason}")
        for what, note in card.notes.items():
            print(f"note:          {what}: {note}")
        shown = [cards[member] for member in card.members if member in cards and not cards[member].members]
        card = next((one for one in shown if data != "mini" or one.mini), shown[0])
        print(f"{'example of:':14} {card.name}")
    if data == "mini" and not (card.mini or card.source.startswith("package:")):
        print("The mini suite has nothing in its place; name --data hub for an example.")
        return
    quieten()
    _print_example(card, data, data_root, number, output)


def _print_example(card: "TaskCard", data: str, data_root: Path | None, number: int, output: Path) -> None:
    import datasets

    from sightscale.harness.evaluation import load_tasks
    from sightscale.tasks.sources import reading

    name = card.name
    source = "the package's own" if card.source.startswith("package:") else data
    datasets.disable_progress_bars()
    with reading(data, data_root):
        manager, _ = load_tasks((name,), "default")
        task = manager.load_task_or_group([name], task_type="chat")[name]
    docs = task.test_docs()
    if number >= len(docs):
        raise ValueError(f"task {name!r} has {len(docs):,} documents, so there is no number {number}")
    doc = docs[number]
    output.mkdir(parents=True, exist_ok=True)
    print(f"{'example:':14} document {number} of {len(docs):,}, data: {source}\n")
    print(task.doc_to_text(doc).rstrip())
    print(f"\n{'target:':14} {task.doc_to_target(doc)}")
    for k, picture in enumerate(task.doc_to_visual(doc)):
        path = output / f"{name}_{number}_{k}.png"
        picture.save(path)
        print(f"{'picture:':14} {path} ({picture.width} × {picture.height})")
