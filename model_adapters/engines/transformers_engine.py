"""The transformers engine: any `AutoModelForImageTextToText` or `AutoModelForCausalLM`, GGUF files too.

Prompts are answered in padded batches of about one length, picked from those that were read ahead; each has as many
pictures as its batch mates, since some models take the pictures that a row lacks beside them for black ones. Out of
memory halves the batch; a batch that fails for another reason is run one by one, so that only the culprit fails.
"""

import math
import time
from bisect import bisect_right, insort
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property, wraps
from pathlib import Path
from typing import Any, Generic, ParamSpec, TypeVar

import torch
from PIL import Image
from transformers import (
    AutoTokenizer,
    LogitsProcessor,
    LogitsProcessorList,
    StoppingCriteria,
    StoppingCriteriaList,
)

from sightscale.model_adapters.engines import (
    AT_ONCE,
    LIKELIEST,
    Choice,
    Completion,
    Completions,
    Decoding,
    EngineDescription,
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
from sightscale.model_adapters.engines.architectures import (
    NEEDS_PICTURE,
    asks_alone,
    find_generate,
    find_opening,
    fit_inputs,
    writes_apart,
)
from sightscale.model_adapters.engines.budget import Marks, ThinkingControl, controls_thinking
from sightscale.model_adapters.engines.chat_templates import (
    MEND,
    Layout,
    find_lead,
    join_parts,
    mark_template,
    read_layout,
    read_template,
    refuse_loss,
    settle_template,
    takes_parts,
)
from sightscale.model_adapters.engines.control_tokens import find_control_tokens, write_plainly
from sightscale.model_adapters.engines.forcing import Forcer, Route, Tokens, exact_head, plan_routes, write_continuation
from sightscale.model_adapters.engines.loading import (
    TOKENS,
    WritingHabits,
    announce,
    count_unpacked,
    load_model,
    loading,
    pick_loader,
    read_config,
    read_habits,
    refuse_quantisation,
    sees_pictures,
    settle_unpacked,
    unpack_at_once,
)
from sightscale.model_adapters.engines.lora import attach_adapter, check_beside, mark_adapter, split_adapter
from sightscale.model_adapters.engines.processors import mark_backend, open_processor
from sightscale.model_adapters.engines.thinking import opens_thinking, read_response
from sightscale.model_adapters.engines.weights import hash_weights, locate, name_model, refuse_revision
from sightscale.tasks.errors import UserError, first_line

# Architectures whose prompts have no mark for a picture: what they make of a second one, some say nothing of.
ONE_PICTURE = ("blip", "blip-2", "instructblip", "florence2", "fuyu", "git", "got_ocr2", "kosmos-2", "pix2struct")
MARKS_ITSELF = (*ONE_PICTURE, "paligemma")  # whose processor puts a picture's tokens into a prompt that has no mark
AHEAD, FIRST_AHEAD, MOST_AHEAD = 16, 2, 512  # batches read ahead, at first and then, and prompts at most
_Answer = TypeVar("_Answer")
_P = ParamSpec("_P")
_R = TypeVar("_R")
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass(frozen=True, eq=False)
class Row(Generic[Key]):
    """One row of a batch: a prompt, its text through the chat template, and its place in the order by length."""

    key: Key
    prompt: Prompt
    text: str
    place: tuple[int, int, int, int]


@dataclass(frozen=True)
class Led:
    """What one row said of the continuations on its route, by their numbers."""

    by_number: Mapping[int, Likelihood]
    input_tokens: int = 0
    seconds: float = 0.0
    error: str | None = None


def _without_gradients(method: Callable[_P, _R]) -> Callable[_P, _R]:
    """A method of an engine, in the engine's own way of doing without gradients."""

    @wraps(method)
    def wrapped(*arguments: _P.args, **options: _P.kwargs) -> _R:
        engine: Any = arguments[0]
        with engine.no_gradients():
            return method(*arguments, **options)

    return wrapped


class TransformersEngine(StreamingEngine):
    """A model and its processor, loaded once."""

    no_gradients: Callable[[], AbstractContextManager[None]] = torch.inference_mode

    def __init__(
        self,
        model: str,
        *,
        batch_size: int = 32,
        dtype: str = "auto",
        device: str | None = None,
        revision: str | None = None,
        trust_remote_code: bool = False,
        allow_unused_weights: bool = False,
        chat_template: str | None = None,
        adapter: str | None = None,
    ) -> None:
        """Load `model`: a folder, a GGUF file or a hub id. `chat_template` is a file with a template to use
        instead of its own, or the name of a family. `adapter` is a LoRA folder on top of it; `model` may be one too.

        Raises UserError in one line when it can't be found or loaded, isn't a model that writes text, has weights that
        don't fit it, or has no chat template; with `allow_unused_weights` it may hold some that it has no place for.
        """
        self.batch_size = int(batch_size)
        self.device = pick_device(device)
        number_type = pick_dtype(dtype, self.device)
        options: dict[str, Any] = {"revision": revision, "trust_remote_code": trust_remote_code}
        base, adapter = split_adapter(model, adapter)
        location, gguf_file = locate(base)
        refuse_revision(model, location, revision)
        lora = mark_adapter(adapter)
        template = None if chat_template is None else read_template(chat_template)
        if gguf_file:
            options["gguf_file"] = gguf_file
        with loading(model):
            config = read_config(location, **options)
            refuse_quantisation(config)
            check_beside(location, config.model_type, adapter, name=model)
            self.sees = sees_pictures(config.model_type)
            self._model: Any = load_model(
                pick_loader(config),
                location,
                name=model,
                allow_unused_weights=allow_unused_weights,
                dtype=number_type,
                **unpack_at_once(config),
                **options,
            )
            settle_unpacked(self._model, config, number_type)
            self._processor: Any = (
                open_processor(location, config.model_type, **options)
                if self.sees
                else AutoTokenizer.from_pretrained(location, **options)
            )
            if adapter:
                self._model = attach_adapter(self._model, adapter, name=base)
            self._model.to(self.device).eval()
        habits = (
            read_habits(location, config, name=model, revision=options["revision"])
            if not gguf_file
            else WritingHabits({name: getattr(self._model.generation_config, name) for name in TOKENS})
        )
        announce(model, habits)
        self._repetition_penalty = habits.repetition_penalty
        self._model.generation_config = habits.configure()
        self._prepare_texts()
        self._template_origin = settle_template(
            self._processor, self._tokenizer, template, name=model, model_type=config.model_type
        )
        self.weights = hash_weights(Path(location), gguf_file) or getattr(self._model.config, "_commit_hash", None)
        precision = str(self._model.dtype).removeprefix("torch.")
        pictures = mark_backend(location, config.model_type, revision) if self.sees else ""
        marks = f"{habits.mark}{pictures}{mark_template(template)}{lora}"
        self.identity = f"{name_model(base, self.weights)}|transformers|{precision}{marks}"
        is_packed = not gguf_file and bool(getattr(config, "quantization_config", None))
        self.parameters: int | None = count_unpacked(config) if is_packed else self._model.num_parameters()

    def _prepare_texts(self) -> None:
        """Note what the model and its processor make of texts, and have these padded as the model needs it."""
        self._tokenizer: Any = getattr(self._processor, "tokenizer", self._processor)
        self._writes_apart = writes_apart(self._model)
        if asks_alone(self._model):
            self.batch_size = 1
        # A decoder goes on where the prompt ends; an encoder counts its places from the first token, padding included.
        self._tokenizer.padding_side = "right" if self._writes_apart else "left"
        if self._tokenizer.pad_token_id is None:
            self._tokenizer.pad_token = self._tokenizer.eos_token
        text_config = self._model.config.get_text_config(decoder=True)
        self._context: int | None = getattr(text_config, "max_position_embeddings", None)

    @property
    def room(self) -> int:
        """How many prompts keep it busy: a batch that is answered, and the next."""
        return 2 * self.batch_size

    def stream(self, prompts: Prompts[Key], decoding: Decoding) -> Completions[Key]:
        """Each prompt's completion under its key, batch by batch."""
        controls_thinking(decoding)  # what makes no sense is an error of the run, not of a prompt
        refused: deque[tuple[Key, Completion]] = deque()

        def read() -> Iterator[Row[Key] | None]:
            for number, item in enumerate(prompts):
                if item is None:
                    yield None
                    continue
                key, prompt = item
                try:
                    text = self._render(prompt, decoding)
                except Exception as error:  # a chat template may refuse a conversation in any way
                    refused.append((key, failed(explain(error))))
                else:
                    yield Row(key, prompt, text, _place(prompt, text, number))

        def answer(batch: list[Row[Key]]) -> list[Completion]:
            return self._answer([row.prompt for row in batch], [row.text for row in batch], decoding)

        for row, completion in self._in_batches(read(), answer, lambda error: failed(explain(error))):
            while refused:
                yield refused.popleft()
            yield row.key, completion
        yield from refused

    def score(
        self, prompts: Sequence[Prompt], continuations: Sequence[Sequence[str]], on_scored: OnScored | None = None
    ) -> list[Likelihoods]:
        """The likelihoods of each prompt's continuations, in order: see `ScoresContinuations`.

        The model is led along them in its own way of generating, batched as `stream` does.
        """
        results: dict[int, Likelihoods] = {}
        tokens: dict[int, list[Tokens]] = {}
        missing: dict[int, int] = {}  # routes of a prompt that aren't led along yet
        led: dict[int, list[Led]] = {}

        def settle(i: int, scores: Likelihoods) -> None:
            results[i] = scores
            if on_scored:
                on_scored(i, scores)

        def read() -> Iterator[Row[tuple[int, Route]]]:
            for i, prompt in enumerate(prompts):
                try:
                    text = self._render(prompt, AT_ONCE)
                    tokens[i] = self._continue(text, continuations[i])
                    routes = plan_routes(tokens[i])
                except Exception as error:  # a chat template or a tokenizer may fail in any way
                    settle(i, Likelihoods(error=explain(error)))
                    continue
                if not routes:
                    settle(i, Likelihoods())
                missing[i], led[i] = len(routes), []
                for route in routes:  # a prompt stands once for each
                    yield Row((i, route), prompt, text, _place(prompt, text, i))

        def lead(batch: list[Row[tuple[int, Route]]]) -> list[Led]:
            return self._lead(
                [row.prompt for row in batch],
                [row.text for row in batch],
                [row.key[1] for row in batch],
                [tokens[row.key[0]] for row in batch],
            )

        for row, one in self._in_batches(read(), lead, lambda error: Led({}, error=explain(error))):
            i = row.key[0]
            led[i].append(one)
            if len(led[i]) == missing[i]:
                settle(i, _join(led.pop(i), len(tokens.pop(i))))
        return [results[i] for i in range(len(prompts))]

    def _in_batches(
        self,
        rows: Iterable[Row[Key] | None],
        answer: Callable[[list[Row[Key]]], list[_Answer]],
        fail: Callable[[Exception], _Answer],
    ) -> Iterator[tuple[Row[Key], _Answer]]:
        """Each row with its answer. Rows are read ahead, so that a batch can be made of some of about one length.

        Which rows share a batch hangs on the rows alone, unless some aren't ready yet (None). Out of memory halves the
        batches; of one that fails otherwise each is asked alone, and `fail` says what came of one that fails then.
        """
        source, ended = iter(rows), False
        waiting: list[Row[Key]] = []  # in the order of their places
        alone: deque[Row[Key]] = deque()
        last, answered = (0, 0, 0, -1), 0
        while True:
            ahead = min(max(MOST_AHEAD, self.batch_size), self.batch_size * min(FIRST_AHEAD + answered, AHEAD))
            while not ended and len(waiting) < ahead and not alone:
                try:
                    row = next(source)
                except StopIteration:
                    ended = True
                    break
                if row is not None:
                    insort(waiting, row, key=_place_of)
                elif waiting:
                    break
            if not waiting and not alone:
                return
            batch = [alone.popleft()] if alone else self._pick(waiting, last)
            try:
                answers = answer(batch)
            except Exception as error:  # a batch may fail in as many ways as there are models
                short_of_memory = _is_out_of_memory(error)
                if short_of_memory:
                    self._shrink(len(batch) // 2)
                if len(batch) > 1 and short_of_memory:
                    waiting = sorted([*batch, *waiting], key=_place_of)
                    continue
                if len(batch) > 1:
                    alone.extend(batch)
                    continue
                answers = [fail(error)]
            last, answered = batch[-1].place, answered + 1
            yield from zip(batch, answers, strict=True)

    def _pick(self, waiting: list["Row[Key]"], last: tuple[int, int, int, int]) -> list["Row[Key]"]:
        """Take the rows of the next batch: those that follow the last one, and have as many pictures as the first."""
        start = bisect_right(waiting, last, key=_place_of) % len(waiting)
        end = start + 1
        while end < min(len(waiting), start + self.batch_size) and waiting[end].place[0] == waiting[start].place[0]:
            end += 1
        batch = waiting[start:end]
        del waiting[start:end]
        return batch

    def _continue(self, text: str, continuations: Sequence[str]) -> list[Tokens]:
        """The tokens of each continuation behind a prompt as its template wrote it. Raises ValueError for none."""
        if opens_thinking(text):
            raise ValueError("the chat template opens thinking, so what follows the prompt is no answer")
        return [
            write_continuation(
                self._tokenizer,
                None if self._writes_apart else text,
                words,
                lead=self._answer_lead,
                control_tokens=self._control_tokens,
                ends=self._end_tokens,
            )
            for words in continuations
        ]

    def list_choices(self, prompt: Prompt, decoding: Decoding) -> list[Choice]:
        """The tokens of the completion of a prompt asked alone. Raises EngineFailure in one line when it can't be."""
        recorder = Recorder()
        try:
            self._answer([prompt], [self._render(prompt, decoding)], decoding, recorder)
        except Exception as error:  # a prompt may fail in as many ways as there are models
            raise EngineFailure(f"{type(error).__name__}: {first_line(error)}") from error
        ends = self._end_tokens
        return [
            Choice(
                self._tokenizer.decode([token]),
                float(scores[token]),
                {
                    self._tokenizer.decode([other]): float(scores[other])
                    for other in scores.topk(min(LIKELIEST, len(scores))).indices.tolist()
                },
                token in ends,
            )
            for token, scores in zip(recorder.tokens, recorder.places, strict=True)
        ]

    def describe(self, prompt: Prompt) -> EngineDescription:
        """What reaches the model of a prompt. Raises EngineFailure in one line when nothing can."""
        try:
            texts = {thinking: self._render(prompt, Decoding(1, thinking=thinking)) for thinking in (None, True, False)}
            inputs = self._encode([prompt], [texts[None]])
        except Exception as error:  # a template or a processor may fail in any way
            raise EngineFailure(f"{type(error).__name__}: {first_line(error)}") from error
        pictures = {
            name: tuple(tensor.shape)
            for name, tensor in inputs.items()
            if any(word in name for word in ("pixel", "image", "patch"))
        }
        return EngineDescription(
            context=self._context,
            template=self._template_origin + ("" if self._takes_parts or not self.sees else ", which knows text only"),
            remarks=self._remark(),
            tokens=int(inputs["attention_mask"].sum()),
            pictures=pictures,
            thinking_switch=texts[True] != texts[False],
        )

    def _remark(self) -> tuple[str, ...]:
        """What is peculiar to the chat template, in words."""
        if not self.sees:
            return ()
        placed = "puts a picture behind the question that follows it" if self._layout.puts_picture_last else ""
        return tuple(filter(None, (placed, self._layout.system)))

    def close(self) -> None:
        """Free the model's memory."""
        del self._model
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    @cached_property
    def _marks(self) -> Marks:
        return Marks(self._tokenizer)

    @property
    def _end_tokens(self) -> set[int]:
        ends = self._model.generation_config.eos_token_id
        return {ends} if isinstance(ends, int) else set(ends or ())

    @cached_property
    def _takes_parts(self) -> bool:
        return self.sees and takes_parts(self._processor)

    @cached_property
    def _answer_lead(self) -> str:
        return find_lead(self._processor)

    @cached_property
    def _control_tokens(self) -> tuple[str, ...]:
        return find_control_tokens(self._tokenizer, self._processor)

    def _shrink(self, batch_size: int) -> None:
        """Use smaller batches from now on."""
        self.batch_size = max(1, min(self.batch_size, batch_size))
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    def _render(self, prompt: Prompt, decoding: Decoding) -> str:
        """The prompt through the model's chat template. Raises ValueError where that leaves something of it out."""
        prompt = write_plainly(prompt, self._control_tokens)
        if prompt.images and self.sees and not self._places_pictures:
            raise ValueError(f"the chat template leaves pictures out of the prompt; {MEND}")
        written = self._write(prompt, decoding)
        refuse_loss(prompt, written)
        return written

    @cached_property
    def _places_pictures(self) -> bool:
        """Whether a picture finds its place in a prompt, by the template or by the processor."""
        return self._model.config.model_type in MARKS_ITSELF or self._layout.marks_picture

    @cached_property
    def _layout(self) -> Layout:
        return read_layout(lambda prompt: self._write(prompt, Decoding(1)), Image.new("RGB", (8, 8)))

    def _write(self, prompt: Prompt, decoding: Decoding) -> str:
        messages = [
            {
                "role": message.role,
                "content": [
                    {"type": "text", "text": part} if isinstance(part, str) else {"type": "image"}
                    for part in message.parts
                ]
                if self._takes_parts
                else join_parts(message.parts, getattr(self._processor, "image_token", None))
                if self.sees
                else "\n".join(part for part in message.parts if isinstance(part, str)),
            }
            for message in prompt.messages
        ]
        options: dict[str, Any] = {} if decoding.thinking is None else {"enable_thinking": decoding.thinking}
        rendered = self._processor.apply_chat_template(messages, tokenize=False, add_generation_prompt=True, **options)
        return str(rendered)

    def _encode(self, prompts: list[Prompt], texts: list[str]) -> dict[str, torch.Tensor]:
        """What the model is handed: tensors with a row for each prompt, and the pictures'."""
        if prompts[0].images and not self.sees:
            raise ValueError("this model reads text only and was given a picture")
        if not prompts[0].images and self._model.config.model_type in NEEDS_PICTURE:
            raise ValueError("this architecture takes no question without a picture")
        pictures: dict[str, Any] = {"images": [prompt.images for prompt in prompts]} if prompts[0].images else {}
        if pictures and self._model.config.model_type in ONE_PICTURE:
            if len(prompts[0].images) > 1:
                raise ValueError(
                    f"this architecture takes one picture a question, and was given {len(prompts[0].images)}"
                )
            pictures = {"images": [prompt.images[0] for prompt in prompts]}
        starts_itself = bool(self._tokenizer.bos_token) and all(t.startswith(self._tokenizer.bos_token) for t in texts)
        inputs = self._processor(
            text=texts, padding=True, return_tensors="pt", add_special_tokens=not starts_itself, **pictures
        )
        return {
            name: tensor.to(self.device, self._model.dtype if tensor.is_floating_point() else None)
            for name, tensor in fit_inputs(self._model, self._tokenizer, inputs, texts).items()
        }

    @_without_gradients
    def _answer(
        self, prompts: list[Prompt], texts: list[str], decoding: Decoding, recorder: "Recorder | None" = None
    ) -> list[Completion]:
        start = time.perf_counter()
        inputs = self._encode(prompts, texts)
        lengths = inputs["attention_mask"].sum(-1).tolist()
        if self._context and max(lengths) >= self._context + self._writes_apart:
            raise ValueError(f"the prompt has {max(lengths)} tokens; this model's context holds {self._context}")
        opened = [opens_thinking(text) for text in texts]
        steered = LogitsProcessorList()
        if controls_thinking(decoding):
            steered.append(ThinkingControl(self._marks, decoding, opened, self.device))
        if decoding.temperature > 0:
            steered.append(SeededSampling(decoding, prompts))
        # A decoder apart from the encoder begins with its start token alone.
        written_from = 1 if self._writes_apart else inputs["input_ids"].shape[1]
        ends: list[StoppingCriteria] = []
        if decoding.stop:
            ends.append(StopAtMarks(self._tokenizer, decoding.stop, written_from))
        # Beyond its context a model fails or writes nonsense; each row ends there, whoever shares its batch.
        before = [written_from] * len(lengths) if self._writes_apart else lengths
        rooms = [self._context - length if self._context else decoding.max_new_tokens for length in before]
        if min(rooms) < decoding.max_new_tokens:
            ends.append(StopAtLength(rooms, written_from))
        if recorder:
            steered.insert(0, recorder.watch_scores)
            ends.insert(0, recorder.watch_tokens)
        witness = Witness()
        if steered:
            steered.append(witness)
        output = self._generate(
            inputs,
            self._repetition_penalty,
            max_new_tokens=decoding.max_new_tokens,
            logits_processor=steered,
            stopping_criteria=StoppingCriteriaList(ends),
        )[:, written_from:]
        if steered and not witness.was_called:
            raise ValueError("this model's own way of writing drops the rules for sampling and thinking")
        seconds = (time.perf_counter() - start) / len(prompts)
        return [
            self._completion(row[:room], length, seconds, decoding, opens)
            for row, room, length, opens in zip(output.tolist(), rooms, lengths, opened, strict=True)
        ]

    @_without_gradients
    def _lead(
        self,
        prompts: list[Prompt],
        texts: list[str],
        routes: Sequence[Route],
        continuations: Sequence[Sequence[Tokens]],
    ) -> list[Led]:
        """What the model says along each row's route."""
        start = time.perf_counter()
        inputs = self._encode(prompts, texts)
        lengths = inputs["attention_mask"].sum(-1).tolist()
        opening = find_opening(self._model, self._tokenizer) if self._writes_apart else ()
        ends = [
            len(opening) + len(route.tokens) + (0 if self._writes_apart else length)
            for length, route in zip(lengths, routes, strict=True)
        ]
        if self._context and max(*ends, *lengths) > self._context:
            raise ValueError(
                f"prompt and answer have {max(*ends, *lengths)} tokens; this model's context holds {self._context}"
            )
        written_from = len(opening) if opening else 1 if self._writes_apart else inputs["input_ids"].shape[1]
        if opening:
            inputs["decoder_input_ids"] = torch.tensor([opening] * len(prompts), device=self.device)
        forcer = Forcer(routes, continuations, written_from)
        with exact_head(self._model):
            self._generate(
                inputs,
                1.0,
                max_new_tokens=max(len(route.tokens) for route in routes),
                logits_processor=LogitsProcessorList([forcer]),
            )
        seconds = (time.perf_counter() - start) / len(prompts)
        return [Led(forcer.read(row), length, seconds) for row, length in enumerate(lengths)]

    def _generate(self, inputs: dict[str, torch.Tensor], penalty: float, **options: Any) -> torch.Tensor:
        """What the model's own way of generating writes greedily, prompts included."""
        written: torch.Tensor = find_generate(self._model)(
            **inputs,
            do_sample=False,
            temperature=None,
            top_p=None,
            top_k=None,
            repetition_penalty=penalty,
            pad_token_id=self._tokenizer.pad_token_id,
            **options,
        )
        return written

    def _completion(
        self, tokens: list[int], input_tokens: int, seconds: float, decoding: Decoding, opened: bool
    ) -> Completion:
        stop = next((i for i, token in enumerate(tokens) if token in self._end_tokens), None)
        used = len(tokens) if stop is None else stop + 1
        while stop is None and used and tokens[used - 1] == self._tokenizer.pad_token_id:
            used -= 1  # a row that met a stop string is padded, not ended
        text, cut = read_response(self._tokenizer, tokens[:used], decoding.stop, opened)
        finished = stop is not None or cut
        return Completion(
            text=text,
            input_tokens=input_tokens,
            output_tokens=used,
            seconds=seconds,
            finish_reason="stop" if finished else "length",
        )


def identify(
    model: str,
    dtype: str = "auto",
    device: str | None = None,
    revision: str | None = None,
    trust_remote_code: bool = False,
    chat_template: str | None = None,
    adapter: str | None = None,
) -> str:
    """The identity that an engine opened with these arguments would have, without loading its weights.

    Raises UserError in one line when the model can't be found, and for a chat template that can't be used.
    """
    model, adapter = split_adapter(model, adapter)
    location, gguf_file = locate(model)
    weights = hash_weights(Path(location), gguf_file)
    mark = ""
    if not gguf_file:
        refuse_revision(model, location, revision)
        options: dict[str, Any] = {"trust_remote_code": trust_remote_code, "revision": revision}
        with loading(model):
            config = read_config(location, **options)
        weights = weights or getattr(config, "_commit_hash", None)
        mark = read_habits(location, config, name=model, revision=options["revision"]).mark
        if sees_pictures(config.model_type):
            mark += mark_backend(location, config.model_type, revision)
    mark += mark_template(None if chat_template is None else read_template(chat_template)) + mark_adapter(adapter)
    chosen = pick_dtype(dtype, pick_device(device))
    return f"{name_model(model, weights)}|transformers|{str(chosen).removeprefix('torch.')}{mark}"


def _place(prompt: Prompt, text: str, number: int) -> tuple[int, int, int, int]:
    """Where a prompt stands in the order by length: by its pictures' number and area, its text, and its turn."""
    images = prompt.images
    return -len(images), sum(image.width * image.height for image in images), len(text), number


def _place_of(row: Row[Any]) -> tuple[int, int, int, int]:
    return row.place


def _is_out_of_memory(error: Exception) -> bool:
    """Whether memory ran out; only CUDA's allocator has a type for it."""
    text = str(error).lower()
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or (
        isinstance(error, RuntimeError) and any(words in text for words in ("out of memory", "can't allocate memory"))
    )


def _join(led: Sequence[Led], count: int) -> Likelihoods:
    """A prompt's likelihoods, from what its rows said."""
    by_number = {number: likelihood for one in led for number, likelihood in one.by_number.items()}
    error = next((one.error for one in led if one.error), None)
    odd = not error and not all(math.isfinite(likelihood.logprob) for likelihood in by_number.values())
    return Likelihoods(
        () if error or odd else tuple(by_number[number] for number in range(count)),
        max(one.input_tokens for one in led),
        sum(one.seconds for one in led),
        "a log-probability is no finite number" if odd else error,
    )


def pick_device(device: str | None) -> torch.device:
    """The device of that name; without one a GPU if there is one, else the processor.

    Raises UserError in one line for a device that isn't there.
    """
    has_gpu = torch.cuda.is_available()
    try:
        chosen = torch.device(device or ("cuda" if has_gpu else "cpu"))
    except RuntimeError as error:
        raise UserError(f"unknown device {device!r}; known: cpu, cuda, cuda:0, …") from error
    if chosen.type == "cuda" and (chosen.index or 0) >= (torch.cuda.device_count() if has_gpu else 0):
        raise UserError(f"there is no device {device!r} that this machine's torch can use")
    return chosen


def pick_dtype(dtype: str, device: torch.device) -> torch.dtype:
    """The type of that name; `auto` is bfloat16 where the device computes with it, else float32.

    Raises UserError in one line for a type that models aren't run in.
    """
    if dtype in DTYPES:
        return DTYPES[dtype]
    if dtype != "auto":
        raise UserError(f"unknown dtype {dtype!r}; known: auto, {', '.join(DTYPES)}")
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    return torch.bfloat16 if _cpu_has_bf16() else torch.float32


def _cpu_has_bf16() -> bool:
    """Whether this processor multiplies bfloat16 itself; emulation is several times slower than float32."""
    try:
        flags = Path("/proc/cpuinfo").read_text()
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags or " bf16" in flags


class SeededSampling(LogitsProcessor):
    """Temperature, top-k, top-p and min-p, then per-row Gumbel noise: greedy search over it samples.

    Adding Gumbel noise to log-probabilities and taking the largest draws from the distribution they describe (Gumbel,
    1954). Each row's noise comes from its own generator, seeded by the decoding seed and the prompt's digest. So a row
    doesn't depend on its batch, and an interrupted run continued in other batches samples the same tokens, but for what
    the model's own arithmetic rounds otherwise in another batch.
    """

    def __init__(self, decoding: Decoding, prompts: Sequence[Prompt]) -> None:
        self.decoding = decoding
        self.generators = [torch.Generator().manual_seed(prompt_seed(prompt, decoding)) for prompt in prompts]

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        decoding = self.decoding
        scores = scores.float() / decoding.temperature
        if decoding.top_k:
            kth = torch.topk(scores, min(decoding.top_k, scores.shape[-1])).values[:, -1:]
            scores = scores.masked_fill(scores < kth, -torch.inf)
        if decoding.top_p < 1.0:
            ordered, order = torch.sort(scores, descending=True)
            probabilities = ordered.softmax(-1)
            drop = probabilities.cumsum(-1) - probabilities >= decoding.top_p
            scores = scores.masked_fill(drop.scatter(-1, order, drop), -torch.inf)
        if decoding.min_p:
            probabilities = scores.softmax(-1)
            floor = decoding.min_p * probabilities.max(-1, keepdim=True).values
            scores = scores.masked_fill(probabilities < floor, -torch.inf)
        uniform = torch.stack([torch.rand(scores.shape[-1], generator=generator) for generator in self.generators])
        gumbel = -torch.log(-torch.log(uniform.clamp(1e-20, 1 - 1e-7))).to(scores.device)
        return scores.log_softmax(-1) + gumbel


class Witness(LogitsProcessor):
    """Tells whether a model's way of writing heeds logits processors at all."""

    was_called = False

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        self.was_called = True
        return scores


class Recorder:
    """Keeps, of the one row of a batch, each token written and the log-probabilities that it was chosen from."""

    def __init__(self) -> None:
        self.tokens: list[int] = []
        self.places: list[torch.Tensor] = []
        self.watch_scores = _ScoreWatch(self.places)
        self.watch_tokens = _TokenWatch(self.tokens)


class _ScoreWatch(LogitsProcessor):
    def __init__(self, places: list[torch.Tensor]) -> None:
        self._places = places

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        self._places.append(scores[0].float().log_softmax(-1).cpu())
        return scores


class _TokenWatch(StoppingCriteria):
    def __init__(self, tokens: list[int]) -> None:
        self._tokens = tokens

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor, **_: Any) -> torch.Tensor:
        self._tokens.append(int(input_ids[0, -1]))
        return torch.zeros(len(input_ids), dtype=torch.bool, device=input_ids.device)


class StopAtMarks(StoppingCriteria):
    """Ends each row whose own text holds one of the marks.

    Transformers' own stop strings are also met by text that the prompt began: a newline after the assistant's header
    and one written newline would end a row at a blank line.
    """

    def __init__(self, tokenizer: Any, marks: tuple[str, ...], prompt_length: int) -> None:
        self._tokenizer, self._marks, self._prompt_length = tokenizer, marks, prompt_length
        self._tail = max(len(mark.encode()) for mark in marks) + 4  # a token adds a byte; a first one may be cut

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor, **_: Any) -> torch.Tensor:
        tails = input_ids[:, self._prompt_length :][:, -self._tail :].tolist()
        texts = self._tokenizer.batch_decode(tails, skip_special_tokens=True)
        met = [any(mark in text for mark in self._marks) for text in texts]
        return torch.tensor(met, dtype=torch.bool, device=input_ids.device)


class StopAtLength(StoppingCriteria):
    """Ends each row that has written as many tokens as it has room for."""

    def __init__(self, rooms: Sequence[int], prompt_length: int) -> None:
        self._rooms, self._prompt_length = torch.tensor(list(rooms)), prompt_length

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor, **_: Any) -> torch.Tensor:
        return (input_ids.shape[1] - self._prompt_length >= self._rooms).to(input_ids.device)
