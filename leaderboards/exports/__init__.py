"""Exports: a run in the formats that other places read, one file each."""

from sightscale.leaderboards.exports.every_eval_ever import write_every_eval_ever
from sightscale.leaderboards.exports.hub import write_hub_eval, write_model_index
from sightscale.leaderboards.exports.lmms_eval import write_lmms_eval
from sightscale.leaderboards.exports.measured import read_measured
from sightscale.leaderboards.exports.model_card import update_card, write_card_section
from sightscale.leaderboards.exports.paper import write_paper_table
from sightscale.leaderboards.exports.push import check_repository, describe_uploads, is_entry, list_uploads, push
from sightscale.leaderboards.exports.tables import TABLES

__all__ = [
    "TABLES",
    "check_repository",
    "describe_uploads",
    "is_entry",
    "list_uploads",
    "push",
    "read_measured",
    "update_card",
    "write_card_section",
    "write_every_eval_ever",
    "write_hub_eval",
    "write_lmms_eval",
    "write_model_index",
    "write_paper_table",
]
