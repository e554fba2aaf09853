"""Engines: where text is generated. One small protocol, so that adapters don't know which one runs.

An engine takes prompts from an iterator while it has room, and hands their completions back as they come. It isolates
failures: a prompt that can't be answered becomes a completion with an `error`, and the others go on.
"""

import abc
import hashlib
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any, Protocol, TypeVar, runtime_checkable

from PIL import Image

from sightscale.tasks.errors import UserError, first_line

MAX_REASON = 300  # characters of a reason
LIKELIEST = 5  # tokens of each place whose log-probabilities are told


@dataclass(frozen=True, eq=False)
class Message:
    """One turn: its role, and its parts in order, each a text or an RGB picture (`sightscale.tasks.pictures`)."""

    role: str
    parts: tuple[str | Image.Image, ...]


@dataclass(frozen=True, eq=False)
class Prompt:
    """What an engine is asked: the turns of a conversation, the last one the user's."""

    messages: tuple[Message, ...]

    @property
    def images(self) -> list[Image.Image]:
        """All pictures, in reading order."""
        return [part for message in self.messages for part in message.parts if isinstance(part, Image.Image)]

    @property
    def text(self) -> str:
        """All text, in reading order, one line a part; pictures are left out."""
        return "\n".join(part for message in self.messages for part in message.parts if isinstance(part, str))

    @cached_property
    def digest(self) -> str:
        """SHA-256 over roles, texts and pixels: two prompts share it only if a model sees the same."""
        digest = hashlib.sha256()
        for message in self.messages:
            digest.update(f"\x00role:{message.role}".encode())
            for part in message.parts:
                if isinstance(part, str):
                    encoded = part.encode("utf-8", "surrogatepass")
                    digest.update(f"\x00text:{len(encoded)}:".encode() + encoded)
                else:
                    digest.update(f"\x00image:{hash_image(part)}".encode())
        return digest.hexdigest()


@dataclass(frozen=True)
class Decoding:
    """How text is generated. `temperature` 0 is greedy; `seed` matters only above it."""

    max_new_tokens: int
    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0
    seed: int = 0
    stop: tuple[str, ...] = ()
    thinking: bool | None = None  # passed to chat templates that can switch it; None leaves their default
    thinking_budget: int | None = None  # tokens of thinking after which its end is forced; None sets no limit
    nowait: str | None = None  # which tokens are banned while thinking: "words", "qwen3", or None for none

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Completion:
    """What came back for one prompt. With an `error` the text is empty and means nothing."""

    text: str
    input_tokens: int = 0
    output_tokens: int = 0
    seconds: float = 0.0  # this prompt's share of its batch
    finish_reason: str = "stop"  # stop, length or error
    error: str | None = None
    cached: bool = field(default=False, compare=False)


@dataclass(frozen=True)
class Choice:
    """One token that a model wrote, with the log-probabilities of that place: its own, and the likeliest by token."""

    token: str
    logprob: float
    likeliest: Mapping[str, float]
    ends: bool = False  # whether it ended the answer, and is no part of its text


OnFinished = Callable[[int, Completion], None]
Key = TypeVar("Key")
# Prompts with the caller's key, which comes back with the completion; None where no prompt is ready yet.
Prompts = Iterable[tuple[Key, Prompt] | None]
Completions = Generator[tuple[Key, Completion], None, None]  # closing it gives up what is under way


@dataclass(frozen=True)
class Likelihood:
    """How likely a model is to write one continuation: the log-probabilities of its tokens, in nats, summed.

    What may follow it counts for nothing: it needn't end there.
    """

    logprob: float
    tokens: int
    is_greedy: bool = False  # whether each of its tokens is the likeliest of its place


@dataclass(frozen=True)
class Likelihoods:
    """Those of a prompt's continuations, in their order. With an `error` there are none."""

    each: tuple[Likelihood, ...] = ()
    input_tokens: int = 0
    seconds: float = 0.0  # this prompt's share of its batches
    error: str | None = None


OnScored = Callable[[int, Likelihoods], None]
AT_ONCE = Decoding(1, thinking=False)  # how a prompt is written whose continuations are scored


class Engine(Protocol):
    """A place where prompts are completed."""

    @property
    def identity(self) -> str:
        """Model, weights and engine class in one line: two engines share it only if they answer alike."""

    @property
    def parameters(self) -> int | None:
        """How many parameters the model has; None where that can't be known, as behind a server."""

    def stream(self, prompts: Prompts[Key], decoding: Decoding) -> Completions[Key]:
        """Each prompt's completion under its key, in the order in which they are finished.

        Prompts are taken while there is room for them, and let go when they are answered, so that no number of them
        fills the memory. Where the iterator gives None, what was taken so far is answered before more is asked for.
        """

    def generate(
        self, prompts: Sequence[Prompt], decoding: Decoding, on_finished: OnFinished | None = None
    ) -> list[Completion]:
        """A completion for each prompt, in order; `on_finished(index, completion)` as each is ready."""

    def close(self) -> None:
        """Free the memory the model holds."""


