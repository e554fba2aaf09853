"""Speed: how times are taken, and that what is compared does the same work."""

import json
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from sightscale.harness.cli import app
from sightscale.harness.speed import decoupled as speed_decoupled, overhead as speed_overhead, peers
from sightscale.harness.speed.decoupled import CountSteps, compare_decoupled, never_ending
from sightscale.harness.speed.engines import compare_engines
from sightscale.harness.speed.overhead import compare_overhead
from sightscale.harness.speed.peers import PlainProcessor, compare_peers
from sightscale.harness.speed.questions import photographs, questions_of_many_lengths, questions_with_a_picture_each
from sightscale.harness.speed.raw import Listening, without_end_of_text
from sightscale.harness.speed.timing import Comparison, alternate, describe, run_lmms_eval
from sightscale.model_adapters.end_to_end import EndToEnd
from sightscale.model_adapters.engines import hash_image
from sightscale.model_adapters.engines.transformers_engine import TransformersEngine
from sightscale.tasks.errors import UserError


def test_ways_alternate_and_the_first_round_is_not_counted() -> None:
    order: list[str] = []

    def way(name: str, *answers: str):  # type: ignore[no-untyped-def]
        return lambda: order.append(name) or list(answers)

    seconds, equal = alternate({"a": way("a", "x", "y"), "b": way("b", "x", "z")}, 3)
    assert order == ["b", "a", "a", "b", "b", "a", "a", "b"]
    assert {name: len(times) for name, times in seconds.items()} == {"a": 3, "b": 3}
    assert equal == {"a": 2, "b": 1}
    with pytest.raises(RuntimeError, match="b gave 1 answers, not 2"):
        alternate({"a": way("a", "x", "y"), "b": way("b", "x")}, 1)


def test_ratios_are_taken_round_by_round() -> None:
    comparison = Comparison(
        "n", "w", 10, {"slow": [10.0, 30.0, 20.0], "fast": [1.0, 10.0, 1.0]}, {"slow": 10, "fast": 9}
    )
    assert comparison.ratios("fast") == [10.0, 3.0, 20.0]
    assert comparison.ratio("fast") == 10.0 and comparison.median("slow") == 20.0
    told = comparison.as_dict()["ways"]["fast"]
    assert told["times_faster"] == {"median": 10.0, "low": 3.0, "high": 20.0}
    assert told["questions_per_second"] == 10.0 and told["answers_equal_to_first"] == 9
    assert describe([comparison])["machine"]["cores"]


def test_questions_are_about_different_pictures() -> None:
    for task in (questions_with_a_picture_each, photographs):
        with task(7) as manager:
            engine = _Hashing()
            samples, _ = run_lmms_eval(EndToEnd("x", engine=engine), manager, 4)
            assert len(samples) == 7 and len(engine.seen) == 7
            assert len({sample["target"] for sample in samples}) > 1
    with pytest.raises(ValueError, match="at most 1,000 questions"), questions_with_a_picture_each(1001):
        pass


def test_questions_of_many_lengths_are_the_same_each_time() -> None:
    heard = []
    for _ in range(2):
        with questions_of_many_lengths(20, 300, 5) as manager:
            listening = Listening()
            run_lmms_eval(EndToEnd("x", engine=listening), manager, 1)
            heard.append([prompt.text for prompt in listening.heard])
    lengths = [len(text) for text in heard[0]]
    assert heard[0] == heard[1] and len(set(lengths)) > 10 and max(lengths) - min(lengths) > 150


class _Hashing(speed_overhead.AtOnce):
    """Answers at once, and remembers which pictures it was shown."""

    def __init__(self) -> None:
        self.seen: set[str] = set()

    def stream(self, prompts, decoding):  # type: ignore[no-untyped-def]
        for item in prompts:
            self.seen |= {hash_image(image) for image in item[1].images}
            yield from super().stream([item], decoding)


def test_both_ways_of_decoupled_evaluation_answer_alike(random_nano: Path) -> None:
    comparison = compare_decoupled(
        str(random_nano), str(random_nano), questions=5, rounds=1, batch_size=3, description_tokens=9, answer_tokens=4
    )
    assert list(comparison.seconds) == [speed_decoupled.PUBLISHED, speed_decoupled.OURS]
    assert comparison.answers_equal[speed_decoupled.OURS] == 5
    assert comparison.settings["description_tokens_mean"] == 9 and comparison.settings["descriptions_never_end"]
    assert comparison.reached == (comparison.ratio(speed_decoupled.OURS) >= 10)


