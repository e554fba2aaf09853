"""Plain lmms-eval's own multiple choice and log-likelihood on our models, through its evaluator."""

import json
from pathlib import Path
from typing import Any

import pytest
from lmms_eval.api.instance import Instance
from lmms_eval.evaluator import simple_evaluate
from lmms_eval.models import get_model
from lmms_eval.tasks import TaskManager
from PIL import Image

from sightscale.model_adapters.end_to_end import EndToEnd
from sightscale.model_adapters.engines import Message, Prompt
from sightscale.model_adapters.simple import SimpleEndToEnd
from sightscale.tasks.errors import UserError

CHOICES = ["circle", "rectangle", "yellow triangle"]
TASK = """
task: likelihood_probe
dataset_path: json
dataset_kwargs: {data_files: {test: ROWS}}
test_split: test
output_type: OUTPUT
doc_to_text: "{{question}}"
doc_to_visual: !function probe.see
doc_to_target: TARGET
doc_to_choice: CHOICES
metric_list:
  - {metric: acc, aggregation: mean, higher_is_better: true}
"""


def evaluate(folder: Path, checkpoint: Path, output: str) -> tuple[SimpleEndToEnd, dict[str, Any]]:
    """The task's results on a tiny model, named and made as plain lmms-eval does it."""
    rows = [{"question": f"What shape is number {i}?", "gold": i % 3, "words": CHOICES[i % 3]} for i in range(3)]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "probe.py").write_text(
        "from PIL import Image\n\ndef see(doc):\n    return [Image.new('RGB', (64, 64), (80 * doc['gold'], 9, 9))]\n"
        "\ndef score(doc, results):\n    ((loss, is_greedy),) = results\n    return {'acc': float(is_greedy)}\n"
    )
    text = TASK.replace("ROWS", str(folder / "rows.jsonl")).replace("OUTPUT", output)
    text = text.replace("CHOICES", json.dumps(CHOICES) if output == "multiple_choice" else "null")
    text += "process_results: !function probe.score\n" if output == "loglikelihood" else ""
    (folder / "probe.yaml").write_text(text.replace("TARGET", "gold" if output == "multiple_choice" else "words"))
    kind = get_model("sightscale", force_simple=True)
    assert kind is SimpleEndToEnd and get_model("sightscale") is EndToEnd
    model = kind.create_from_arg_string(f"pretrained={checkpoint},dtype=float32", {"batch_size": 4})
    manager = TaskManager(include_path=[str(folder)], include_defaults=False, model_name="sightscale")
    results = simple_evaluate(model=model, tasks=["likelihood_probe"], task_manager=manager, bootstrap_iters=0)
    return model, results


def loss_by_hand(checkpoint: Path, gold: int, words: str) -> float:
    model = EndToEnd(str(checkpoint), dtype="float32")
    picture = Image.new("RGB", (64, 64), (80 * gold, 9, 9))
    prompt = Prompt((Message("user", (picture, f"What shape is number {gold}?")),))
    ((scored,),) = (scores.each for scores in model.engine.score([prompt], [[words]]))  # type: ignore[attr-defined]
    return float(-scored.logprob / scored.tokens)


def test_multiple_choice_takes_the_option_that_the_model_is_likeliest_to_write(
    tmp_path: Path, random_nano: Path
) -> None:
    _, results = evaluate(tmp_path, random_nano, "multiple_choice")
    samples = results["samples"]["likelihood_probe"]
    right = []
    for sample in samples:
        losses = [loss for loss, _ in sample["filtered_resps"]]
        gold = sample["doc_id"] % 3
        assert losses == pytest.approx([loss_by_hand(random_nano, gold, words) for words in CHOICES], abs=1e-3)
        right.append(float(losses.index(min(losses)) == gold))
        assert sample["acc"] == right[-1]
    assert results["results"]["likelihood_probe"]["acc,none"] == pytest.approx(sum(right) / 3)


def test_a_loglikelihood_task_gets_loss_and_greediness(tmp_path: Path, random_nano: Path) -> None:
    """With a scorer of its own: lmms-eval 0.7.3's can't take the pair apart, whichever model it is of."""
    _, results = evaluate(tmp_path, random_nano, "loglikelihood")
    for sample in results["samples"]["likelihood_probe"]:
        loss, is_greedy = sample["filtered_resps"][0]
        gold = sample["doc_id"] % 3
        assert loss == pytest.approx(loss_by_hand(random_nano, gold, CHOICES[gold]), abs=1e-3)
        assert is_greedy is False


def test_what_has_no_document_is_refused_and_chat_models_say_how_to_be_asked(random_nano: Path) -> None:
    model = SimpleEndToEnd(str(random_nano), dtype="float32")
    alone = Instance("loglikelihood", ("", "circle"), 0, metadata={"task": "t", "doc_id": 0, "repeats": 1})
    with pytest.raises(UserError, match="acc_mutual_info"):
        model.loglikelihood([alone])
    with pytest.raises(UserError, match="--force_simple"):
        EndToEnd("x", engine=model.engine).loglikelihood([alone])
