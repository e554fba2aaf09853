"""The vllm engine: a model in vLLM, offline, which always has as many prompts as it can take and batches them itself.

vLLM is imported when an engine is opened, never before. A prompt that it refuses (too long, a broken
picture) costs itself only; each of the others is reported when it is done, and the next one takes its place.

The thinking budget and NoWait are done by a logits processor of ours (`vllm_thinking`). vLLM's own
`thinking_token_budget` cannot make the end likely before it forces it, and counts a question that says
"<think>" as thinking; its `bad_words` hold for the answer too, and ban a word's two spellings instead
of every token that carries it.
"""

import json
import os
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from PIL import Image

from sightscale.model_adapters.engines import (
    AT_ONCE,
    LIKELIEST,
    MAX_REASON,
    Choice,
    Completion,
    Completions,
    Decoding,
    EngineFailure,
    Key,
    Likelihood,
    Likelihoods,
    OnScored,
    Prompt,
    Prompts,
    StreamingEngine,
    explain,
    failed,
    prompt_seed,
)
from sightscale.model_adapters.engines.budget import controls_thinking
from sightscale.model_adapters.engines.chat_templates import find_lead
from sightscale.model_adapters.engines.control_tokens import find_control_tokens, write_plainly
from sightscale.model_adapters.engines.feed import Feed
from sightscale.model_adapters.engines.forcing import write_continuation
from sightscale.model_adapters.engines.loading import announce, check_weights, read_habits
from sightscale.model_adapters.engines.lora import find_beside, mark_adapter, merge_adapter, split_adapter
from sightscale.model_adapters.engines.thinking import opens_thinking, read_response
from sightscale.model_adapters.engines.vllm_failures import find_cause, log_errors, measure
from sightscale.model_adapters.engines.weights import (
    count_parameters,
    find_folder,
    hash_weights,
    locate,
    name_model,
    refuse_revision,
)
from sightscale.tasks.errors import UserError, first_line

PROCESSOR = "sightscale.model_adapters.engines.vllm_thinking:VllmThinkingControl"

# What may differ between two engines that answer alike; every other argument is a part of the identity.
PLACEMENT = {
    "tensor_parallel_size",
    "pipeline_parallel_size",
    "data_parallel_size",
    "distributed_executor_backend",
    "gpu_memory_utilization",
    "kv_cache_memory_bytes",
    "cpu_offload_gb",
    "enforce_eager",
    "max_num_seqs",
    "max_num_batched_tokens",
    "disable_log_stats",
    "limit_mm_per_prompt",
}


READ_AHEAD = 32  # prompts, and how many of them are handed over between two steps


class VllmFailure(Exception):
    """vLLM itself failed, not one of its requests."""


