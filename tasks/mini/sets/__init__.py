"""The sets of the mini suite, each named by the data set in whose spirit it is drawn."""

from sightscale.tasks.mini.sets.imagenet import NAMES
from sightscale.tasks.mini.sets.mmstar import CATEGORIES
from sightscale.tasks.mini.sets.scienceqa import facts

__all__ = ["CATEGORIES", "NAMES", "facts"]
