"""Looking while training: its time, what it logs and keeps, when it stops, and that a training isn't changed."""

import json
import time
from collections.abc import Callable, Iterator
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from transformers import (
    AutoConfig,
    AutoModelForImageTextToText,
    AutoProcessor,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)

from sightscale.harness.evaluation import Plan, evaluate, read_records
from sightscale.harness.looking import Looker, LookingCallback, TimeShare, draw_looks, looker as module, read_looks
from sightscale.harness.looking.looks import Look
from sightscale.harness.pages import write_svg
from sightscale.harness.statistics import Estimate
from sightscale.model_adapters.checkpoints import find_checkpoint
from sightscale.model_adapters.engines import Decoding, InMemoryEngine, Message, Prompt
from sightscale.model_adapters.model_strings import parse_model
from sightscale.tasks.easy_vqa.rows import read_questions
from sightscale.tasks.errors import UserError
from sightscale.trainers.data.batches import Collator, Opened
from sightscale.trainers.data.conversations import Conversation
from sightscale.trainers.data.easy_vqa import open_picture

STEPS, ROUNDS, SHARE = 400, 3, 0.2  # of trainings whose time is taken


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Planted:
    """Questions whose scores are known, which take a second each."""

    condition = "none"

    def __init__(self, clock: Clock, sighted: float, blind: float, count: int = 64, cost: float = 1.0) -> None:
        self.clock, self.shares, self.count, self.cost = clock, (sighted, blind), count, cost
        self.asked: list[tuple[int, int]] = []

    def __len__(self) -> int:
        return self.count

    def ask(self, engine: Any, start: int, end: int) -> pd.DataFrame:
        self.clock.now += self.cost * (end - start)
        self.asked.append((start, end))
        draws = np.random.default_rng(0).random((2, self.count))[:, start:end]
        rows = [
            {
                "doc_id": start + i,
                "item_id": str(start + i),
                "cluster": str(start + i),
                "task": "t",
                "document": start + i,
                "condition": condition,
                "response": "a",
                "error": None,
                "prediction": "a",
                "outcome": "answered",
                "score": float(draws[k, i] < share),
            }
            for k, (condition, share) in enumerate(zip(("sighted", "none"), self.shares, strict=True))
            for i in range(end - start)
        ]
        return pd.DataFrame(rows)


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[Looker, Planted, Clock]]:
    """A looker whose model isn't asked: its scores are planted."""
    monkeypatch.setattr(module, "InMemoryEngine", lambda *_: None)

    def make(sighted: float = 0.9, blind: float = 0.4, cost: float = 1.0, **options: Any) -> Any:
        clock = Clock()
        questions = Planted(clock, sighted, blind, cost=cost)
        monkeypatch.setattr(module, "Questions", lambda *_, **__: questions)
        looker = Looker(["in_domain_gqa"], "mini", every=1, clock=clock, **options)
        looker.begin()
        return looker, questions, clock

    return make


def test_a_share_is_kept_to_the_second() -> None:
    clock = Clock()
    share = TimeShare(0.1, clock)
    share.begin()
    clock.now = 90.0
    assert share.left() == pytest.approx(10.0)
    clock.now, share.spent = 100.0, 10.0
    assert share.left() == pytest.approx(0.0) and share.taken == pytest.approx(0.1)
    for wrong in (0.0, 1.0, -1.0):
        with pytest.raises(UserError, match="share"):
            TimeShare(wrong)


@pytest.mark.parametrize(("share", "steps"), [(0.02, 300), (0.2, 40)])
def test_looks_thin_out_to_stay_below_the_share(share: float, steps: int, planted: Any) -> None:
    looker, _, clock = planted(share=share, cost=0.1, until="width<1", least=32)
    for step in range(1, steps + 1):
        clock.now += 10.0
        looker.step(step, None, None)
        assert looker.time.taken <= share or step < 3  # nobody knows what a question takes before the first trial
    assert len(looker.looks) > 5 and looker.skipped > steps / 3
    assert looker.time.taken <= share and looker.time.taken > share / 2
    assert all(look.taken <= share + 1e-9 for look in looker.looks)


