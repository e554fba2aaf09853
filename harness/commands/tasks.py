"""`sightscale tasks`: what can be asked, and what a question looks like."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sightscale.harness.commands.terminal import open_console, quieten
from sightscale.tasks.errors import UserError

if TYPE_CHECKING:
    from sightscale.tasks.catalogue import TaskCard


app = typer.Typer(name="tasks", help="List what can be asked, and show a question.", invoke_without_command=True)


@app.callback()
def _begin(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        list_()


def list_() -> None:
    """List the tasks that come with sightscale.

    Every task of lmms-eval can be named in `sightscale run` as well.
    """
    from rich.table import Table

    from sightscale.tasks.catalogue import list_tasks

    table = Table(caption_justify="left")
    for column in ("task", "questions", "chance", "source", "revision", "licence", "mini", "hub data now"):
        table.add_column(column, overflow="fold", no_wrap=column in ("task", "questions", "chance", "revision"))
    mend: set[str] = set()  # what to do about data that aren't here
    for card in list_tasks():
        if not card.blind_of:
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


def show(
    name: Annotated[str, typer.Argument(help="The task or group to show.")],
    data: Annotated[str, typer.Option(help="Where the example comes from: `mini` or `hub`.")] = "mini",
    data_root: Annotated[Path | None, typer.Option(help="Folder with your own copies of data sets.")] = None,
    number: Annotated[int, typer.Option(min=0, help="Which document to show.")] = 0,
    output: Annotated[Path, typer.Option(help="Folder for the example's pictures.")] = Path(),
    include_path: Annotated[
        list[str] | None, typer.Option(help="A folder of task files of your own; can be given more than once.")
    ] = None,
) -> None:
    """Show a task's card, its first question as a model is asked it, and the question's pictures."""
    if include_path:
        quieten()
        _print_example(name, None, data, data_root, number, output, tuple(include_path))
        return
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
            availability = (
                cards[member].availability() if member in cards else "lmms-eval's own, which fetches its data when run"
            )
            print(f"{label:14} {member} (hub data now: {availability})")
        for what, reason in card.missing.items():
            print(f"not in it:     {what}: {reason}")
        for what, note in card.notes.items():
            print(f"note:          {what}: {note}")
        examples = [cards[member] for member in card.members if member in cards and not cards[member].members]
        card = next((one for one in examples if data != "mini" or one.mini), examples[0])
        print(f"{'example of:':14} {card.name}")
    if data == "mini" and not (card.mini or card.source.startswith("package:")):
        print("The mini suite has nothing in its place; name --data hub for an example.")
        return
    quieten()
    _print_example(card.name, card, data, data_root, number, output, ())


def _print_example(
    name: str,
    card: "TaskCard | None",
    data: str,
    data_root: Path | None,
    number: int,
    output: Path,
    task_folders: tuple[str, ...],
) -> None:
    import datasets

    from sightscale.harness.evaluation import load_tasks
    from sightscale.tasks.sources import reading

    source = "the package's own" if card and card.source.startswith("package:") else data if card else "the task's own"
    datasets.disable_progress_bars()
    with reading(data, data_root):
        manager, metrics = load_tasks((name,), "default", task_folders)
        name = next(iter(metrics))  # a group's first task
        task = manager.load_task_or_group([name], task_type="chat")[name]
    docs = task.test_docs()
    if number >= len(docs):
        raise UserError(f"task {name!r} has {len(docs):,} documents, so there is no number {number}")
    doc = docs[number]
    output.mkdir(parents=True, exist_ok=True)
    print(f"{'example:':14} document {number} of {len(docs):,}, data: {source}\n")
    print(task.doc_to_text(doc).rstrip())
    print(f"\n{'target:':14} {task.doc_to_target(doc)}")
    for k, picture in enumerate(task.doc_to_visual(doc) or ()):
        path = output / f"{name}_{number}_{k}.png"
        picture.save(path)
        print(f"{'picture:':14} {path} ({picture.width} × {picture.height})")


COMMANDS: dict[Callable[..., None], tuple[str, ...]] = {
    list_: ("sightscale tasks list", "sightscale tasks"),
    show: ("sightscale tasks show in_domain_textvqa", "sightscale tasks show my_task --include-path my_tasks"),
}
