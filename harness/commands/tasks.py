"""`sightscale tasks`: what can be asked, and what a question looks like."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sightscale.harness.commands.help import HelpGroup, examples, register
from sightscale.harness.commands.options import DataRoot, IncludePath
from sightscale.harness.commands.terminal import open_console, quieten
from sightscale.tasks.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sightscale.tasks.catalogue import TaskCard

FACTS = ("task", "questions", "chance", "source", "revision", "licence", "mini", "hub data now")

app = typer.Typer(
    name="tasks",
    cls=HelpGroup,
    invoke_without_command=True,
    help="List the tasks, show one with an example and its pictures, or make one of your own questions.",
    epilog="sightscale tasks\nsightscale tasks show in_domain_textvqa --output pictures",
)


@app.callback()
def tasks(context: typer.Context) -> None:
    """List the tasks when no sub-command is named."""
    if context.invoked_subcommand is None:
        list_all()


@examples("sightscale tasks list", "sightscale tasks list --include-path my_tasks")
def list_all(include_path: IncludePath = None) -> None:
    """List the tasks in your own folders, then those that come with sightscale.

    `sightscale run` also takes every task of lmms-eval.
    """
    from rich.table import Table

    from sightscale.tasks.catalogue import list_tasks

    table = Table(caption_justify="left")
    for column in FACTS:
        table.add_column(column, overflow="fold", no_wrap=column in ("task", "questions", "chance", "revision"))
    remedies: set[str] = set()  # what to do about data that aren't here
    for card in _read_cards(include_path):
        if not card.blind_of:
            table.add_row(*_list_facts(card))
    for card in list_tasks():
        if not card.blind_of:
            *facts, state = _list_facts(card)
            here, _, remedy = state.partition(": ")
            table.add_row(*facts, state if here == "yes" else here)
            if remedy.startswith("put "):
                remedies.add(f"{card.source}: {remedy}")
            elif here == "no":
                remedies.add(remedy)
    table.caption = "\n".join(
        (
            "mini: whether `--data mini` has data for it. Blind variants have the same name with _blind.",
            *(f"Where hub data isn't here: {remedy}." for remedy in sorted(remedies)),
        )
    )
    open_console().print(table)


@examples(
    "sightscale tasks show in_domain_textvqa --output pictures",
    "sightscale tasks show my_colours --include-path my_tasks",
)
def show(
    name: Annotated[str, typer.Argument(help="The task or group to show.")],
    number: Annotated[int, typer.Option(min=0, help="Number of the document to show, from 0.")] = 0,
    output: Annotated[Path, typer.Option(help="Folder for the example's pictures.")] = Path(),
    data: Annotated[
        str, typer.Option(help="Where to read the example: `mini` or `hub`.", rich_help_panel="Data")
    ] = "mini",
    data_root: DataRoot = None,
    include_path: IncludePath = None,
) -> None:
    """Show a task or group: its facts and an example question, whose pictures are written as files."""
    from sightscale.tasks.catalogue import find_card, list_tasks

    card = next((card for card in _read_cards(include_path) if card.name == name), None)
    foreign = card is not None
    card = card or find_card(name)
    for label, value in zip(FACTS, _list_facts(card), strict=True):
        print(f"{'mini data:' if label == 'mini' else label + ':':14} {value}")
    if card.members and not foreign:
        cards = {card.name: card for card in list_tasks()}
        for label, member in zip(["members:", *[""] * len(card.members)], card.members, strict=False):
            state = cards[member].availability() if member in cards else "lmms-eval's own, fetched when it runs"
            print(f"{label:14} {member} (hub data now: {state})")
        for part, reason in card.missing.items():
            print(f"not in it:     {part}: {reason}")
        for part, note in card.notes.items():
            print(f"note:          {part}: {note}")
        leaves = [cards[member] for member in card.members if member in cards and not cards[member].members]
        card = next((leaf for leaf in leaves if data != "mini" or leaf.mini), leaves[0])
        print(f"{'example of:':14} {card.name}")
    quieten()
    origin = "yours" if foreign else "the package's own" if card.source.startswith("package:") else data
    _print_example(card.name, origin, _load_task(card.name, data, data_root, include_path), number, output)


@examples(
    "sightscale tasks new my_colours.jsonl",
    "sightscale tasks new birds.csv --name my_birds --output my_tasks --licence CC-BY-4.0",
)
def new(
    questions: Annotated[
        Path, typer.Argument(help="Your questions: .jsonl or .csv with question, image, answer, and options A, B, …")
    ],
    output: Annotated[Path, typer.Option(help="Folder for the task's files.")] = Path("my_tasks"),
    name: Annotated[str | None, typer.Option(help="Name of the task.  [default: the file's name]")] = None,
    licence: Annotated[str, typer.Option(help="The licence of your data.")] = "not given",
    replace: Annotated[bool, typer.Option("--replace", help="Replace a task of this name in the folder.")] = False,
) -> None:
    """Make a task of your own questions. Every field is checked and every picture opened first.

    You can move the folder, because it holds the pictures. Plain lmms-eval runs the task too.
    """
    from sightscale.harness.pages import show_line
    from sightscale.tasks.new_task import read_task, write_task

    task = read_task(questions, name)
    files = write_task(task, output, source=questions.name, licence=licence, replace=replace)
    kind = {"choice": "multiple-choice", "yes_no": "yes/no", "short": "open"}[task.answer_format]
    pictures = len({question.picture for question in task.questions})
    print(
        f"{task.name}: {len(task.questions):,} {kind} questions on {pictures:,} pictures; "
        f"guessing scores {100 * task.chance:.1f} %"
    )
    if task.left_out:
        print(f"columns that are ignored: {', '.join(show_line(column) for column in task.left_out)}")
    print(f"wrote {', '.join(map(str, files))}")
    print(f"look:  sightscale tasks show {task.name} --include-path {output}")
    print(
        f"run:   sightscale run --model MODEL --tasks {task.name} --include-path {output} --blind none "
        f"--output runs/{task.name}"
    )


def _list_facts(card: "TaskCard") -> tuple[str, ...]:
    """A card's values in the order of FACTS."""
    return (
        card.name,
        f"{card.questions:,}" if card.questions else "–",
        f"{100 * card.chance:.1f} %" if card.chance is not None else "–",
        card.source,
        card.revision[:12] or "–",
        card.licence,
        "yes" if card.mini else "–",
        card.availability(),
    )


