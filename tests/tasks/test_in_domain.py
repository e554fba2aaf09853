"""The in-domain tasks on small data in exactly the hub's schema, loaded by lmms-eval from their YAML."""

from pathlib import Path

import pytest
from lmms_eval.tasks import TaskManager

from sightscale.tasks import TASK_FOLDER
from sightscale.tasks.catalogue import list_tasks
from sightscale.tasks.sources import DATA_ROOT

SETS = ("OCRVQA", "TextVQA", "ScienceQA", "VQAv2", "GQA", "VizWiz")


@pytest.mark.parametrize("category", SETS)
def test_a_task_keeps_its_category_of_dev_and_test(
    category: str, vmcbench: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(DATA_ROOT, str(vmcbench))
    manager = TaskManager(include_path=[str(TASK_FOLDER)], include_defaults=False)
    name = f"in_domain_{category.lower()}"
    task = manager.load_task_or_group([name], task_type="chat")[name]
    docs = task.test_docs()
    assert set(docs["category"]) == {category}
    assert len(docs) == 6
    text = task.doc_to_text(docs[0])
    assert text.startswith(f"Question: What is {category} 0?\nOptions:\nA. a thing 0\n")
    assert text.endswith("Answer with the option's letter from the given choices directly.\n")
    assert task.doc_to_visual(docs[0])[0].mode == "RGB"
    assert task.process_results(docs[0], [docs[0]["answer"]])["accuracy"] == 1.0


def test_every_task_file_has_a_card() -> None:
    cards = {card.name: card for card in list_tasks()}
    assert cards["easy_vqa"].questions == 9673
    assert cards["in_domain"].questions == sum(cards[f"in_domain_{name.lower()}"].questions or 0 for name in SETS)
    assert all(card.licence and card.availability() for card in cards.values())
