"""vLLM really running, against transformers on the same weights in float32: equal answers, equal limits.

Needs `make test-vllm`, which sets up an environment with vLLM (its CPU build where there is no GPU).
"""

import io
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from sightscale.model_adapters.checkpoints import find_checkpoint
from sightscale.model_adapters.engines import Decoding, EngineFailure, Message, Prompt, score_continuations
from sightscale.model_adapters.engines.nowait import banned_tokens
from sightscale.model_adapters.engines.opening import open_engine
from sightscale.model_adapters.engines.thinking import split_thinking

os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")  # GiB

SMALL: dict[str, Any] = {"dtype": "float32", "enforce_eager": True, "max_num_seqs": "8"}  # as a model string says it
SEEN = [Image.effect_noise((64, 64), 10 + 20 * i).convert("RGB") for i in range(9)]
PICTURES = [Prompt((Message("user", (image, "what is it? " * (1 + i % 5))),)) for i, image in enumerate(SEEN)]
TASKS = ["Is 7 a prime number? Doubt it.", "Write a story in which two friends disagree.", "Name a fruit, or another."]
TEXTS = [Prompt((Message("user", (text,)),)) for text in TASKS]


@pytest.fixture(scope="module")
def nano() -> Iterator[Any]:
    engine = open_engine("vllm:easy_vqa_nano", max_model_len=256, **SMALL)
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def smollm2(tmp_path_factory: pytest.TempPathFactory, smollm2_tokenizer: Any) -> Path:
    """SmolLM2-135M-Instruct's weights as safetensors, with a template that opens thinking."""
    from safetensors.torch import save_file
    from transformers import AutoModelForCausalLM

    folder = tmp_path_factory.mktemp("smollm2")
    path = Path(find_checkpoint("smollm2-135m-instruct"))
    model = AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name)
    del model.config.quantization_config  # the file's; what was read from it is float32
    model.config.save_pretrained(folder)
    model.generation_config.save_pretrained(folder)
    weights = {name: tensor.float() for name, tensor in model.state_dict().items() if name != "lm_head.weight"}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    smollm2_tokenizer.save_pretrained(folder)
    template = smollm2_tokenizer.chat_template + "{% if enable_thinking %}{{ '<think>\n' }}{% endif %}"
    (folder / "chat_template.jinja").write_text(template)
    return folder


@pytest.mark.vllm
def test_a_vision_language_model_answers_as_in_transformers(nano: Any) -> None:
    reference = open_engine("easy_vqa_nano", dtype="float32", batch_size=4)
    ours, theirs = nano.generate(PICTURES, Decoding(8)), reference.generate(PICTURES, Decoding(8))
    assert [answer.text for answer in ours] == [answer.text for answer in theirs]
    for one, other in zip(ours, theirs, strict=True):
        assert (one.input_tokens, one.output_tokens, one.finish_reason) == (
            other.input_tokens,
            other.output_tokens,
            other.finish_reason,
        )
    assert len({answer.text for answer in ours}) > 1
    assert nano.parameters == reference.parameters and nano.identity != reference.identity


@pytest.mark.vllm
def test_likelihoods_are_those_of_transformers_to_a_thousandth(nano: Any) -> None:
    reference = open_engine("easy_vqa_nano", dtype="float32", batch_size=4)
    words = [("A", "B", "circle", "a red circle", "yes")] * len(PICTURES)
    ours, theirs = nano.score(PICTURES, words), score_continuations(reference, PICTURES, words)
    assert [scores.error for scores in (*ours, *theirs)] == [None] * (2 * len(PICTURES))
    apart = {
        (number, each): (one.logprob, other.logprob)
        for number, (mine, other_scores) in enumerate(zip(ours, theirs, strict=True))
        for each, one, other in zip(words[number], mine.each, other_scores.each, strict=True)
        if abs(one.logprob - other.logprob) > 1e-3 or (one.tokens, one.is_greedy) != (other.tokens, other.is_greedy)
    }
    assert not apart, f"questions and words whose likelihoods differ: {apart}"
    assert [scores.input_tokens for scores in ours] == [scores.input_tokens for scores in theirs]
    assert len({one.logprob for scores in ours for one in scores.each}) > len(PICTURES)


