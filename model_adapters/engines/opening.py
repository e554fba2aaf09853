"""Loading: the engine behind a model's name, with a store in front of it if one is given."""

import re
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sightscale.model_adapters.arguments import read_count, read_flag, read_share
from sightscale.model_adapters.checkpoints import find_checkpoint
from sightscale.model_adapters.engines import Engine
from sightscale.model_adapters.engines.store import StoredEngine, open_store
from sightscale.tasks.errors import UserError

VLLM, OPENAI = "vllm:", "openai:"
POOLED = ("replicas", "ray", "cpus_per_replica", "gpus_per_replica")  # where engines run, which changes no answer
_SERVED = re.compile(r"(?P<model>.+)@(?P<url>https?://\S+)")


def open_engine(
    model: str,
    *,
    store: str | None = None,
    batch_size: int | str = 32,
    dtype: str = "auto",
    device: str | None = None,
    revision: str | None = None,
    trust_remote_code: bool | str = False,
    allow_unused_weights: bool | str = False,
    chat_template: str | None = None,
    adapter: str | None = None,
    replicas: int | str = 1,
    ray: str = "",
    cpus_per_replica: float | str = 1,
    gpus_per_replica: float | str | None = None,
    **engine_arguments: Any,
) -> Engine:
    """The engine for a model string, each opened as its prefix says.

    `vllm:MODEL` runs in vLLM, which gets `engine_arguments` (tensor_parallel_size, max_model_len, …);
    `openai:MODEL@http://host:port/v1` is asked of a server, with `batch_size` requests under way at a
    time and `engine_arguments` timeout and tries; anything else is a model for transformers, the only
    engine that heeds `device` and `chat_template`, a file with the template to ask by or a family's name. `adapter` is
    a LoRA folder, for either of the two. With `replicas`, or a `ray` (`local`, `auto` or an address), as many engines
    run on Ray, each with its share of CPUs and GPUs (one GPU, where the cluster has any). MODEL is a shipped
    checkpoint's name, a folder, a GGUF file or a hub id.

    Raises UserError in one line when the model, the server or the store can't be opened.
    """
    at_once = read_count("batch_size", batch_size)
    trusts = read_flag("trust_remote_code", trust_remote_code)
    allows = read_flag("allow_unused_weights", allow_unused_weights)
    finished = open_store(Path(store)) if store else None
    engine: Engine
    number = read_count("replicas", replicas)
    if adapter is not None and model.startswith(OPENAI):
        raise UserError(f"model {model!r}: its engine has no argument 'adapter'; start the server with it")
    if chat_template is not None and model.startswith((VLLM, OPENAI)):
        raise UserError(
            f"model {model!r}: its engine has no argument 'chat_template'; save the template as chat_template.jinja "
            "among the model's files, or start the server with it"
        )
    if number > 1 or ray:
        from sightscale.model_adapters.engines.ray_pool import AUTO, RayPool, Replicas

        if model.startswith(OPENAI):
            raise UserError(f"model {model!r} is served elsewhere; replicas are for models that run here")
        own = {"batch_size": at_once, "dtype": dtype, "device": device, "revision": revision, **engine_arguments}
        own |= {
            "trust_remote_code": trusts,
            "allow_unused_weights": allows,
            "chat_template": chat_template,
            "adapter": adapter,
        }
        cpus = read_share("cpus_per_replica", cpus_per_replica)
        gpus = None if gpus_per_replica is None else read_share("gpus_per_replica", gpus_per_replica)
        engine = RayPool(partial(open_engine, model, **own), Replicas(number, cpus, gpus, ray or AUTO, at_once))
        return StoredEngine(engine, finished) if finished is not None else engine
    if model.startswith(OPENAI):
        from sightscale.model_adapters.engines.openai_engine import OpenAIEngine

        name, url = split_served(model, engine_arguments.pop("base_url", None))
        _refuse_others(model, engine_arguments, {"timeout", "tries", "max_tokens_field", "send_temperature"})
        engine = OpenAIEngine(name, url, concurrency=at_once, **engine_arguments)
    elif model.startswith(VLLM):
        from sightscale.model_adapters.engines.vllm_engine import VllmEngine

        engine = VllmEngine(
            find_checkpoint(model.removeprefix(VLLM)),
            dtype=dtype,
            revision=revision,
            trust_remote_code=trusts,
            allow_unused_weights=allows,
            adapter=adapter,
            **engine_arguments,
        )
    else:
        from sightscale.model_adapters.engines.transformers_engine import TransformersEngine

        _refuse_others(model, engine_arguments, set())
        engine = TransformersEngine(
            find_checkpoint(model),
            batch_size=at_once,
            dtype=dtype,
            device=device,
            revision=revision,
            trust_remote_code=trusts,
            allow_unused_weights=allows,
            chat_template=chat_template,
            adapter=adapter,
        )
    return StoredEngine(engine, finished) if finished is not None else engine


def check_engine(model: str) -> None:
    """Raise UserError for a model string whose engine can't run here, as far as that is known without loading it."""
    if model.startswith(OPENAI):
        return
    if model.startswith(VLLM) and find_spec("vllm") is None:
        raise UserError(f"model {model!r} asks for vLLM, which isn't installed: pip install 'sightscale[vllm]'")
    path = Path(model.removeprefix(VLLM)).expanduser()
    if (path.is_absolute() or model.removeprefix(VLLM).startswith((".", "~"))) and not path.exists():
        raise UserError(f"model {model!r}: there is no such folder or file")


def split_served(model: str, base_url: Any = None) -> tuple[str, str]:
    """The model's name and its server's address, from `openai:MODEL@URL` or `openai:MODEL` with a `base_url`.

    Raises UserError when there is no address, or there are two.
    """
    named = _SERVED.fullmatch(model.removeprefix(OPENAI))
    if named and base_url is None:
        return named["model"], named["url"]
    if named or not base_url or model == OPENAI:
        raise UserError(
            f"model {model!r} must look like {OPENAI}MODEL@http://host:port/v1, or {OPENAI}MODEL,base_url=URL"
        )
    return model.removeprefix(OPENAI), str(base_url)


def _refuse_others(model: str, given: dict[str, Any], known: set[str]) -> None:
    """Raise UserError in one line for an argument that the engine doesn't have."""
    unknown = sorted(set(given) - known)
    if unknown:
        raise UserError(f"model {model!r}: its engine has no argument {unknown[0]!r}")
