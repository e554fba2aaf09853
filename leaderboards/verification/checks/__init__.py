"""Checks: each module finds one kind of fault in an entry, from what the entry itself and the tasks say."""

from sightscale.leaderboards.verification.checks.blindness import check_blindness
from sightscale.leaderboards.verification.checks.claims import check_claims
from sightscale.leaderboards.verification.checks.coverage import check_coverage, check_keys
from sightscale.leaderboards.verification.checks.data import check_data
from sightscale.leaderboards.verification.checks.mini_pictures import check_mini_pictures
from sightscale.leaderboards.verification.checks.plausibility import check_plausibility
from sightscale.leaderboards.verification.checks.provenance import check_provenance
from sightscale.leaderboards.verification.checks.rescoring import check_scores
from sightscale.leaderboards.verification.checks.signature import Signature, check_signature
from sightscale.leaderboards.verification.checks.traces import check_traces
from sightscale.leaderboards.verification.checks.weights import check_model_keys, check_weights
from sightscale.leaderboards.verification.checks.writing import check_writing

__all__ = [
    "Signature",
    "check_blindness",
    "check_claims",
    "check_coverage",
    "check_data",
    "check_keys",
    "check_mini_pictures",
    "check_model_keys",
    "check_plausibility",
    "check_provenance",
    "check_scores",
    "check_signature",
    "check_traces",
    "check_weights",
    "check_writing",
]