@pytest.mark.vllm
def test_choices_are_those_of_transformers_but_for_rounding(nano: Any) -> None:
    reference = open_engine("easy_vqa_nano", dtype="float32", batch_size=4)
    for prompt in PICTURES[:3]:
        ours, theirs = nano.list_choices(prompt, Decoding(8)), reference.list_choices(prompt, Decoding(8))
        assert [(choice.token, choice.ends) for choice in ours] == [(choice.token, choice.ends) for choice in theirs]
        for choice, other in zip(ours, theirs, strict=True):
            assert choice.logprob == pytest.approx(other.logprob, abs=0.01)
            assert len(set(choice.likeliest) & set(other.likeliest)) >= 3
    with pytest.raises(EngineFailure, match="context length"):
        nano.list_choices(Prompt((Message("user", (SEEN[0], "far too long " * 400)),)), Decoding(8))


@pytest.mark.vllm
def test_a_prompt_that_vllm_refuses_costs_itself_only(nano: Any) -> None:
    asked = [
        PICTURES[0],
        Prompt((Message("user", (SEEN[0], "far too long " * 400)),)),
        Prompt((Message("user", (_lost_picture(), "what is it?")),)),
        PICTURES[1],
    ]
    reported: list[int] = []
    answers = nano.generate(asked, Decoding(8), lambda i, _: reported.append(i))
    assert [bool(answer.error) for answer in answers] == [False, True, True, False]
    assert "context length" in (answers[1].error or "")
    assert sorted(reported) == [0, 1, 2, 3]


