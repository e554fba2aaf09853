"""vLLM's own offline engine against ours with everything around it, on prompts of very different lengths.

vLLM is handed all prompts at once, with their pictures in memory: nothing is left for it to wait for. Ours reads each
document, decodes and hashes its picture, keeps every generation in a store, scores, and writes records.

The model never ends an answer by itself, so each answer is as long as its prompt leaves room in the context: prompts of
many lengths have answers of many lengths, and a window that waits for its slowest would show.
"""

import json
import os
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from PIL import Image

from sightscale.harness.speed.decoupled import never_ending
from sightscale.harness.speed.engines import share_device
from sightscale.harness.speed.overhead import AtOnce
from sightscale.harness.speed.questions import questions_of_many_lengths
from sightscale.harness.speed.stack import run_whole_stack
from sightscale.harness.speed.timing import Comparison, alternate
from sightscale.model_adapters.checkpoints import find_checkpoint
from sightscale.model_adapters.engines import Completions, Decoding, Key, Prompt, Prompts, open_engine
from sightscale.tasks.errors import UserError

RAW, OURS = "vLLM alone", "sightscale"
RUNNER = "VLLM_USE_V2_MODEL_RUNNER"  # set for ours, whose logits processor needs the first one; vLLM alone chooses
CHARACTERS = 360  # that a question is lengthened by, at most
TARGET = 0.97  # of vLLM's own speed


class Listening(AtOnce):
    """Answers at once, and keeps the prompts that it is asked."""

    def __init__(self) -> None:
        self.heard: list[Prompt] = []

    def stream(self, prompts: Prompts[Key], decoding: Decoding) -> Completions[Key]:
        """The answer A to every prompt."""
        for item in prompts:
            if item:
                self.heard.append(item[1])
                yield from super().stream([item], decoding)


def compare_raw(
    model: str, questions: int = 512, rounds: int = 2, dtype: str = "float32", context: int = 512
) -> Comparison:
    """Time both on a local checkpoint; the target is 97 % of vLLM's own speed.

    A prompt and its answer fill `context` tokens, which has to hold a picture and `CHARACTERS` more. Raises
    UserError in one line for another model, and where there is no vLLM.
    """
    path = Path(find_checkpoint(model))
    if not path.is_dir():
        raise UserError(f"model {model!r} can't be compared with vLLM alone: it must be a folder, or one that ships")
    settings = {"dtype": dtype, "max_model_len": context, "enable_prefix_caching": False, **share_device()}
    with TemporaryDirectory(prefix="sightscale-speed-") as name:
        checkpoint = without_end_of_text(path, Path(name))
        engine = open_engine(f"vllm:{checkpoint}", **settings)
        from vllm import LLM, SamplingParams

        runner = os.environ.pop(RUNNER, None)
        raw: Any = LLM(model=str(checkpoint), disable_log_stats=True, **settings)
        if runner is not None:
            os.environ[RUNNER] = runner
        with questions_of_many_lengths(questions, CHARACTERS, context) as manager:
            listening = Listening()
            run_whole_stack(listening, manager, 1, Path(name))
            conversations = [_write_messages(prompt) for prompt in listening.heard]
            sampling = SamplingParams(temperature=0.0, max_tokens=context)

            def ask_raw() -> list[str]:
                return [output.outputs[0].text for output in raw.chat(conversations, sampling, use_tqdm=False)]

            def ask_ours() -> list[str]:
                return run_whole_stack(engine, manager, 1, Path(name))

            seconds, equal = alternate({RAW: ask_raw, OURS: ask_ours}, rounds)
        engine.close()
        raw.llm_engine.engine_core.shutdown()
    comparison = Comparison(
        name="raw engine",
        what=f"end-to-end evaluation in vLLM with {model}, whose prompt and answer fill {context} tokens",
        questions=questions,
        seconds=seconds,
        answers_equal=equal,
        target=f"≥ {TARGET:g} of vLLM's own speed",
        settings={"model": model, **settings},
    )
    return replace(comparison, reached=comparison.ratio(OURS) >= TARGET)


def without_end_of_text(checkpoint: Path, folder: Path) -> Path:
    """As `never_ending`, for vLLM, which also reads the token from the tokenizer."""
    copy = never_ending(checkpoint, folder)
    for name in ("tokenizer_config.json", "special_tokens_map.json"):
        file = copy / name
        if file.exists():
            settings = json.loads(file.read_text())
            settings.pop("eos_token", None)
            file.unlink()  # a link to the checkpoint's own
            file.write_text(json.dumps(settings))
    return copy


def _write_messages(prompt: Prompt) -> list[dict[str, Any]]:
    """A prompt's turns, as vLLM's chat reads them."""
    return [{"role": message.role, "content": [_write(part) for part in message.parts]} for message in prompt.messages]


def _write(part: str | Image.Image) -> dict[str, Any]:
    return {"type": "text", "text": part} if isinstance(part, str) else {"type": "image_pil", "image_pil": part}