def test_a_look_ends_when_its_rule_is_decided_and_intervals_hold_what_was_planted(planted: Any) -> None:
    looker, questions, clock = planted(sighted=1.0, blind=0.0, share=0.5, until="reliance>5")
    clock.now = 1e6
    look = looker.step(1, None, None)
    assert look.decided is True and look.reliance.n == 32 and questions.asked[-1] == (0, 32)
    looker, _, clock = planted(share=0.5, until="width<15")
    clock.now = 1e6
    look = looker.step(1, None, None)
    assert look.sighted.low < 0.9 < look.sighted.high and look.blind.low < 0.4 < look.blind.high
    assert look.reliance.low < 0.5 < look.reliance.high and 0 <= look.blind.low < look.blind.high <= 1
    assert looker.step(2, None, None) is not None and "decided" in look.as_dict()


def test_a_training_is_stopped_when_reliance_surely_fell(planted: Any) -> None:
    looker, questions, clock = planted(share=0.9, until="width<1", stop="falls")
    clock.now = 1e5
    assert looker.step(1, None, None).stop == ""
    assert looker.step(2, None, None).stop == ""  # the same again
    questions.shares = (0.45, 0.4)
    assert "reliance fell by" in looker.step(3, None, None).stop
    below, questions, clock = planted(sighted=0.1, blind=0.9, share=0.9, until="width<1", stop="reliance<20")
    clock.now = 1e5
    assert below.step(1, None, None).stop == "reliance<20 holds"
    with pytest.raises(UserError, match="stop 'reliance>5' is not a rule"):
        planted(stop="reliance>5")
    with pytest.raises(UserError, match="compares with another run"):
        planted(until="score>runs/other")


def test_looks_are_read_as_they_were_written(tmp_path: Path, planted: Any) -> None:
    looker, _, clock = planted(share=0.5, output=tmp_path)
    for step in (1, 2):
        clock.now += 1e5
        looker.step(step, None, None)
    assert [str(look) for look in read_looks(tmp_path)] == [str(look) for look in looker.looks]
    rows = [json.loads(line) for line in (tmp_path / "records-00000002.jsonl").read_text().splitlines()]
    assert len(rows) == 2 * looker.looks[1].reliance.n and {row["condition"] for row in rows} == {"sighted", "none"}
    file = tmp_path / "looks.jsonl"
    file.write_text(file.read_text() + '{"step": 3, "epo')
    assert len(read_looks(file)) == 2
    file.write_text('{"step": 3}\n')
    with pytest.raises(UserError, match="not a look"):
        read_looks(file)
    with pytest.raises(UserError, match="there are no looks"):
        read_looks(tmp_path / "elsewhere")


def test_the_figure_has_a_band_for_each_series_and_escapes_what_it_says() -> None:
    def look(step: int, reliance: float) -> Look:
        estimates = [Estimate(v, v - 0.1, v + 0.1, 50, 50) for v in (0.8, 0.8 - reliance, reliance)]
        return Look(step, None, "none", *estimates, "width<20", True, 0, 1.0, 0.01)

    figure = draw_looks([look(100, 0.5), look(200, -0.3)], title="<script>")
    svg = write_svg(figure)
    assert svg.count("<polygon") == 3 and "<script>" not in svg and ">-50<" in svg
    assert "reliance −30.0" in figure.finding or "reliance -30.0" in figure.finding
    with pytest.raises(UserError, match="no looks"):
        draw_looks([])


@pytest.fixture(scope="module")
def shipped() -> Iterator[tuple[Any, Any]]:
    """A model that looks, and its processor."""
    folder = find_checkpoint("easy_vqa_nano")
    model = AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32)
    yield model, AutoProcessor.from_pretrained(folder)


