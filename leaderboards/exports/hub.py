"""The hub's two formats: `model-index` in a model card's metadata, and a file of `.eval_results/`.

Both are made with the hub client's own classes. Fields as of huggingface_hub 2.4 and the hub's documentation
(hub-docs, modelcard.md and eval_results.yaml).
"""

import yaml
from huggingface_hub import EvalResult, EvalResultEntry, ModelCardData, eval_result_entries_to_yaml

from sightscale.leaderboards.exports.measured import Measured, metric_of
from sightscale.leaderboards.exports.sightscale_converter import HUB
from sightscale.tasks.errors import UserError
from sightscale.tasks.vocabulary import Condition, DataOrigin

TASK_TYPE = "visual-question-answering"
DECIMALS = 2  # of per cent


def write_model_index(measured: Measured) -> str:
    """A model card's metadata block, `---` around it, to be put at the top of README.md."""
    metadata = ModelCardData(model_name=measured.name, eval_results=list_results(measured))
    return f"---\n{metadata.to_yaml()}\n---\n"


def list_results(measured: Measured) -> list[EvalResult]:
    """Each task's score as the hub's client holds it."""
    return [
        describe_dataset(
            measured,
            task,
            metric_type=metric_of(task),
            metric_name=f"{metric_of(task)} (%), n = {estimate.n}",
            value=100 * estimate.value,
        )
        for task, estimate in measured.estimates.items()
    ]


def describe_dataset(measured: Measured, task: str, *, metric_type: str, metric_name: str, value: float) -> EvalResult:
    """One number of a task, in per cent or points, with the data that it is of."""
    card = measured.card(task)
    hub_id = _hub_id(measured, task)
    return EvalResult(
        task_type=TASK_TYPE,
        dataset_type=hub_id or "sightscale-mini",
        dataset_name=f"{task} ({measured.caveats})",
        dataset_config=task,
        dataset_split="test",
        dataset_revision=card.revision if card and hub_id else None,
        metric_type=metric_type,
        metric_name=metric_name,
        metric_value=round(value, DECIMALS),
    )


def write_hub_eval(measured: Measured) -> str:
    """A file for `.eval_results/` of the model's repository.

    The hub shows these on a data set's own leaderboard, so only whole public data sets asked with their pictures
    belong there: UserError for the mini suite, for a limited run, for a blind condition, and for no such data set.
    """
    if not measured.on_hub_data or measured.condition != Condition.SIGHTED:
        raise UserError(
            f"these results aren't the public benchmark's ({measured.caveats}); "
            "hub results need a sighted run on --data hub without --limit"
        )
    when = str(measured.manifest.get("finished") or measured.manifest.get("started") or "") or None
    entries = []
    for task, estimate in measured.estimates.items():
        hub_id = _hub_id(measured, task)
        if hub_id is None:
            continue
        card = measured.card(task)
        fixed = card is not None and len(card.revision) == 40  # a commit; a branch's name is no revision of data
        entries.append(
            EvalResultEntry(
                dataset_id=hub_id,
                task_id=task,
                value=round(100 * estimate.value, DECIMALS),
                dataset_revision=card.revision if card and fixed else None,
                date=when,
                notes=f"{metric_of(task)} in per cent, n = {estimate.n}; {measured.caveats}",
            )
        )
    if not entries:
        raise UserError("none of the run's tasks reads a data set of the hub")
    return yaml.safe_dump(eval_result_entries_to_yaml(entries), sort_keys=False, allow_unicode=True)


def _hub_id(measured: Measured, task: str) -> str | None:
    card = measured.card(task)
    if measured.manifest.get("data") != DataOrigin.HUB or card is None or not card.source.startswith(HUB):
        return None
    return card.source.removeprefix(HUB)
