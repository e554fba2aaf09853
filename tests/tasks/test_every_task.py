"""What holds for every task: it loads, its blind variant says the same without pictures, its card is whole."""

import re
from pathlib import Path

import pytest
from lmms_eval.tasks import TaskManager

from sightscale.tasks import TASK_FOLDER
from sightscale.tasks.catalogue import find_card, list_tasks
from sightscale.tasks.mini import QUESTIONS
from sightscale.tasks.sources import DATA

CARDS = {card.name: card for card in list_tasks()}
LEAVES = [name for name, card in CARDS.items() if not card.members and not name.endswith("_blind")]
ON_MINI = [name for name in LEAVES if CARDS[name].mini]


@pytest.fixture(scope="module")
def manager() -> TaskManager:
    return TaskManager(include_path=[str(TASK_FOLDER)], include_defaults=False)


def test_every_task_has_a_blind_variant_and_every_group_but_the_mixed_ones() -> None:
    parts = re.compile(r"in_domain_(dev|test)_")  # parts of in_domain, which has one
    for name in LEAVES:
        assert parts.match(name) or f"{name}_blind" in CARDS, name
    assert {"in_domain_blind", "mmstar_categories_blind", "grounding_blind", "similarity_blind"} <= set(CARDS)


def test_no_name_is_one_of_lmms_evals_own() -> None:
    own = set(TaskManager(include_defaults=True, model_name="x").all_tasks)
    assert not own & set(CARDS)


@pytest.mark.parametrize("name", ON_MINI)
def test_blind_is_the_same_text_without_pictures(
    name: str, manager: TaskManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(DATA, "mini")
    monkeypatch.setenv(QUESTIONS, "3")
    names = [name, f"{name}_blind"] if f"{name}_blind" in CARDS else [name]
    loaded = [manager.load_task_or_group([one], task_type="chat")[one] for one in names]
    sighted = loaded[0]
    blind = loaded[-1]
    for doc in sighted.test_docs():
        assert sighted.doc_to_visual(doc)
        if len(loaded) == 1:
            continue
        assert blind.doc_to_visual(doc) == []
        assert blind.doc_to_text(doc) == sighted.doc_to_text(doc).replace("<image>", "")
        parts = [
            [part for message in one.doc_to_messages(doc) for part in message["content"]] for one in (sighted, blind)
        ]
        assert [part for part in parts[0] if part["type"] == "text"] == parts[1]
        assert blind.doc_to_target(doc) == sighted.doc_to_target(doc)
        result = sighted.process_results(doc, ["nonsense"])
        assert result["outcome"] in ("answered", "unparsed") and result["item_id"] and "blind_probability" in result


def test_the_fifteen_tasks_say_what_they_lack_and_why() -> None:
    card = find_card("downscaling_15")
    assert len(card.members) == 14 and "OCR-VQA" in card.missing
    assert all(member in CARDS for member in (*card.members, *card.on_mini))


def test_cards_are_whole_and_close_names_are_offered() -> None:
    assert CARDS["in_domain"].questions == 2822 and CARDS["in_domain_dev"].questions == 300
    assert CARDS["mmstar_categories"].mini and not CARDS["easy_vqa"].mini
    assert all(card.licence and card.availability() for card in CARDS.values())
    with pytest.raises(ValueError, match="did you mean"):
        find_card("in_domian")


def test_data_sets_of_the_user_are_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "Lin-Chen" / "MMStar").mkdir(parents=True)
    monkeypatch.setenv("SIGHTSCALE_DATA_ROOT", str(tmp_path))
    assert CARDS["mmstar_math"].availability() == "yes: your copy"
    assert CARDS["in_domain_gqa"].availability().startswith("no: connect")