def _read_cards(folders: "Sequence[str] | None") -> "list[TaskCard]":
    """The cards of the tasks in the user's own folders."""
    from sightscale.tasks.catalogue import read_cards

    return [card for folder in folders or () for card in read_cards(Path(folder))]


def _load_task(name: str, data: str, data_root: Path | None, folders: "Sequence[str] | None") -> Any:
    """The task as lmms-eval loads it; of a group, its first task."""
    import datasets

    from sightscale.harness.evaluation import load_tasks
    from sightscale.tasks.sources import reading

    datasets.disable_progress_bars()
    with reading(data, data_root):
        manager, leaves = load_tasks((name,), "default", tuple(folders or ()))
        leaf = next(iter(leaves))
        return manager.load_task_or_group([leaf], task_type="chat")[leaf]


def _print_example(name: str, origin: str, task: Any, number: int, output: Path) -> None:
    from sightscale.tasks.pictures import open_all, whole_files

    docs = task.test_docs() if task.has_test_docs() else task.validation_docs()
    if number >= len(docs):
        raise UserError(f"task {name!r} has {len(docs):,} documents, so there is no number {number}")
    with whole_files():
        doc = open_all(docs[number])
    print(f"{'example:':14} document {number} of {len(docs):,}, data: {origin}\n")
    print(task.doc_to_text(doc).rstrip())
    print(f"\n{'target:':14} {task.doc_to_target(doc)}")
    for k, picture in enumerate(task.doc_to_visual(doc) or ()):  # None for a task without pictures
        if not hasattr(picture, "save"):
            raise UserError(
                f"task {name!r}: picture {k} of document {number} is {picture!r:.60}, not an opened picture"
            )
        path = output / f"{name}_{number}_{k}.png"
        output.mkdir(parents=True, exist_ok=True)
        picture.save(path)
        print(f"{'picture:':14} {path} ({picture.width} × {picture.height})")


register(app, list_all, "list")
register(app, show, "show")
register(app, new, "new")