def test_a_look_scores_as_a_run_does_and_leaves_the_model_alone(tmp_path: Path, shipped: tuple[Any, Any]) -> None:
    model, processor = shipped
    looker = Looker(["easy_vqa"], every=5, until="width<1", least=12, share=0.9, output=tmp_path / "looking", seed=1)
    assert len(set(looker.questions.order)) == len(looker.questions.order) > 1000
    looker.questions.order = [("easy_vqa", number) for number in reversed(range(12))]
    model.train()
    model.model.vision_tower.eval()
    side = processor.tokenizer.padding_side
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    looker.time.clock = iter(range(0, 10**7, 10**4)).__next__  # time enough
    looker.begin()
    assert looker.step(4, model, processor) is None
    look = looker.step(5, model, processor)
    assert look is not None and look.sighted.n == 2 and look.failed == 0  # one question a picture
    assert torch.equal(torch.rand(1), expected)
    assert model.training and not model.model.vision_tower.training and processor.tokenizer.padding_side == side
    rows = pd.read_json(tmp_path / "looking" / "records-00000005.jsonl", lines=True)
    plan = Plan(parse_model("easy_vqa_nano"), "easy_vqa_nano", ("easy_vqa",), ("none",), tmp_path / "run", limit=12)
    evaluate(plan)
    run = read_records(tmp_path / "run").rename(columns={"doc_id": "document"})
    both = rows.merge(run, on=["condition", "document"], suffixes=("", "_run"))
    assert len(both) == len(rows) == 24
    for name in ("score", "response", "prediction", "outcome", "cluster"):
        assert (both[name] == both[f"{name}_run"]).all(), name


def make_trainer(folder: Path, output: Path, *callbacks: Any, kind: Any = Trainer, steps: int = 4) -> Any:
    """A Trainer of a tiny VLM, with dropout so that random numbers matter."""
    torch.manual_seed(0)
    config = AutoConfig.from_pretrained(folder)
    config.text_config.attention_dropout = 0.1
    model = AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32, config=config)
    processor = AutoProcessor.from_pretrained(folder)
    _, paths = read_questions("train")
    pictures = [partial(open_picture, paths[number]) for number in range(8)]
    rows = [Opened(Conversation((("what shape?", "circle"),), (read,)), (read(),)) for read in pictures]
    arguments = TrainingArguments(
        str(output), max_steps=steps, per_device_train_batch_size=2, logging_steps=1, report_to=[], use_cpu=True,
        remove_unused_columns=False, save_strategy="no", label_names=["labels"], disable_tqdm=True,
    )  # fmt: skip
    return kind(
        model=model,
        args=arguments,
        train_dataset=rows,
        data_collator=Collator(processor, 1024),
        processing_class=processor,
        callbacks=list(callbacks),
    )