class VllmEngine(StreamingEngine):
    """A model in vLLM, loaded once."""

    _merged: TemporaryDirectory[str] | None = None  # its weights with an adapter's

    def __init__(
        self,
        model: str,
        *,
        dtype: str = "auto",
        revision: str | None = None,
        trust_remote_code: bool = False,
        allow_unused_weights: bool = False,
        adapter: str | None = None,
        **engine_arguments: Any,
    ) -> None:
        """Load `model`, a folder or a hub id; `engine_arguments` are those of vLLM's `LLM`.

        `adapter` is a LoRA folder, which is merged into a copy of the weights; `model` may be one too. vLLM's own way
        with adapters passes over those of a vision tower.

        Raises UserError in one line when there is no such model, or vLLM is missing or can't load it.
        """
        base, adapter = split_adapter(model, adapter)
        location, gguf_file = locate(base)
        if gguf_file:
            raise UserError(f"model {model!r}: vLLM can't read a single GGUF file here; name a folder or a hub id")
        lora = mark_adapter(adapter)
        if beside := find_beside(Path(location)):
            raise UserError(
                f"model {model!r} is asked about pictures with the adapter {beside}, which isn't used under vLLM here; "
                "merge it into the weights (peft's merge_and_unload), or leave vllm: out"
            )
        # Our logits processor speaks the first runner's interface; the second one refuses it.
        os.environ.setdefault("VLLM_USE_V2_MODEL_RUNNER", "0")
        log = log_errors()
        try:
            from vllm import LLM, SamplingParams
        except ImportError as error:
            raise UserError(
                f"model {model!r} asks for vLLM, which can't be imported ({first_line(error)}): "
                "pip install 'sightscale[vllm]'"
            ) from error
        refuse_revision(model, location, revision)
        check_weights(location, name=model, allow_unused_weights=allow_unused_weights, revision=revision)
        source = location
        if adapter:
            self._merged = TemporaryDirectory(prefix="sightscale-merged-")
            source = self._merged.name
            merge_adapter(
                location,
                adapter,
                Path(source),
                name=base,
                allow_unused_weights=allow_unused_weights,
                revision=revision,
            )
        arguments = {name: _read_value(value) for name, value in engine_arguments.items()}
        settings = {"enable_prefix_caching": True, "disable_log_stats": True, **arguments}
        logged = measure(log)
        try:
            self._llm: Any = LLM(
                model=source,
                dtype=dtype,
                revision=None if adapter else revision,
                trust_remote_code=trust_remote_code,
                logits_processors=[PROCESSOR],
                **settings,
            )
        except Exception as error:  # whatever vLLM finds wrong is a reason to report, in one line
            cause = find_cause(log, logged) or first_line(error)
            raise UserError(f"vLLM cannot load model {model!r}: {cause[: 2 * MAX_REASON]}") from error
        self._sampling_class: Any = SamplingParams
        config = self._llm.model_config
        habits = read_habits(location, config.hf_config, name=model, revision=revision)
        announce(model, habits)
        self._repetition_penalty = habits.repetition_penalty
        self._sees: bool = config.is_multimodal_model
        self._tokenizer: Any = self._llm.get_tokenizer()
        folder = Path(source) if adapter else find_folder(location, revision)
        self.weights = hash_weights(Path(location), None) or getattr(config.hf_config, "_commit_hash", None)
        # Packed weights are fewer numbers than the model has.
        self.parameters = count_parameters(folder) if folder and config.quantization is None else None
        others = "".join(f"|{name}={arguments[name]}" for name in sorted(set(arguments) - PLACEMENT))
        type_name = str(config.dtype).removeprefix("torch.")
        self.identity = f"{name_model(base, self.weights)}|vllm|{type_name}{others}{habits.mark}{lora}"

    @property
    def room(self) -> int:
        """How many prompts keep it busy: as many as it runs at a time, and as many that wait, made ready."""
        return 2 * int(self._llm.llm_engine.vllm_config.scheduler_config.max_num_seqs)

    def stream(self, prompts: Prompts[Key], decoding: Decoding) -> Completions[Key]:
        """Each prompt's completion under its key; vLLM is handed the next prompts between its steps.

        `seconds` are a completion's share of the time since the ones before it.
        """
        controls_thinking(decoding)
        under_way: dict[str, Key] = {}
        last = time.perf_counter()
        with Feed(prompts, READ_AHEAD) as feed:
            try:
                while under_way or not feed.has_ended:
                    for _ in range(min(READ_AHEAD, self.room - len(under_way))):
                        item = feed.take(0 if under_way else None)
                        if item is None:
                            break
                        try:
                            under_way[self._enqueue(item[1], decoding)] = item[0]
                        except Exception as error:  # whatever vLLM refuses a prompt for costs that prompt only
                            yield item[0], failed(explain(error))
                    if not under_way:
                        continue
                    try:
                        outputs = self._step()
                    except VllmFailure as error:  # a fault of vLLM itself, which costs what was under way
                        self._abort(under_way)
                        lost = list(under_way.values())
                        under_way.clear()
                        yield from ((key, failed(str(error))) for key in lost)
                        continue
                    if outputs:
                        seconds, last = (time.perf_counter() - last) / len(outputs), time.perf_counter()
                    for output in outputs:
                        yield under_way.pop(output.request_id), self._completion(output, decoding, seconds)
            finally:
                self._abort(under_way)  # what is left if the caller was interrupted or could not keep an answer

    def list_choices(self, prompt: Prompt, decoding: Decoding) -> list[Choice]:
        """The tokens of the completion of a prompt asked alone. Raises EngineFailure in one line when it can't be."""
        try:
            self._enqueue(prompt, decoding, logprobs=LIKELIEST)
            outputs: list[Any] = []
            while not outputs:
                outputs = self._step()
        except Exception as error:  # whatever vLLM refuses the prompt for
            raise EngineFailure(f"{type(error).__name__}: {first_line(error)}") from error
        written, ends = outputs[0].outputs[0], self._tokenizer.eos_token_id
        return [
            Choice(
                self._tokenizer.decode([token]),
                float(place[token].logprob),
                {self._tokenizer.decode([other]): float(told.logprob) for other, told in place.items()},
                token == ends or (number + 1 == len(written.token_ids) and token == written.stop_reason),
            )
            for number, (token, place) in enumerate(zip(written.token_ids, written.logprobs or (), strict=False))
        ]

    def score(
        self, prompts: Sequence[Prompt], continuations: Sequence[Sequence[str]], on_scored: OnScored | None = None
    ) -> list[Likelihoods]:
        """The likelihoods of each prompt's continuations, in order: see `ScoresContinuations`.

        Each is a request that a logits processor leads along its tokens; vLLM's own log-probabilities are the model's,
        before any rule (its default mode, raw_logprobs). The tokens are those behind a short question's prompt, which
        ends as every prompt does.
        """
        start = time.perf_counter()
        results: list[Likelihoods | None] = [None] * len(prompts)
        told: list[dict[int, Likelihood]] = [{} for _ in prompts]
        under_way: dict[str, tuple[int, int]] = {}
        lengths = [0] * len(prompts)

        def settle(i: int, error: str | None = None) -> None:
            if results[i] is None:
                each = () if error else tuple(told[i][number] for number in range(len(continuations[i])))
                seconds = (time.perf_counter() - start) / len(prompts)
                results[i] = scores = Likelihoods(each, lengths[i], seconds, error)
                if on_scored:
                    on_scored(i, scores)

        try:
            for i, prompt in enumerate(prompts):
                try:
                    for number, words in enumerate(continuations[i]):
                        forced = self._continue(words)
                        under_way[self._enqueue(prompt, AT_ONCE, 0, forced)] = (i, number)
                except Exception as error:  # whatever vLLM refuses a prompt for costs that prompt only
                    settle(i, explain(error))
                if not continuations[i]:
                    settle(i)
            while under_way:
                for output in self._step():
                    i, number = under_way.pop(output.request_id)
                    lengths[i] = len(output.prompt_token_ids)
                    if opens_thinking(self._tokenizer.decode(output.prompt_token_ids[-16:])):
                        settle(i, "the chat template opens thinking, so what follows the prompt is no answer")
                    told[i][number] = _read_forced(output.outputs[0])
                    if len(told[i]) == len(continuations[i]):
                        settle(i)
        except VllmFailure as error:  # a fault of vLLM itself, which costs what was under way
            self._abort(under_way)
            for i in {i for i, _ in under_way.values()}:
                settle(i, str(error)[:MAX_REASON])
            under_way.clear()
        finally:
            self._abort(under_way)
        return [scores for scores in results if scores is not None]

    def _continue(self, words: str) -> tuple[int, ...]:
        """The tokens of a continuation. Raises ValueError where there is none, or one that ends an answer."""
        prompt, lead = self._prompt_end
        ends = (self._tokenizer.eos_token_id,)
        tokens = write_continuation(
            self._tokenizer, prompt, words, lead=lead, control_tokens=self._control_tokens, ends=ends
        )
        if not tokens:
            raise ValueError("a continuation has no tokens")
        return tokens

    @cached_property
    def _prompt_end(self) -> tuple[str, str]:
        """A short prompt as the chat template writes it, and the white space that it puts before an answer."""
        messages = [{"role": "user", "content": "?"}]
        options = {"tokenize": False, "add_generation_prompt": True, "enable_thinking": False}
        return str(self._tokenizer.apply_chat_template(messages, **options)), find_lead(self._tokenizer)

    def close(self) -> None:
        """Free the model's memory."""
        self._llm.llm_engine.engine_core.shutdown()
        del self._llm
        if self._merged:
            self._merged.cleanup()

    @cached_property
    def _control_tokens(self) -> tuple[str, ...]:
        return find_control_tokens(self._tokenizer)

    def _enqueue(
        self, prompt: Prompt, decoding: Decoding, logprobs: int | None = None, forced: tuple[int, ...] = ()
    ) -> str:
        """Hand a prompt to vLLM; its request's id. Raises whatever vLLM finds wrong with it."""
        if prompt.images and not self._sees:
            raise ValueError("this model reads text only and was given a picture")
        messages = [
            {"role": message.role, "content": [_content(part) for part in message.parts]}
            if self._sees
            else {"role": message.role, "content": "\n".join(part for part in message.parts if isinstance(part, str))}
            for message in write_plainly(prompt, self._control_tokens).messages
        ]
        template = {} if decoding.thinking is None else {"enable_thinking": decoding.thinking}
        (request,) = self._llm.enqueue_chat(
            [messages],
            self._forcing(forced) if forced else self._sampling(prompt, decoding, logprobs),
            use_tqdm=False,
            chat_template_kwargs=template,
        )
        return str(request).split("-")[0]  # vLLM adds a suffix of its own that its outputs don't carry

    def _forcing(self, tokens: tuple[int, ...]) -> Any:
        return self._sampling_class(
            max_tokens=len(tokens), temperature=0.0, logprobs=0, extra_args={"forced": list(tokens)}
        )

    def _sampling(self, prompt: Prompt, decoding: Decoding, logprobs: int | None) -> Any:
        drawn = (
            {
                "top_p": decoding.top_p,
                "top_k": decoding.top_k,
                "min_p": decoding.min_p,
                "seed": prompt_seed(prompt, decoding),
            }
            if decoding.temperature > 0
            else {}
        )
        steered = {"thinking_budget": decoding.thinking_budget, "nowait": decoding.nowait}
        return self._sampling_class(
            max_tokens=decoding.max_new_tokens,
            temperature=decoding.temperature,
            repetition_penalty=self._repetition_penalty,
            stop=list(decoding.stop),
            logprobs=logprobs,
            extra_args=steered if controls_thinking(decoding) else None,
            **drawn,
        )

    def _step(self) -> list[Any]:
        """The requests that vLLM's next step finished. Raises VllmFailure when it can't make one."""
        if not self._llm.llm_engine.has_unfinished_requests():
            raise VllmFailure("vLLM ended without an answer")
        try:
            return [output for output in self._llm.llm_engine.step() if output.finished]
        except Exception as error:
            raise VllmFailure(f"vLLM failed: {type(error).__name__}: {first_line(error)}") from error

    def _abort(self, requests: Iterable[str]) -> None:
        with suppress(Exception):  # an engine that is gone has nothing to abort
            self._llm.llm_engine.abort_request(list(requests))

    def _completion(self, output: Any, decoding: Decoding, seconds: float) -> Completion:
        written, asked = output.outputs[0], output.prompt_token_ids
        if written.finish_reason not in ("stop", "length"):
            return failed(f"vLLM ended the answer for another reason than its end: {written.finish_reason}")
        opened = opens_thinking(self._tokenizer.decode(asked[-16:]))
        text, cut = read_response(self._tokenizer, list(written.token_ids), decoding.stop, opened)
        return Completion(
            text=text,
            input_tokens=len(asked),
            output_tokens=len(written.token_ids),
            seconds=seconds,
            finish_reason="length" if written.finish_reason == "length" and not cut else "stop",
        )


def _read_forced(written: Any) -> Likelihood:
    places = [place[token] for token, place in zip(written.token_ids, written.logprobs, strict=True)]
    return Likelihood(
        sum(float(place.logprob) for place in places), len(places), all(place.rank == 1 for place in places)
    )


def _content(part: str | Image.Image) -> dict[str, Any]:
    if isinstance(part, str):
        return {"type": "text", "text": part}
    return {"type": "image_pil", "image_pil": part}


def _read_value(value: Any) -> Any:
    """An argument as written in a model string: a number, true or false, JSON, or else text."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value
