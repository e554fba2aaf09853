"""Loading: the engine behind a model's name, with a store in front of it if one is given."""

from pathlib import Path

from sightscale.model_adapters.checkpoints import find_checkpoint
from sightscale.model_adapters.engines import Engine
from sightscale.model_adapters.store import Store, StoredEngine


def open_engine(
    model: str,
    *,
    store: str | None = None,
    batch_size: int | str = 32,
    dtype: str = "auto",
    device: str | None = None,
    revision: str | None = None,
    trust_remote_code: bool = False,
) -> Engine:
    """The engine for a shipped checkpoint's name, a folder, a GGUF file or a hub id.

    Raises ValueError in one line when the model or the store can't be opened.
    """
    from sightscale.model_adapters.engines.transformers import TransformersEngine

    kept = Store(Path(store)) if store else None
    engine = TransformersEngine(
        find_checkpoint(model),
        batch_size=int(batch_size),
        dtype=dtype,
        device=device,
        revision=revision,
        trust_remote_code=trust_remote_code,
    )
    return StoredEngine(engine, kept) if kept is not None else engine