@pytest.mark.vllm
def test_a_failure_of_vllm_itself_costs_what_was_under_way(nano: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = nano._llm.llm_engine.step
    steps = iter([whole, whole, None])

    def step() -> Any:
        chosen = next(steps)
        if chosen is None:
            raise RuntimeError("the device was lost")
        return chosen()

    asked = [Prompt((Message("user", (image, "what is it?")),)) for image in SEEN]
    with monkeypatch.context() as patched:
        patched.setattr(nano._llm.llm_engine, "step", step)
        answers = nano.generate(asked, Decoding(8))
    assert len(answers) == 9 and {answer.error for answer in answers} >= {
        "vLLM failed: RuntimeError: the device was lost"
    }
    again = nano.generate(asked, Decoding(8))
    assert not any(answer.error for answer in again)


@pytest.mark.vllm
def test_there_are_always_as_many_under_way_as_there_is_room_for(nano: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, under_way = nano._llm.llm_engine.step, list[int]()

    def step() -> Any:
        under_way.append(nano._llm.llm_engine.get_num_unfinished_requests())
        return whole()

    def pose() -> Iterator[tuple[int, Prompt]]:
        yield from enumerate(PICTURES)

    expected = [answer.text for answer in nano.generate(PICTURES, Decoding(8))]
    monkeypatch.setattr(type(nano), "room", 3)
    monkeypatch.setattr(nano._llm.llm_engine, "step", step)
    stream = nano.stream(pose(), Decoding(8))
    first = next(stream)
    time.sleep(0.5)  # by now every prompt was read ahead
    answers = dict([first, *stream])
    assert [answers[i].text for i in range(len(PICTURES))] == expected
    assert max(under_way) == 3 and 3 in under_way[len(under_way) // 3 :]


@pytest.mark.vllm
def test_an_answer_that_cannot_be_kept_stops_the_requests(nano: Any) -> None:
    def on_finished(_: int, __: object) -> None:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        nano.generate(PICTURES, Decoding(8), on_finished)
    assert not nano._llm.llm_engine.has_unfinished_requests()


@pytest.mark.vllm
def test_a_stop_mark_cuts_and_sampling_is_seeded(nano: Any) -> None:
    (whole,) = nano.generate(PICTURES[1:2], Decoding(8))
    (cut,) = nano.generate(PICTURES[1:2], Decoding(8, stop=(whole.text[2:4],)))
    assert cut.text == whole.text[: whole.text.find(whole.text[2:4])] and cut.finish_reason == "stop"
    drawn = Decoding(8, temperature=2.0, seed=1)
    answers = nano.generate(PICTURES, drawn)
    assert [answer.error for answer in answers] == [None] * 9
    together = [answer.text for answer in answers]
    assert together == [nano.generate([prompt], drawn)[0].text for prompt in PICTURES]
    assert together != [answer.text for answer in nano.generate(PICTURES, Decoding(8, temperature=2.0, seed=2))]


@pytest.mark.vllm
def test_thinking_is_limited_and_banned_as_in_transformers(smollm2: Path, smollm2_tokenizer: Any) -> None:
    reference = open_engine(str(smollm2), dtype="float32", batch_size=4)
    ours = open_engine(f"vllm:{smollm2}", max_model_len=512, **SMALL)
    try:
        for decoding in (
            Decoding(40),
            Decoding(60, thinking=True),
            Decoding(60, thinking=True, thinking_budget=40),
            Decoding(60, thinking=True, thinking_budget=40, nowait="words"),
            Decoding(60, thinking=True, nowait="qwen3"),
        ):
            mine, theirs = ours.generate(TEXTS, decoding), reference.generate(TEXTS, decoding)
            assert [answer.text for answer in mine] == [answer.text for answer in theirs], decoding
        limited = Decoding(60, thinking=True, thinking_budget=40, nowait="words")
        banned = set(banned_tokens(smollm2_tokenizer, "words"))
        parts = [split_thinking(answer.text) for answer in ours.generate(TEXTS, limited)]
        assert all(thinking and len(smollm2_tokenizer.encode(thinking)) <= 40 for thinking, _ in parts)
        assert not any(banned & set(smollm2_tokenizer.encode(thinking or "")) for thinking, _ in parts)
        assert sum(bool(rest) for _, rest in parts) >= 2  # thinking was ended, and an answer followed
        free = " ".join(answer.text for answer in ours.generate(TEXTS, Decoding(60, thinking=True)))
        assert banned & set(smollm2_tokenizer.encode(free))  # left alone it would write what was banned
    finally:
        ours.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of vLLM's server with the nano VLM."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--dtype", "float32", "--enforce-eager", "--max-model-len", "256", "--max-num-seqs", "8"]
    where = ["--host", "127.0.0.1", "--port", str(port), "--served-model-name", "nano"]
    log = tmp_path_factory.mktemp("served") / "log"
    program = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model"]
    with log.open("w") as said:
        process = subprocess.Popen(
            [*program, find_checkpoint("easy_vqa_nano"), *options, *where], stdout=said, stderr=said
        )
        try:
            for _ in range(240):
                assert process.poll() is None, log.read_text()[-3000:]
                with suppress(httpx.HTTPError):  # not up yet
                    if httpx.get(f"http://127.0.0.1:{port}/health").status_code == 200:
                        break
                time.sleep(0.5)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            process.terminate()
            process.wait(timeout=30)


@pytest.mark.vllm
def test_a_served_model_answers_as_in_transformers(served: str) -> None:
    engine = open_engine(f"openai:nano@{served}")
    too_long = Prompt((Message("user", (SEEN[0], "far too long " * 400)),))
    answers = engine.generate([*PICTURES, too_long], Decoding(8))
    theirs = open_engine("easy_vqa_nano", dtype="float32", batch_size=4).generate(PICTURES, Decoding(8))
    assert [answer.text for answer in answers[:-1]] == [answer.text for answer in theirs]
    assert [answer.output_tokens for answer in answers[:-1]] == [answer.output_tokens for answer in theirs]
    assert "HTTP 400" in (answers[-1].error or "")


@pytest.mark.parametrize("name", ["no-such-folder", "./nowhere"])
def test_a_model_that_is_not_there_is_named_in_one_line(name: str) -> None:
    with pytest.raises(ValueError, match="cannot load model") as caught:
        open_engine(f"vllm:{name}", **SMALL)
    assert name in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.vllm
def test_what_vllm_finds_wrong_is_told_in_one_line() -> None:
    with pytest.raises(ValueError, match="vLLM cannot load model") as caught:
        open_engine("vllm:easy_vqa_nano", max_model_len=256, no_such_argument=1)
    assert "no_such_argument" in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.vllm
def test_a_failure_in_a_process_of_vllms_own_is_told_with_its_cause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VLLM_CPU_KVCACHE_SPACE")
    with pytest.raises(ValueError, match="vLLM cannot load model") as caught:
        open_engine("vllm:easy_vqa_nano", max_model_len=256, **SMALL, gpu_memory_utilization=0.999)
    assert "ValueError: Available memory" in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.skipif(find_spec("vllm") is not None, reason="vLLM is installed here")
def test_without_vllm_the_extra_is_named() -> None:
    with pytest.raises(ValueError, match=r"pip install 'sightscale\[vllm\]'") as caught:
        open_engine("vllm:easy_vqa_nano")
    assert "\n" not in str(caught.value)


def _lost_picture() -> Image.Image:
    """A picture whose file is gone before its pixels were read."""
    file = io.BytesIO()
    Image.effect_noise((64, 64), 60).save(file, "PNG")
    picture = Image.open(file)
    file.close()
    return picture
