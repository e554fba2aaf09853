"""Model strings: what a user writes after `--model`, and the lmms-eval model it stands for."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from lmms_eval.api.model import lmms

from sightscale.model_adapters.arguments import read_count
from sightscale.model_adapters.engines import OPENAI, check_engine
from sightscale.model_adapters.systems import list_systems, models_folder
from sightscale.model_adapters.truth import TRUTH
from sightscale.tasks.errors import UserError, first_line


@dataclass(frozen=True)
class ModelSpec:
    """A parsed model string: which adapter, which model or lmms-eval name, with which arguments."""

    kind: Literal["end-to-end", "decoupled", "scripted", "lmms"]
    name: str
    arguments: dict[str, str | bool] = field(default_factory=dict)

    @property
    def prompt_name(self) -> str:
        """The name under which lmms-eval looks for model-specific prompts in task files."""
        return {"end-to-end": "sightscale", "decoupled": "decoupled", "scripted": "sightscale"}.get(
            self.kind, self.name
        )


@dataclass(frozen=True)
class Spread:
    """Where a run's models are put: `replicas` on Ray, a number or `ROLE=NUMBER,…` for a two-stage model's.

    `ray` is `auto`, `local` or an address; what is None is left to the engines.
    """

    replicas: str
    ray: str | None = None
    gpus_per_replica: float | None = None
    cpus_per_replica: float | None = None


def spread_model(spec: ModelSpec, spread: Spread) -> ModelSpec:
    """The model with its engines as replicas on Ray.

    Raises UserError for a model that isn't run by an engine of ours here, and for roles that it doesn't have.
    """
    if spec.kind in ("scripted", "lmms"):
        kind = "answers by rule" if spec.kind == "scripted" else "is lmms-eval's own"
        raise UserError(f"--replicas: {spec.kind}:{spec.name.removeprefix(spec.kind + ':')} {kind}; leave it out")
    named = {"model": spec.name}
    if spec.kind == "decoupled":
        roles = {"perception": "perception", "reasoning": "reasoning", "focus": "focus_llm"}
        named = {role: str(spec.arguments[name]) for role, name in roles.items() if spec.arguments.get(name)}
    here = [role for role, name in named.items() if not name.startswith(OPENAI) and name != TRUTH]
    numbers = _read_numbers(spread.replicas, here)
    options = {
        "ray": spread.ray or "auto",
        "gpus_per_replica": spread.gpus_per_replica,
        "cpus_per_replica": spread.cpus_per_replica,
    }
    given = {name: str(value) for name, value in options.items() if value is not None}
    arguments = {
        f"{role}_{name}" if spec.kind == "decoupled" else name: value
        for role, number in numbers.items()
        for name, value in {"replicas": number, **given}.items()
    }
    return replace(spec, arguments={**spec.arguments, **arguments})


def _read_numbers(text: str, roles: Sequence[str]) -> dict[str, str]:
    """How many replicas each role gets."""
    if not roles:
        raise UserError("--replicas: every model is served elsewhere; replicas are for models that run here")
    if "=" not in text:
        return dict.fromkeys(roles, str(read_count("--replicas", text)))
    numbers = {}
    for part in text.split(","):
        role, _, number = (piece.strip() for piece in part.partition("="))
        if role not in roles:
            raise UserError(
                f"--replicas {text!r}: no model that runs here is called {role!r}; there are {', '.join(roles)}"
            )
        numbers[role] = str(read_count(f"--replicas {role}", number))
    return numbers


def parse_model(text: str) -> ModelSpec:
    """Read `MODEL[,key=value…]`, `decoupled:perception=…,reasoning=…`, `scripted:RULE` or `lmms:NAME[,key=value…]`.

    MODEL is a shipped checkpoint's name, a folder, a GGUF file or a hub id. `SYSTEM[,key=value…]` stands for
    a system's own string, with its arguments replaced or added to. Raises UserError in one line for
    anything else, and for a system whose folders aren't there.
    """
    text = text.strip()
    if text.endswith(","):
        raise UserError(f"model {text!r} ends in a comma; write key=value after it or leave it out")
    system, _, changes = text.partition(",")
    if system in list_systems():
        return _parse_system(system, _read_arguments(changes, text))
    if text.startswith("decoupled:"):
        arguments = _read_arguments(text.removeprefix("decoupled:"), text)
        missing = [name for name in ("perception", "reasoning") if not arguments.get(name)]
        if missing:
            raise UserError(
                f"model {text!r} lacks {missing[0]}=MODEL; write decoupled:perception=MODEL,reasoning=MODEL"
            )
        return ModelSpec("decoupled", text, arguments)
    if text.startswith("scripted:"):
        rule, _, rest = text.removeprefix("scripted:").partition(",")
        return ModelSpec("scripted", rule, _read_arguments(rest, text))
    foreign = text.startswith("lmms:")
    name, _, rest = text.removeprefix("lmms:").partition(",")
    if not name:
        raise UserError(f"model {text!r} names no model; `sightscale models` lists those that ship")
    return ModelSpec("lmms" if foreign else "end-to-end", name, _read_arguments(rest, text))


def _parse_system(name: str, changes: dict[str, str | bool]) -> ModelSpec:
    """A system's own model string with some of its arguments changed; its folders must be there."""
    spec = parse_model(list_systems()[name].model_string)
    spec = replace(spec, arguments=spec.arguments | changes)
    named = [spec.name, *(value for value in spec.arguments.values() if isinstance(value, str))]
    for folder in named:
        if folder.startswith(f"{models_folder()}/") and not Path(folder).is_dir():
            raise UserError(
                f"model {name!r} needs the folder {folder}, which isn't there: `sightscale models show {name}` "
                "tells how to make it"
            )
    return spec


