"""How fast an evaluation is on this machine, against other ways to do the same."""

from sightscale.harness.speed.decoupled import compare_decoupled
from sightscale.harness.speed.engines import compare_engines, share_device
from sightscale.harness.speed.overhead import compare_overhead
from sightscale.harness.speed.peers import compare_peers
from sightscale.harness.speed.raw import compare_raw
from sightscale.harness.speed.replicas import compare_replicas, compare_sleeping
from sightscale.harness.speed.timing import Comparison, describe

__all__ = [
    "Comparison",
    "compare_decoupled",
    "compare_engines",
    "compare_overhead",
    "compare_peers",
    "compare_raw",
    "compare_replicas",
    "compare_sleeping",
    "describe",
    "share_device",
]