class StreamingEngine(abc.ABC):
    """An engine whose `stream` does all; a list of prompts is streamed too."""

    @abc.abstractmethod
    def stream(self, prompts: Prompts[Key], decoding: Decoding) -> Completions[Key]:
        """Each prompt's completion under its key, in the order in which they are finished: see `Engine`."""

    def generate(
        self, prompts: Sequence[Prompt], decoding: Decoding, on_finished: OnFinished | None = None
    ) -> list[Completion]:
        """A completion for each prompt, in order; `on_finished(index, completion)` as each is ready."""
        completions: dict[int, Completion] = {}
        with closing(self.stream(enumerate(prompts), decoding)) as stream:
            for i, completion in stream:
                completions[i] = completion
                if on_finished:
                    on_finished(i, completion)
        return [completions[i] for i in range(len(prompts))]


@runtime_checkable
class ListsChoices(Protocol):
    """An engine that can tell how likely what it wrote was."""

    def list_choices(self, prompt: Prompt, decoding: Decoding) -> list[Choice]:
        """The tokens of this prompt's completion, asked alone and anew; none where the model's server doesn't tell.

        Raises EngineFailure in one line when it can't be asked.
        """


def list_choices(engine: Any, prompt: Prompt, decoding: Decoding) -> list[Choice]:
    """What `engine` tells of a prompt's tokens. Raises EngineFailure in one line where it tells nothing of the kind."""
    if not isinstance(engine, ListsChoices):
        raise EngineFailure("this engine doesn't tell log-probabilities")
    return engine.list_choices(prompt, decoding)


@runtime_checkable
class ScoresContinuations(Protocol):
    """An engine that can tell how likely given words are as an answer to a prompt."""

    def score(
        self, prompts: Sequence[Prompt], continuations: Sequence[Sequence[str]], on_scored: OnScored | None = None
    ) -> list[Likelihoods]:
        """The likelihoods of each prompt's continuations, in order; `on_scored(index, …)` as each is ready.

        They are of the raw model, without sampling or penalties. A prompt stands as `generate` would have it, with
        thinking switched off where its chat template can, and its tokens stay as they are: a continuation's tokens are
        those that the tokenizer writes behind the prompt's text or, where that would change the prompt's last ones,
        those that it writes for the continuation alone. A space that the template itself puts before an assistant's
        words comes first. A prompt whose template opens thinking has an error, as what follows it is no answer.
        """


def score_continuations(
    engine: Any, prompts: Sequence[Prompt], continuations: Sequence[Sequence[str]], on_scored: OnScored | None = None
) -> list[Likelihoods]:
    """What `engine` tells of each prompt's continuations. Raises UserError in one line where it tells nothing."""
    if not isinstance(engine, ScoresContinuations):
        raise UserError(
            f"{type(engine).__name__} returns no log-probabilities of given words; use a model of transformers or vLLM "
            "without replicas, or a server of vLLM's"
        )
    return engine.score(prompts, continuations, on_scored)


@dataclass(frozen=True)
class EngineDescription:
    """What an engine makes of one prompt."""

    context: int | None  # tokens that prompt and answer share; None where the model's configuration doesn't say
    template: str  # whose chat template asks, and how it takes pictures, in words
    tokens: int  # of the prompt
    pictures: Mapping[str, tuple[int, ...]]  # the shape of each tensor besides the text's
    thinking_switch: bool  # whether the chat template heeds it
    remarks: tuple[str, ...] = ()  # what else the chat template does that a question doesn't ask for


@runtime_checkable
class Describes(Protocol):
    """An engine that can tell what reaches its model."""

    def describe(self, prompt: Prompt) -> EngineDescription:
        """What it makes of this prompt. Raises EngineFailure in one line when that can't be made."""


class EngineFailure(Exception):
    """An engine couldn't answer, with the reason in one line."""


def prompt_seed(prompt: Prompt, decoding: Decoding) -> int:
    """A seed below 2**63 from the decoding's seed and the prompt, so that no batch mate changes what is sampled."""
    return (int(prompt.digest[:15], 16) + decoding.seed * 0x9E3779B97F4A7C15) % 2**63


def explain(error: Exception) -> str:
    """An error as the reason of a completion or of likelihoods that there are none of."""
    return f"{type(error).__name__}: {first_line(error)}"[:MAX_REASON]


def failed(reason: str) -> Completion:
    """The completion of a prompt that couldn't be answered."""
    return Completion(text="", finish_reason="error", error=reason[:MAX_REASON])


def hash_image(image: Image.Image) -> str:
    """SHA-256 of an RGB picture's size and pixels, the same whatever file it came from.

    It is computed anew each time: whatever is kept on a picture goes along to its copies, and stays
    when its pixels are changed in place. Raises ValueError for a picture that isn't RGB.
    """
    if image.mode != "RGB":
        raise ValueError(f"a picture of mode {image.mode} must be opened by sightscale.tasks.pictures first")
    digest = hashlib.sha256(f"RGB:{image.width}x{image.height}:".encode())
    digest.update(image.tobytes())
    return digest.hexdigest()
