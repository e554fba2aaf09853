"""The whole stack around an engine, as `sightscale run` has it: blindfold, picture hashes, store, scores, records."""

import uuid
from pathlib import Path

from lmms_eval.tasks import TaskManager

from sightscale.harness.evaluation import RunIdentity, make_records, write_records
from sightscale.harness.speed.questions import NAME
from sightscale.harness.speed.timing import run_lmms_eval
from sightscale.model_adapters.blindfold import Blindfold
from sightscale.model_adapters.end_to_end import EndToEnd
from sightscale.model_adapters.engines import Engine, StoredEngine, open_store
from sightscale.tasks.vocabulary import Condition


def run_whole_stack(engine: Engine, manager: TaskManager, batch_size: int, folder: Path) -> list[str]:
    """The answers of an engine, by document, with a new store and a file of records left in the folder."""
    path = folder / f"{uuid.uuid4().hex}.sqlite"
    store = open_store(path)
    model = Blindfold(EndToEnd("speed", engine=StoredEngine(engine, store)), Condition.SIGHTED)
    samples, answers = run_lmms_eval(model, manager, batch_size)
    records = make_records(
        RunIdentity("run", "model"),
        NAME,
        Condition.SIGHTED,
        samples,
        model.traces,
        [sample["accuracy"] for sample in samples],
    )
    write_records(records, path.with_suffix(".parquet"))
    store.close()
    return answers
