"""Decoupled: a perception module writes what it sees, a reasoning module answers from that text alone.

Stage by stage: every focus first if they are to be written, then all perception requests, then all
reasoning requests; where both modules stay in memory, each description is reasoned about as soon as
it is written. The perception module is asked the published perception prompt with, at most, a focus;
it never gets the question or its options. The reasoning module never gets a picture.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

from sightscale.model_adapters.adapter import (
    AUTO,
    Adapter,
    Parts,
    Trace,
    check_convention,
    move,
    moves,
    short_name,
    trace_scores,
)
from sightscale.model_adapters.arguments import read_count, read_flag
from sightscale.model_adapters.decoupled.focus import WRITING, FocusWriter, focus_hash, prompt_hash, read_focus
from sightscale.model_adapters.decoupled.prompts import focus_prompt, perception_prompt, reasoning_prompt
from sightscale.model_adapters.engines import (
    Completion,
    Decoding,
    Engine,
    Feed,
    Message,
    Prompt,
    Room,
    open_on_demand,
    read_rule,
    score_continuations,
    split_thinking,
)
from sightscale.model_adapters.requests import Request
from sightscale.model_adapters.truth import DATA, TRUTH, describe_truly
from sightscale.tasks.errors import UserError
from sightscale.tasks.instructions import AskedFormat, split_instruction
from sightscale.tasks.vocabulary import Mode

PERCEPTION_TOKENS, ANSWER_TOKENS, THINKING_BUDGET = 1024, 1024, 4096
DESCRIBED_AHEAD = 64  # descriptions that wait for the reasoning module
ROLES = ("perception", "reasoning", "focus")

Stages = Literal["one-by-one", "together"]


@dataclass(frozen=True)
class Seen:
    """What is known of a request after the perception stage: its description, or why there is none."""

    place: int
    question: str = ""
    answer_format: AskedFormat = "open"
    focus: str | None = None
    description: Completion | None = None
    error: str | None = None


class Decoupled(Adapter):
    """`lmms-eval --model decoupled --model_args perception=MODEL,reasoning=MODEL[,mode=thinking,focus=FILE,…]`."""

    def __init__(
        self,
        perception: str,
        reasoning: str,
        mode: str = Mode.DIRECT,
        focus: str | None = None,
        focus_llm: str | None = None,
        stages: Stages = "one-by-one",
        batch_size: int | str = 32,
        seed: int | str = 0,
        store: str | None = None,
        greedy: bool | str = False,
        perception_tokens: int | str = PERCEPTION_TOKENS,
        answer_tokens: int | str = ANSWER_TOKENS,
        budget: int | str = THINKING_BUDGET,
        nowait: bool | str = False,
        box_convention: str = AUTO,
        perception_engine: Engine | None = None,
        reasoning_engine: Engine | None = None,
        focus_engine: Engine | None = None,
        max_batch_size: int | None = None,
        **options: Any,
    ) -> None:
        """`focus` names a focus file; `focus_llm` a model that writes the focuses which the file lacks.

        On documents of the mini suite the perception module may be `truth`, their own true descriptions, and
        the focus file `data`, their own focuses: what a perfect module of either kind would hand on.
        With `stages` `one-by-one` one model is in memory at a time, with `together` they stay. `perception_tokens`
        is how long a description may be, `answer_tokens` an answer. `budget` (tokens of thinking) and `nowait`
        (`words` or `qwen3`; true means `words`) matter in thinking mode. Further arguments go to `open_engine`: all
        models', or one's with `perception_`, `reasoning_` or `focus_` before the name. Raises UserError in one line
        for what it can't use.
        """
        super().__init__(f"{short_name(perception)}+{short_name(reasoning)}")
        if mode not in list(Mode):
            raise UserError(f"unknown mode {mode!r}; known: {', '.join(Mode)}")
        if stages not in ("one-by-one", "together"):
            raise UserError(f"unknown stages {stages!r}; known: one-by-one, together")
        self.mode = Mode(mode)
        self.box_convention = check_convention(box_convention)
        self.focus_of_data = focus == DATA
        self.focus = read_focus(Path(focus)) if focus and not self.focus_of_data else {}
        self.names = {"perception": perception, "reasoning": reasoning} | ({"focus": focus_llm} if focus_llm else {})
        self.stages: Stages = stages
        room = Room() if stages == "one-by-one" else None
        chosen = {"perception": perception_engine, "reasoning": reasoning_engine, "focus": focus_engine}
        self.engines: dict[str, Engine] = {}
        alike: dict[str, Engine] = {}  # one model in two roles is loaded once
        for role, name in self.names.items():
            if (role, name) == ("perception", TRUTH):
                continue
            arguments = {"batch_size": batch_size, **_options_of(role, options)}
            engine = chosen[role] or alike.get(repr((name, arguments))) or open_on_demand(name, arguments, store, room)
            self.engines[role] = alike[repr((name, arguments))] = engine
        self.focus_writer = FocusWriter(self.engines["focus"]) if focus_llm else None
        self.perceiving = Decoding(max_new_tokens=read_count("perception_tokens", perception_tokens))
        self.reasoning_decoding = _reasoning_decoding(
            self.mode,
            read_count("seed", seed, 0, 2**63 - 1),
            read_flag("greedy", greedy),
            read_count("answer_tokens", answer_tokens),
            read_count("budget", budget),
            _read_nowait(nowait, self.mode),
        )

    @property
    def identity(self) -> str:
        # An engine that is opened to tell stays in memory: the one that is needed first is asked last.
        order = sorted(self.engines, key=("reasoning", "perception", "focus").index)
        engines = "; ".join(f"{role} {self.engines[role].identity}" for role in order)
        truth = "perception truth; " if "perception" not in self.engines else ""
        focus = f"; focus file {focus_hash(self.focus)}" if self.focus else ""
        focus += "; focus of the data" if self.focus_of_data else ""
        boxes = "" if self.box_convention == AUTO else f"; boxes {self.box_convention}"
        length = self.perceiving.max_new_tokens
        boxes += "" if length == PERCEPTION_TOKENS else f"; descriptions of {length} tokens"
        changed = {
            name: value for name, value in self.reasoning_decoding.as_dict().items() if value != getattr(_PLAIN, name)
        }
        return f"decoupled({truth}{engines}{focus}; {self.mode} {changed}{boxes})"

    @property
    def eyes(self) -> Engine | None:
        return self.engines.get("perception")

    @property
    def reader(self) -> Engine | None:
        return self.engines["reasoning"]

    @property
    def parts(self) -> Parts:
        return {
            role: (short_name(name), getattr(self.engines.get(role), "parameters", None))
            for role, name in self.names.items()
        }

    @property
    def settings(self) -> dict[str, Any]:
        focused = bool(self.focus or self.focus_writer or self.focus_of_data)
        settings: dict[str, Any] = {
            "mode": self.mode,
            "perception_prompt": perception_prompt("<focus>" if focused else None),
            "reasoning_prompt": reasoning_prompt("<description>", "<question>", self.mode),
            "perception_decoding": self.perceiving.as_dict(),
            "reasoning_decoding": self.reasoning_decoding.as_dict(),
            "box_convention": self.box_convention,
        }
        if self.focus or self.focus_of_data:
            settings["focus_file"] = focus_hash(self.focus) if self.focus else DATA
        if self.focus_writer:
            settings |= {
                "focus_llm": self.engines["focus"].identity,
                "focus_prompt": focus_prompt("<question>"),
                "focus_prompt_hash": prompt_hash(),
                "focus_decoding": WRITING.as_dict(),
                "focus_outcomes": dict(self.focus_writer.outcomes),
            }
        return settings

    def wrap_engines(self, wrap: Callable[[str, Engine], Engine]) -> None:
        self.engines = {role: wrap(role, engine) for role, engine in self.engines.items()}
        if self.focus_writer:  # a new one, which has asked for no focus yet
            self.focus_writer = FocusWriter(self.engines["focus"])

    def answer(self, requests: Sequence[Request], condition: str = "") -> list[Trace]:
        traces: dict[int, Trace] = {}
        with (
            self._perceive(requests, condition) as seen,
            self.progress("reasoning", len(requests), condition) as bar,
            closing(self._pose(seen, traces, bar)) as prompts,
            closing(self.engines["reasoning"].stream(prompts, self.reasoning_decoding)) as completions,
        ):
            for (known, text), completion in completions:
                traces[known.place] = self._trace(known, text, completion)
                move(bar, self.engines["reasoning"])
        return [traces[place] for place in range(len(requests))]

    def score(
        self, requests: Sequence[Request], continuations: Sequence[Sequence[str]], condition: str = ""
    ) -> list[Trace]:
        """How likely the reasoning module is to write each continuation, reading the perception module's description.

        Raises UserError in thinking mode, where an answer follows what the model thinks first.
        """
        if self.mode != Mode.DIRECT:
            raise UserError("likelihoods need a model that answers without thinking; use mode=direct")
        traces: dict[int, Trace] = {}
        with (
            self._perceive(requests, condition) as seen,
            self.progress("likelihoods", len(requests), condition) as bar,
            closing(self._pose(seen, traces, bar)) as posing,
        ):
            posed = [item for item in posing if item is not None]
            asked = [continuations[known.place] for (known, _), _ in posed]
            scored = score_continuations(self.engines["reasoning"], [prompt for _, prompt in posed], asked, moves(bar))
        for ((known, text), _), scores in zip(posed, scored, strict=True):
            scored_trace = trace_scores(scores, text)
            traces[known.place] = replace(
                self._trace(known),
                prompt=scored_trace.prompt,
                error=f"reasoning: {scored_trace.error}" if scored_trace.error else None,
                finish_reason=scored_trace.finish_reason,
                input_tokens=scored_trace.input_tokens,
                seconds=scored_trace.seconds,
                continuations=scored_trace.continuations,
            )
        return [traces[place] for place in range(len(requests))]

    @contextmanager
    def _perceive(self, requests: Sequence[Request], condition: str) -> Iterator[Iterable[Seen | None]]:
        """What is known of each request: all when it is there, or each as it comes where both modules are in memory."""
        if self.focus_writer:
            self._write_focuses(self.focus_writer, requests, condition)
        with self.progress("perception", len(requests), condition) as bar:
            if self.stages == "together" and self.engines.get("perception") is not self.engines["reasoning"]:
                with Feed(self._see(requests, bar), DESCRIBED_AHEAD) as feed:
                    yield feed.take_as_ready()
                return
            seen = list(self._see(requests, bar))
        yield seen

    def _see(self, requests: Sequence[Request], bar: Any) -> Generator[Seen, None, None]:
        """What is known of each request, as the perception module describes its pictures."""
        unreadable: deque[Seen] = deque()

        def pose() -> Generator[tuple[Seen, Prompt], None, None]:
            with closing(self.read_prompts(enumerate(requests))) as reading:
                for place, prompt in reading:
                    if not isinstance(prompt, Prompt):
                        unreadable.append(Seen(place, error=prompt.reason))
                        continue
                    question, answer_format = split_instruction(prompt.text)
                    focus = self._focus_of(requests[place], question)
                    yield Seen(place, question, answer_format, focus), prompt

        engine = self.engines.get("perception")
        with closing(pose()) as posed:
            if engine is None:
                described: Any = (
                    (seen, describe_truly(self._doc(requests[seen.place]), shown)) for seen, shown in posed
                )
            else:
                asked = ((seen, _perception_request(shown, seen.focus)) for seen, shown in posed)
                described = engine.stream(asked, self.perceiving)
            with closing(described) as completions:
                for seen, completion in completions:
                    move(bar, engine)
                    yield _describe(seen, completion)
        for seen in unreadable:
            move(bar)
            yield seen

    def _pose(
        self, seen: Iterable[Seen | None], traces: dict[int, Trace], bar: Any
    ) -> Generator[tuple[tuple[Seen, str], Prompt] | None, None, None]:
        """The reasoning prompts of the requests that have a description; every other gets its trace at once."""
        for known in seen:
            if known is None:
                yield None
            elif known.error is not None or known.description is None:
                traces[known.place] = self._trace(known)
                move(bar)
            else:
                text = reasoning_prompt(known.description.text, known.question, self.mode, known.answer_format)
                yield (known, text), _as_prompt(text)

    def _doc(self, request: Request) -> Any:
        return self.task_dict[request.task][request.split][request.doc_id]

    def _write_focuses(self, writer: FocusWriter, requests: Sequence[Request], condition: str) -> None:
        """Have the focus of every question written that the focus file has none for; each is remembered."""
        lacking = (each for each in enumerate(requests) if self._focus_on_file(each[1]) is None)
        with closing(self.read_prompts(lacking)) as reading:
            questions = [split_instruction(prompt.text)[0] for _, prompt in reading if isinstance(prompt, Prompt)]
        if new := writer.unknown(questions):
            with self.progress("focus", len(new), condition) as bar:
                writer.write(new, moves(bar))

    def _focus_on_file(self, request: Request) -> str | None:
        if self.focus_of_data:
            return self._doc(request).get("focus") or None
        return self.focus.get(request.task, {}).get(str(request.doc_id)) or None

    def _focus_of(self, request: Request, question: str) -> str | None:
        on_file = self._focus_on_file(request)
        return self.focus_writer.write([question])[0] if self.focus_writer and not on_file else on_file

    def _trace(self, seen: Seen, prompt: str = "", completion: Completion | None = None) -> Trace:
        completion = completion or Completion("", error=seen.error, finish_reason="error")
        thinking, response = split_thinking(completion.text)
        described = seen.description or Completion("")
        return Trace(
            response=response,
            prompt=prompt,
            box_convention=self.box_convention if seen.answer_format == "box" else AUTO,
            error=seen.error or (f"reasoning: {completion.error}" if completion.error else None),
            focus=seen.focus,
            description=described.text if seen.description else None,
            thinking=thinking,
            finish_reason=completion.finish_reason,
            input_tokens=completion.input_tokens,
            output_tokens=completion.output_tokens,
            seconds=completion.seconds,
            perception_input_tokens=described.input_tokens,
            perception_output_tokens=described.output_tokens,
            perception_seconds=described.seconds,
            perception_finish_reason=described.finish_reason if seen.description else None,
        )


def _describe(seen: Seen, completion: Completion) -> Seen:
    """A request with what the perception module wrote of it."""
    # What a perception module thinks is no description, and nothing for the reasoning module to read.
    thinking, description = split_thinking(completion.text)
    error = f"perception: {completion.error}" if completion.error else None
    if thinking and not description and not error:
        error = f"perception: it thought for {completion.output_tokens:,} tokens and wrote no description"
    return replace(seen, description=replace(completion, text=description), error=error)


_PLAIN = Decoding(max_new_tokens=0)


def _as_prompt(text: str) -> Prompt:
    return Prompt((Message("user", (text,)),))


def _perception_request(prompt: Prompt, focus: str | None) -> Prompt:
    """The pictures of a prompt with the perception prompt in place of every word it says."""
    return Prompt((Message("user", (*prompt.images, perception_prompt(focus))),))


def _options_of(role: str, options: dict[str, Any]) -> dict[str, Any]:
    """The engine options of one role: those without a role before the name, then its own."""
    common = {name: value for name, value in options.items() if not name.startswith(tuple(f"{r}_" for r in ROLES))}
    ours = {name.removeprefix(f"{role}_"): value for name, value in options.items() if name.startswith(f"{role}_")}
    return common | ours


def _read_nowait(nowait: bool | str, mode: Mode) -> str | None:
    rule = {True: "words", False: "", "": ""}.get(nowait, nowait)
    if not rule:
        return None
    if mode != Mode.THINKING:
        raise UserError("nowait bans words while a model thinks, so it needs mode=thinking")
    read_rule(str(rule))
    return str(rule)


def _reasoning_decoding(
    mode: Mode, seed: int, greedy: bool, answer_tokens: int, budget: int, nowait: str | None
) -> Decoding:
    """The study's sampling, with top-k 20 from Qwen3's own card."""
    thinks = mode == Mode.THINKING
    make = partial(
        Decoding,
        budget + answer_tokens if thinks else answer_tokens,
        thinking=thinks,
        thinking_budget=budget if thinks else None,
        nowait=nowait,
    )
    if greedy:
        return make()
    temperature, top_p = (0.6, 0.95) if thinks else (0.7, 0.8)
    return make(temperature=temperature, top_p=top_p, top_k=20, seed=seed)
