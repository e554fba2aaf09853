from .drawing import (
    COLOURS as COLOURS,
    PLACES as PLACES,
    SHAPE_NAMES as SHAPE_NAMES,
    TEXTURES as TEXTURES,
    Mark as Mark,
    Thing as Thing,
    things_of as things_of,
)
from .items import Item as Item, Scene as Scene, scenes_of as scenes_of
from .labels import (
    NOTHING as NOTHING,
    PATCH_LABELS as PATCH_LABELS,
    UNKNOWN as UNKNOWN,
    WHOLE_LABELS as WHOLE_LABELS,
    draw_marks as draw_marks,
    label_scene as label_scene,
)
from .registry import (
    DEFAULT_QUESTIONS as DEFAULT_QUESTIONS,
    DRILLS as DRILLS,
    QUESTIONS as QUESTIONS,
    REVISION as REVISION,
    SETS as SETS,
    ask_items as ask_items,
    build_rows as build_rows,
    count_questions as count_questions,
    draw_item as draw_item,
    iterate_items as iterate_items,
)
from .rendering import render as render
from .rows import encode as encode, pose_as_mmstar as pose_as_mmstar
from .sets import facts as facts
