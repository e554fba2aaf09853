"""The list of leaks: questions that can be answered without their picture, each beside its answers."""

from collections.abc import Sequence

from sightscale.harness.analysis import Run, find_leaks, gather_texts
from sightscale.harness.pages import Column, Table, make_table, show_line
from sightscale.harness.report.findings_tables import TASK, Measured
from sightscale.harness.statistics import PAGE
from sightscale.tasks.errors import UserError
from sightscale.tasks.vocabulary import WITHOUT_PICTURE, WITHOUT_QUESTION, AnswerFormat

LISTED = 50  # questions of a task
LIKELY = 0.5  # a leak above it makes a right answer likelier than a wrong one
MOST_TEXTS = 3000  # questions of a task: fitting the text baseline to more takes longer than all else of a report
COLUMNS = (
    Column("question", "Question"),
    TASK,
    Column("passes", "Passes", "count", "answers without the picture, of all runs here"),
    Column("by_models", "By models", "share", "how many of these are right, with one guess added"),
    Column("guess", "Guess"),
    Column("by_text", "By text", "share", "how likely words alone give the answer away"),
    Column("leak", "Leak", "share", "the mean of both"),
)


def leaks_table(measured: Sequence[Measured]) -> Table:
    """A row for each question that leaks, what leaks most first; none of tasks that were only asked sighted.

    Each names its sample, so that a page can open it.
    """
    runs = [one.given.run for one in measured]
    rows, differing = [], []
    for task in dict.fromkeys(str(name) for run in runs for name in run.records["task"].unique()):
        if not _was_asked_blind(runs, task):
            continue
        texts = gather_texts(task, runs)
        try:
            leaks = find_leaks(task, texts if len(texts) <= MOST_TEXTS else None, runs)
        except UserError:  # these runs were asked other questions under its name
            differing.append(show_line(task))
            continue
        for row in leaks[leaks["leak"] > LIKELY].head(LISTED).to_dict("records"):
            asked = row["question"] if isinstance(row["question"], str) else row["item_id"]
            sample = f"{task}:{row['doc_id']}"
            rows.append(row | {"task": task, "question": asked, "sample": sample, "is_task": True})
    caption = (
        f"Questions whose answer is likelier right than wrong without the picture, at most {LISTED} of each task; "
        f"`sightscale leaks TASK RUN…` lists all and exports the others as a task. Method: {PAGE}#leaks."
    )
    if differing:
        caption += f" Without {', '.join(differing)}, whose questions differ between the runs."
    return make_table("leaks", "Questions that leak", caption, COLUMNS, rows)


def _was_asked_blind(runs: Sequence[Run], task: str) -> bool:
    blind = [condition for condition in WITHOUT_PICTURE if condition not in WITHOUT_QUESTION]
    for run in runs:
        rows = run.records[(run.records["task"] == task) & run.records["condition"].isin(blind)]
        if (rows["answer_format"] == AnswerFormat.CHOICE).any():
            return True
    return False