class Ticking(TrainerCallback):
    """Makes a clock go on by a thousand seconds with each step."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    def on_step_begin(self, *_: Any, **__: Any) -> None:
        self.clock.now += 1000.0


def make_callback(**options: Any) -> tuple[LookingCallback, Ticking]:
    """A callback that has time for eight questions at each look, and what makes its time pass."""
    clock = Clock()
    looking = LookingCallback(["easy_vqa"], until="width<50", clock=clock, least=4, **options)
    looking.looker.questions.order = [("easy_vqa", 50 * number) for number in range(8)]
    return looking, Ticking(clock)


class Reported(TrainerCallback):
    """Stands for TensorBoard."""

    def __init__(self) -> None:
        self.logs: list[dict[str, float]] = []

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        self.logs.append(dict(logs))


def test_a_training_goes_on_as_without_it_and_reports_what_was_seen(random_nano: Path, tmp_path: Path) -> None:
    def losses(trainer: Any) -> list[float]:
        return [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]

    plain = make_trainer(random_nano, tmp_path / "plain")
    plain.train()
    looking, ticking = make_callback(every=2)
    reported = Reported()
    watched = make_trainer(random_nano, tmp_path / "watched", reported, ticking, looking)
    looking.attach(watched)
    watched.train()
    assert losses(watched) == losses(plain) and len(losses(plain)) == 4
    assert [look.step for look in looking.looker.looks] == [2, 4]
    numbers = [logs for logs in reported.logs if "looking/reliance" in logs]
    assert len(numbers) == len(looking.looker.looks) and numbers[0]["looking/questions"] == 8
    assert [entry["step"] for entry in watched.state.log_history if "looking/sighted" in entry] == [
        look.step for look in looking.looker.looks
    ]
    output = tmp_path / "watched" / "looking"
    assert {"looks.jsonl", "does_it_still_look.svg", "does_it_still_look.png"} <= {p.name for p in output.iterdir()}


def test_a_training_that_ought_to_end_ends(random_nano: Path, tmp_path: Path) -> None:
    looking, ticking = make_callback(every=1)
    looking.looker._judge_stop = lambda _: "enough"  # type: ignore[method-assign]
    trainer = make_trainer(random_nano, tmp_path, ticking, looking)
    trainer.train()
    assert trainer.state.global_step == looking.looker.looks[-1].step == 1
    assert any("looking/sighted" in entry for entry in trainer.state.log_history)  # without being attached


def test_what_keeps_it_from_looking_is_said_in_one_line(random_nano: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="hides no picture"):
        Looker(["easy_vqa"], condition="no_question")
    with pytest.raises(UserError, match="every and least"):
        Looker(["easy_vqa"], every=0)
    with pytest.raises(UserError, match="unknown task"):
        Looker(["easy_vqaa"])
    looking, ticking = make_callback(every=1)
    trainer = make_trainer(random_nano, tmp_path, ticking, looking)
    trainer.callback_handler.processing_class = None
    with pytest.raises(UserError, match="has no processor"):
        trainer.train()
    model, processor = trainer.model, AutoProcessor.from_pretrained(random_nano)
    processor.chat_template = processor.tokenizer.chat_template = None
    with pytest.raises(UserError, match="no chat template"):
        InMemoryEngine(model, processor)


def test_a_failing_answer_leaves_the_model_as_it_was(shipped: tuple[Any, Any]) -> None:
    model, processor = shipped
    model.train()
    settings = model.generation_config
    engine = InMemoryEngine(model, processor)
    long = Prompt((Message("user", ("word " * 5000,)),))
    assert engine.generate([long], Decoding(4))[0].error is not None
    assert model.training and model.generation_config is settings


@pytest.mark.slow
def test_a_training_with_it_takes_its_share_longer(random_nano: Path, tmp_path: Path) -> None:
    """Processor time with it and without, alternately: what it says of itself is all that it takes.

    Its share is ten times the default, since 2 % of a training of half a minute is too little for one look.
    """

    def train(name: str, *callbacks: Any, steps: int = 0) -> float:
        trainer = make_trainer(random_nano, tmp_path / name, *callbacks, steps=steps or STEPS)
        began = time.process_time()
        trainer.train()
        return time.process_time() - began

    train("warm", steps=4)
    ratios, shares = [], []
    for number in range(ROUNDS):
        looking = LookingCallback(
            ["easy_vqa"], every=20, until="width<1", least=8, share=SHARE, clock=time.process_time
        )
        runs: list[tuple[str, tuple[Any, ...]]] = [("watched", (looking,)), ("plain", ())]
        took = {name: train(f"{name}{number}", *used) for name, used in runs[:: 1 if number % 2 else -1]}
        ratios.append(took["watched"] / took["plain"])
        shares.append(looking.looker.time.taken)
        assert len(looking.looker.looks) >= 2
    longer, rounded = 100 * (np.median(ratios) - 1), [round(ratio, 3) for ratio in ratios]
    print(f"a training of {took['plain']:.0f} s: {longer:+.1f} % with it ({rounded}); by its own clock {shares}")
    assert max(shares) <= SHARE + 0.01
    assert np.median(ratios) < 1 / (1 - SHARE) + 0.05


@pytest.mark.skipif(find_spec("trl") is None, reason="TRL isn't installed")
@pytest.mark.slow
def test_trl_s_trainer_takes_it(random_nano: Path, tmp_path: Path) -> None:
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    _, paths = read_questions("train")
    rows = Dataset.from_list(
        [
            {
                "images": [open_picture(path)],
                "messages": [
                    {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "what shape?"}]},
                    {"role": "assistant", "content": [{"type": "text", "text": "circle"}]},
                ],
            }
            for path in (paths[number] for number in range(8))
        ]
    )
    looking, ticking = make_callback(every=2)
    arguments = SFTConfig(
        str(tmp_path), max_steps=4, per_device_train_batch_size=2, logging_steps=1, report_to=[], use_cpu=True,
        save_strategy="no", max_length=None, bf16=False,
    )  # fmt: skip
    trainer = SFTTrainer(
        AutoModelForImageTextToText.from_pretrained(random_nano, dtype=torch.float32),
        args=arguments,
        train_dataset=rows,
        processing_class=AutoProcessor.from_pretrained(random_nano),
        callbacks=[ticking, looking],
    )
    looking.attach(trainer)
    trainer.train()
    assert looking.looker.looks and (tmp_path / "looking" / "looks.jsonl").is_file()
    assert any("looking/reliance" in entry for entry in trainer.state.log_history)
