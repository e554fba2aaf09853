from .drawing import PLACES as PLACES, things_of as things_of
from .items import Item as Item
from .registry import (
    DEFAULT_QUESTIONS as DEFAULT_QUESTIONS,
    QUESTIONS as QUESTIONS,
    REVISION as REVISION,
    SETS as SETS,
    build_rows as build_rows,
    count_questions as count_questions,
    draw_item as draw_item,
    iterate_items as iterate_items,
)
from .rendering import render as render
from .rows import encode as encode, pose_as_mmstar as pose_as_mmstar
from .sets import facts as facts
