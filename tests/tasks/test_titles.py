"""Titles of tasks: readable, none shared by two tasks, and a stranger's task keeps its name."""

from collections import Counter

import pytest

from sightscale.tasks.catalogue import list_tasks
from sightscale.tasks.titles import title_of


@pytest.mark.parametrize(
    ("task", "title"),
    [
        ("in_domain_vizwiz", "VizWiz"),
        ("in_domain_dev_ocrvqa", "OCR-VQA (dev)"),
        ("grounding_refcoco_plus_testa", "RefCOCO+ (test A)"),
        ("mmstar_coarse_perception", "MMStar coarse perception"),
        ("easy_vqa_blind", "easy-VQA (no picture)"),
        ("in_domain_dev", "In-domain (dev)"),
        ("my_colours", "my_colours"),
        ("my_colours_blind", "my_colours_blind"),
        ("gqa", "gqa"),
    ],
)
def test_a_title_names_the_data_set_and_its_split(task: str, title: str) -> None:
    assert title_of(task) == title


def test_no_two_tasks_share_a_title() -> None:
    counts = Counter(title_of(card.name) for card in list_tasks())
    assert [title for title, count in counts.items() if count > 1] == []