def test_a_checkpoint_without_an_end_keeps_its_weights(random_nano: Path, tmp_path: Path) -> None:
    copy = never_ending(random_nano, tmp_path)
    assert "eos_token_id" not in (copy / "config.json").read_text() + (copy / "generation_config.json").read_text()
    assert "eos_token_id" in (random_nano / "config.json").read_text()
    assert (copy / "model.safetensors").samefile(random_nano / "model.safetensors")
    assert TransformersEngine(str(copy)).identity != TransformersEngine(str(random_nano)).identity


def test_a_checkpoint_for_vllm_has_no_end_in_its_tokenizer(random_nano: Path, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    copy = without_end_of_text(random_nano, tmp_path)
    assert AutoTokenizer.from_pretrained(copy).eos_token_id is None
    assert AutoTokenizer.from_pretrained(random_nano).eos_token_id is not None
    assert not (copy / "tokenizer_config.json").is_symlink() and (copy / "model.safetensors").is_symlink()


def test_a_processor_is_handed_what_there_is() -> None:
    class Strict:
        sees = "pictures"

        def __call__(self, text: list[str], images: list[str], padding: bool) -> tuple[list[str], list[str], bool]:
            return text, images, padding

    plain = PlainProcessor(Strict())
    assert plain(text=["a"], images=["p"], videos=[], audios=[], padding=True) == (["a"], ["p"], True)
    assert plain.sees == "pictures"


def test_a_class_of_lmms_eval_that_cannot_be_opened_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(name: str) -> type:
        raise ModuleNotFoundError("Could not import module 'Gemma3nConfig'.\nSet the verbosity to DEBUG")

    monkeypatch.setattr(peers, "get_model", fail)
    with pytest.raises(UserError, match="lmms-eval's huggingface can't be opened here: Could not import") as caught:
        compare_peers("easy_vqa_nano", 2, 1)
    assert "\n" not in str(caught.value)


def test_the_published_processor_touches_the_first_row_near_its_limit() -> None:
    processor = CountSteps(1, budget=4)
    rows = [processor(torch.zeros(2, 1), torch.ones(2, 3)).tolist() for _ in range(4)]
    assert rows[:3] == [[[1, 1, 1], [1, 1, 1]]] * 3
    assert rows[3] == [[1, 2, 1], [1, 1, 1]]


def test_everything_but_the_model_is_compared_on_the_same_documents() -> None:
    comparison = compare_overhead(questions=6, rounds=1, batch_size=4)
    assert list(comparison.seconds) == [speed_overhead.THEIRS, speed_overhead.OURS, speed_overhead.BARE]
    assert set(comparison.answers_equal.values()) == {6}
    assert comparison.reached == (
        comparison.seconds[speed_overhead.OURS][0] <= 0.25 * comparison.seconds[speed_overhead.THEIRS][0]
    )


def test_engines_are_compared_as_they_are_written() -> None:
    comparison = compare_engines(("easy_vqa_nano,batch_size=1", "easy_vqa_nano,batch_size=3"), questions=4, rounds=1)
    assert list(comparison.seconds) == ["easy_vqa_nano,batch_size=1", "easy_vqa_nano,batch_size=3"]
    assert comparison.answers_equal["easy_vqa_nano,batch_size=3"] == 4
    with pytest.raises(ValueError, match="name two or more models"):
        compare_engines(("easy_vqa_nano", "easy_vqa_nano"))
    with pytest.raises(ValueError, match="must be one model"):
        compare_engines(("easy_vqa_nano", "lmms:dummy"))


def test_the_command_prints_and_writes_what_it_measured(tmp_path: Path) -> None:
    path = tmp_path / "speed.json"
    done = CliRunner().invoke(
        app, ["speed", "--parts", "overhead", "--questions", "2", "--rounds", "1", "--json", str(path)]
    )
    assert done.exit_code == 0 and "sightscale" in done.stdout and "4 of 4" in done.stdout
    (comparison,) = json.loads(path.read_text())["comparisons"]
    assert comparison["name"] == "overhead" and len(comparison["ways"]["sightscale"]["seconds"]) == 1
    refused = CliRunner().invoke(app, ["speed", "--parts", "everything"])
    assert refused.exit_code == 1 and "unknown part 'everything'" in refused.stderr