def check_model(spec: ModelSpec) -> None:
    """Raise UserError for a model that can't be loaded here, as far as that is known before any time is spent on it."""
    roles = [spec.arguments.get(role) for role in ("perception", "reasoning", "focus_llm")]
    named = {"end-to-end": (spec.name,), "decoupled": tuple(name for name in roles if isinstance(name, str))}
    for name in named.get(spec.kind, ()):
        check_engine(name)


def open_model(spec: ModelSpec, *, batch_size: int, seed: int, store: str) -> lmms:
    """Load what a model string stands for. Raises UserError in one line when it can't be loaded."""
    from sightscale.model_adapters.decoupled import Decoupled
    from sightscale.model_adapters.end_to_end import EndToEnd
    from sightscale.model_adapters.scripted import Scripted

    ours: dict[str, Any] = {"batch_size": batch_size, "seed": seed, "store": store, **spec.arguments}
    try:
        if spec.kind == "end-to-end":
            return EndToEnd(spec.name, **ours)
        if spec.kind == "decoupled":
            return Decoupled(**ours)
        if spec.kind == "scripted":
            return Scripted(spec.name, **ours)
        return _open_foreign(spec, batch_size)
    except TypeError as error:
        if "unexpected keyword argument" in str(error):
            raise UserError(f"model {spec.name!r}: {str(error).split('__init__() ', 1)[-1]}") from error
        raise


def _open_foreign(spec: ModelSpec, batch_size: int) -> lmms:
    from lmms_eval.models import get_model, list_available_models

    if spec.name not in list_available_models(include_aliases=True):
        raise UserError(f"lmms-eval has no model {spec.name!r}; `lmms-eval models` lists what it has")
    arguments = ",".join(f"{key}={value}" for key, value in spec.arguments.items())
    try:
        return get_model(spec.name).create_from_arg_string(arguments, {"batch_size": batch_size})
    except Exception as error:  # any fault of a model that isn't ours is a reason to report, in one line
        raise UserError(
            f"lmms-eval's model {spec.name!r} can't be loaded: {type(error).__name__}: {first_line(error)}"
        ) from error


def _read_arguments(text: str, whole: str) -> dict[str, str | bool]:
    arguments: dict[str, str | bool] = {}
    for part in text.split(",") if text.strip() else []:
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if not (equals and key and value):
            raise UserError(f"model {whole!r}: {part.strip()!r} is not key=value")
        if key in arguments:
            raise UserError(f"model {whole!r}: {key} is given twice")
        arguments[key] = value.lower() == "true" if value.lower() in ("true", "false") else value
    return arguments
