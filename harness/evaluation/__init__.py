"""A run: calls lmms-eval for each condition, keeps its samples as records and the set-up as a manifest."""

from sightscale.harness.evaluation.data_lock import lock_tasks, write_lock
from sightscale.harness.evaluation.evaluate import Plan, evaluate
from sightscale.harness.evaluation.focus_files import convert_published, write_focus_file
from sightscale.harness.evaluation.forecast import PILOT, Forecast, add_up, describe, forecast
from sightscale.harness.evaluation.import_responses import import_responses, name_folders
from sightscale.harness.evaluation.import_samples import import_samples
from sightscale.harness.evaluation.load_tasks import load_tasks
from sightscale.harness.evaluation.manifest import (
    describe_data,
    describe_machine,
    describe_scorer,
    describe_software,
    read_manifest,
)
from sightscale.harness.evaluation.query import OVERVIEW, RecordsDatabase
from sightscale.harness.evaluation.records import (
    ADDED,
    ANALYSED,
    KEY,
    LENGTH,
    LIKELIHOOD_COLUMNS,
    SCHEMA,
    RunIdentity,
    check_options,
    check_rows,
    digest_records,
    drop_unscored,
    make_records,
    parse_options,
    read_records,
    write_records,
)
from sightscale.harness.evaluation.replay import Answer, asking, prompt_name, read_questions
from sightscale.harness.evaluation.rescore import count_by_task, list_changes, renew_manifest, rescore, write_rescored
from sightscale.harness.evaluation.run_folders import find_runs
from sightscale.harness.evaluation.second_readings import SecondScore, parse_reader, read_run_again
from sightscale.harness.evaluation.shipped import (
    ShippedCheckpoint,
    count_written,
    describe_shipped,
    list_shipped,
    name_weights,
)
from sightscale.harness.evaluation.subset_files import write_subset
from sightscale.harness.evaluation.until import Goal, Rule, draw, judge, order_documents, pair_scores, parse_rule

__all__ = [
    "ADDED",
    "ANALYSED",
    "KEY",
    "LENGTH",
    "LIKELIHOOD_COLUMNS",
    "OVERVIEW",
    "PILOT",
    "SCHEMA",
    "Answer",
    "Forecast",
    "Goal",
    "Plan",
    "RecordsDatabase",
    "Rule",
    "RunIdentity",
    "SecondScore",
    "ShippedCheckpoint",
    "add_up",
    "asking",
    "check_options",
    "check_rows",
    "convert_published",
    "count_by_task",
    "count_written",
    "describe",
    "describe_data",
    "describe_machine",
    "describe_scorer",
    "describe_shipped",
    "describe_software",
    "digest_records",
    "draw",
    "drop_unscored",
    "evaluate",
    "find_runs",
    "forecast",
    "import_responses",
    "import_samples",
    "judge",
    "list_changes",
    "list_shipped",
    "load_tasks",
    "lock_tasks",
    "make_records",
    "name_folders",
    "name_weights",
    "order_documents",
    "pair_scores",
    "parse_options",
    "parse_reader",
    "parse_rule",
    "prompt_name",
    "read_manifest",
    "read_questions",
    "read_records",
    "read_run_again",
    "renew_manifest",
    "rescore",
    "write_focus_file",
    "write_lock",
    "write_records",
    "write_rescored",
    "write_subset",
]
