"""Decoupled evaluation against the published way of doing it: two launches of lmms-eval at batch 1.

The published way is written here from its description alone and shares no code with ours but the
prompts: each launch loads its model by itself and answers one question after the other with
`generate`, whose logits processor counts every step; descriptions are handed to the second launch.

The nano models write eight tokens where a captioner writes a hundred or more. So the end-of-text token is
taken from a local perception module on both sides, and every description is as long as is asked for.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory
from typing import Any

import torch
from lmms_eval.api.instance import Instance
from lmms_eval.api.model import lmms
from lmms_eval.protocol import ChatMessages
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForImageTextToText,
    AutoProcessor,
    AutoTokenizer,
    LogitsProcessor,
    LogitsProcessorList,
)
from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES

from sightscale.harness.speed.questions import NAME, questions_with_a_picture_each
from sightscale.harness.speed.timing import Comparison, alternate, run_lmms_eval, show_progress
from sightscale.model_adapters.blindfold import Blindfold
from sightscale.model_adapters.checkpoints import find_checkpoint
from sightscale.model_adapters.decoupled import Decoupled, perception_prompt, reasoning_prompt
from sightscale.model_adapters.engines import StoredEngine, open_engine, open_store
from sightscale.tasks.instructions import split_instruction
from sightscale.tasks.vocabulary import Condition, Mode

PUBLISHED, OURS = "published: two launches, batch 1", "sightscale"
BUDGET = 4096  # tokens of thinking
TARGET = 10.0  # times as many questions a second

Messages = list[dict[str, Any]]


class CountSteps(LogitsProcessor):
    """Counts generated tokens at every step, and towards the limit makes the end of thinking likely."""

    def __init__(self, end_of_thinking: int | None, budget: int) -> None:
        self.end, self.budget, self.steps = end_of_thinking, budget, 0

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        self.steps += 1
        if self.end is not None and self.steps >= 0.95 * self.budget:
            scores[0][self.end] *= 1 + self.steps / self.budget
        return scores


class Launch(lmms):
    """One launch of the published way: a model behind lmms-eval that answers at batch 1."""

    is_simple = False

    def __init__(self, checkpoint: str) -> None:
        super().__init__()
        path = Path(checkpoint)
        where, options = (path.parent, {"gguf_file": path.name}) if path.suffix == ".gguf" else (path, {})
        config = AutoConfig.from_pretrained(where, **options)
        sees = config.model_type in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES
        loader: Any = AutoModelForImageTextToText if sees else AutoModelForCausalLM
        self.device_name = "cuda" if torch.cuda.is_available() else "cpu"
        loaded: Any = loader.from_pretrained(where, dtype=torch.float32, **options).to(self.device_name).eval()
        self.loaded = (loaded,)  # in a tuple: lmms-eval strips a model's modules after each run
        self.processor: Any = (AutoProcessor if sees else AutoTokenizer).from_pretrained(where, **options)
        self.sees = sees

    def asks(self, stage: str, pose: Callable[[Messages, int], Messages], max_new_tokens: int) -> None:
        """Say what it asks of each document; `stage` names that in its progress bar."""
        self.stage, self.pose, self.max_new_tokens = stage, pose, max_new_tokens

    def generate_until(self, requests: list[Instance]) -> list[str]:
        bar = show_progress(requests, f"published way, {self.stage}")
        return [self._answer(*request.args) for request in bar]

    @torch.inference_mode()
    def _answer(self, _: str, to_messages: Any, __: dict[str, Any], doc_id: int, task: str, split: str) -> str:
        asked = ChatMessages(messages=self.pose(to_messages(self.task_dict[task][split][doc_id]), doc_id))
        images, _, _ = asked.extract_media()
        turns: list[dict[str, Any]] = asked.to_hf_messages()
        if not self.sees:
            turns = [{**turn, "content": "\n".join(part["text"] for part in turn["content"])} for turn in turns]
        text = self.processor.apply_chat_template(
            turns, tokenize=False, add_generation_prompt=True, enable_thinking=False
        )
        pictures = {"images": images} if images else {}
        inputs = self.processor(text=[text], return_tensors="pt", add_special_tokens=False, **pictures)
        tokenizer = getattr(self.processor, "tokenizer", self.processor)
        end = tokenizer.get_vocab().get("</think>")
        output = self.loaded[0].generate(
            **inputs.to(self.device_name),
            do_sample=False,
            max_new_tokens=self.max_new_tokens,
            logits_processor=LogitsProcessorList([CountSteps(end, BUDGET)]),
            pad_token_id=tokenizer.eos_token_id,
        )
        return str(tokenizer.decode(output[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True))

    def generate_until_multi_round(self, requests: list[Instance]) -> list[str]:
        raise NotImplementedError("the published way asks once")

    def loglikelihood(self, requests: list[Instance]) -> list[tuple[float, bool]]:
        raise NotImplementedError("the published way generates")


def never_ending(checkpoint: Path, folder: Path) -> Path:
    """A copy of a checkpoint, linked where nothing changes, whose model has no end-of-text token to stop at."""
    copy = folder / checkpoint.name
    copy.mkdir()
    for file in checkpoint.iterdir():
        if file.suffix == ".json" and file.name in ("config.json", "generation_config.json"):
            (copy / file.name).write_text(json.dumps(_without_end(json.loads(file.read_text()))))
        elif file.is_file():
            (copy / file.name).symlink_to(file.resolve())
    return copy


def _without_end(config: Any) -> Any:
    if not isinstance(config, dict):
        return config
    return {name: _without_end(value) for name, value in config.items() if name != "eos_token_id"}


def compare_decoupled(
    perception: str,
    reasoning: str,
    questions: int = 32,
    rounds: int = 2,
    batch_size: int = 64,
    description_tokens: int = 64,
    answer_tokens: int = 16,
) -> Comparison:
    """Time both ways: same weights in float32, both greedy, models loaded before the clock starts.

    An answer counts as equal when its description is equal too. Raises ValueError in one line when a
    model can't be had.
    """
    paths = [find_checkpoint(name) for name in (perception, reasoning)]
    with TemporaryDirectory(prefix="sightscale-speed-") as folder:
        never_ends = Path(paths[0]).is_dir()
        if never_ends:
            paths[0] = str(never_ending(Path(paths[0]), Path(folder)))
        engines = [open_engine(path, batch_size=batch_size, dtype="float32") for path in paths]
        launches = [Launch(path) for path in paths]
    descriptions: list[str] = []
    lengths: list[int] = []

    def pose_perception(messages: Messages, _: int) -> Messages:
        pictures = [part for message in messages for part in message["content"] if part["type"] == "image"]
        return [{"role": "user", "content": [*pictures, {"type": "text", "text": perception_prompt()}]}]

    def pose_reasoning(messages: Messages, doc_id: int) -> Messages:
        text = "\n".join(part["text"] for message in messages for part in message["content"] if part["type"] == "text")
        question, answer_format = split_instruction(text)
        asked = reasoning_prompt(descriptions[doc_id], question, Mode.DIRECT, answer_format)
        return [{"role": "user", "content": [{"type": "text", "text": asked}]}]

    launches[0].asks("perception", pose_perception, description_tokens)
    launches[1].asks("reasoning", pose_reasoning, answer_tokens)
    with questions_with_a_picture_each(questions) as manager:

        def published() -> list[str]:
            descriptions[:] = run_lmms_eval(launches[0], manager, 1)[1]
            return _both(descriptions, run_lmms_eval(launches[1], manager, 1)[1])

        def ours() -> list[str]:
            with TemporaryDirectory(prefix="sightscale-speed-") as folder:
                store = open_store(Path(folder) / "generations.sqlite")
                perceives, reasons = (StoredEngine(engine, store) for engine in engines)
                model = Decoupled(
                    perception,
                    reasoning,
                    greedy=True,
                    answer_tokens=answer_tokens,
                    perception_engine=perceives,
                    reasoning_engine=reasons,
                )
                model.perceiving = replace(model.perceiving, max_new_tokens=description_tokens)
                sighted = Blindfold(model, Condition.SIGHTED)  # as `sightscale run` does
                answers = run_lmms_eval(sighted, manager, batch_size)[1]
                store.close()
                traces = [sighted.traces[NAME, i] for i in range(questions)]
                lengths[:] = [trace.perception_output_tokens for trace in traces]
                return _both([trace.description or "" for trace in traces], answers)

        seconds, equal = alternate({PUBLISHED: published, OURS: ours}, rounds)
    for engine in engines:
        engine.close()
    comparison = Comparison(
        name="decoupled",
        what=f"decoupled evaluation, {perception} perceives in {fmean(lengths):.0f} tokens, {reasoning} reasons, "
        f"greedy, float32, batches of {batch_size}",
        questions=questions,
        seconds=seconds,
        answers_equal=equal,
        target=f"≥ {TARGET:g} × as fast with equal answers",
        settings={
            "batch_size": batch_size,
            "description_tokens": description_tokens,
            "description_tokens_mean": fmean(lengths),
            "descriptions_never_end": never_ends,
            "answer_tokens": answer_tokens,
        },
    )
    return replace(comparison, reached=comparison.ratio(OURS) >= TARGET and equal[OURS] == questions)


def _both(descriptions: list[str], answers: list[str]) -> list[str]:
    return [f"{description}\n{answer}" for description, answer in zip(descriptions, answers, strict=True)]
