"""lmms-eval's own model classes against ours, on the same weights and the same documents.

Theirs are what lmms-eval runs under the names `huggingface` and `vllm`, the latter with all questions in one batch.
Ours is all that `sightscale run` does, its store and its records included.

lmms-eval 0.7.3's `huggingface` answers nothing under transformers 5: it loads a model without its head, and hands its
processor arguments that processors refuse. Both are mended here, so that there is something to measure.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from lmms_eval.api.model import lmms
from lmms_eval.models import get_model
from lmms_eval.tasks import TaskManager
from transformers import AutoModelForImageTextToText

from sightscale.harness.speed.engines import share_device
from sightscale.harness.speed.questions import TOKENS, questions_with_a_picture_each
from sightscale.harness.speed.stack import run_whole_stack
from sightscale.harness.speed.timing import Comparison, alternate, run_lmms_eval
from sightscale.model_adapters.checkpoints import find_checkpoint
from sightscale.model_adapters.engines import Engine, open_engine
from sightscale.tasks.errors import UserError, first_line

HUGGINGFACE, VLLM = "lmms-eval's huggingface", "lmms-eval's vllm"
OURS, OURS_IN_VLLM = "sightscale", "sightscale in vLLM"
DTYPE = "bfloat16"  # of lmms-eval's huggingface, which has no other


class PlainProcessor:
    """A processor that isn't handed the empty lists of videos and sounds, which transformers 5 refuses."""

    def __init__(self, processor: Any) -> None:
        self._processor = processor

    def __call__(self, **inputs: Any) -> Any:
        """What the processor makes of the inputs that there are."""
        return self._processor(**{name: value for name, value in inputs.items() if value not in ([], None)})

    def __getattr__(self, name: str) -> Any:
        return getattr(self._processor, name)


def compare_peers(
    model: str, questions: int = 64, rounds: int = 2, batch_size: int = 32, in_vllm: bool = False
) -> Comparison:
    """Time lmms-eval's class for transformers against ours, and both in vLLM too if asked to.

    In bfloat16 answers may differ by how another batch rounds. Raises UserError in one line when the model can't be
    had, and where lmms-eval's classes can't be opened.
    """
    path = find_checkpoint(model)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    engines = {OURS: open_engine(path, batch_size=batch_size, dtype=DTYPE)}
    theirs: dict[str, tuple[lmms, int]] = {}
    huggingface = _open("huggingface", pretrained=path, device=device, device_map=device, batch_size=batch_size)
    loaded: Any = AutoModelForImageTextToText.from_pretrained(path, dtype=DTYPE)
    huggingface._model = loaded.to(device).eval()
    huggingface.processor = PlainProcessor(huggingface.processor)
    theirs[HUGGINGFACE] = huggingface, batch_size
    if in_vllm:
        shared = share_device()
        engines[OURS_IN_VLLM] = open_engine(f"vllm:{path}", dtype=DTYPE, **shared)
        given = {"batch_size": questions, "max_new_tokens": TOKENS, "dtype": DTYPE, "trust_remote_code": False}
        theirs[VLLM] = _open("vllm", model=path, **given, **shared), questions
    with questions_with_a_picture_each(questions) as manager, TemporaryDirectory(prefix="sightscale-speed-") as name:
        ways = {way: _as_lmms_eval(peer, manager, size) for way, (peer, size) in theirs.items()}
        ways |= {way: _as_ours(engine, manager, batch_size, Path(name)) for way, engine in engines.items()}
        seconds, equal = alternate(ways, rounds)
    for engine in engines.values():
        engine.close()
    comparison = Comparison(
        name="lmms-eval",
        what=f"end-to-end evaluation with {model} in {DTYPE}, batches of {batch_size} where vLLM doesn't make them",
        questions=questions,
        seconds=seconds,
        answers_equal=equal,
        target="never slower than the faster of lmms-eval's",
        settings={"model": model, "batch_size": batch_size, "dtype": DTYPE},
    )
    slowest_allowed = min(comparison.median(way) for way in theirs)
    return replace(comparison, reached=min(comparison.median(way) for way in engines) <= slowest_allowed)


def _open(name: str, **arguments: Any) -> Any:
    try:
        return get_model(name)(**arguments)
    except Exception as error:  # whatever its libraries find wrong here, such as a missing torchvision
        raise UserError(f"lmms-eval's {name} can't be opened here: {first_line(error)}") from error


def _as_lmms_eval(peer: lmms, manager: TaskManager, batch_size: int) -> Callable[[], list[str]]:
    modules = {name: part for name, part in vars(peer).items() if isinstance(part, torch.nn.Module)}

    def ask() -> list[str]:
        vars(peer).update(modules)  # which lmms-eval takes away after each run
        return run_lmms_eval(peer, manager, batch_size)[1]

    return ask


def _as_ours(engine: Engine, manager: TaskManager, batch_size: int, folder: Path) -> Callable[[], list[str]]:
    return lambda: run_whole_stack(engine, manager, batch_size, folder)
