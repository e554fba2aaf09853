"""MMStar's six categories, each with its three axes in equal shares."""

import random
from collections.abc import Callable

from sightscale.tasks.mini.items import Item
from sightscale.tasks.mini.sets.mmstar_coarse import draw_emotion, draw_style, draw_topic
from sightscale.tasks.mini.sets.mmstar_fine import (
    draw_between,
    draw_count,
    draw_place,
    draw_recognition,
    draw_shared,
    draw_single,
)
from sightscale.tasks.mini.sets.mmstar_logic import draw_code, draw_common, draw_diagram
from sightscale.tasks.mini.sets.mmstar_math import draw_chart, draw_geometry, draw_numeric
from sightscale.tasks.mini.sets.mmstar_science import draw_machine, draw_map, draw_nature

AXES: dict[str, tuple[Callable[[random.Random], Item], ...]] = {
    "coarse perception": (draw_emotion, draw_topic, draw_style),
    "fine-grained perception": (draw_place, draw_count, draw_recognition),
    "instance reasoning": (draw_shared, draw_between, draw_single),
    "logical reasoning": (draw_code, draw_common, draw_diagram),
    "math": (draw_geometry, draw_numeric, draw_chart),
    "science & technology": (draw_nature, draw_machine, draw_map),
}
CATEGORIES = tuple(AXES)


def _draw(category: str) -> Callable[[random.Random], Item]:
    def draw(rng: random.Random) -> Item:
        return rng.choice(AXES[category])(rng)

    return draw


draw_coarse, draw_fine, draw_instance, draw_logical, draw_math, draw_science = map(_draw, CATEGORIES)
