"""What lmms-eval's entry point finds: model names and class paths, and nothing heavy imported.

lmms-eval drops every plugin's models when one entry point fails to import, so this module imports
nothing itself: not even lmms-eval's registry, whose import reads the entry points in turn.
"""

from typing import Any

SIMPLE = {"sightscale": "sightscale.model_adapters.simple.SimpleEndToEnd"}  # with lmms-eval's --force_simple
CLASSES = {
    "sightscale": "sightscale.model_adapters.end_to_end.EndToEnd",
    "decoupled": "sightscale.model_adapters.decoupled.adapter.Decoupled",
    "blindfold": "sightscale.model_adapters.blindfold.adapter.Blindfold",
}


def list_manifests() -> list[Any]:
    """The manifest of each model that sightscale adds to lmms-eval."""
    from lmms_eval.models.registry_v2 import ModelManifest

    return [
        ModelManifest(model_id=name, chat_class_path=path, simple_class_path=SIMPLE.get(name))
        for name, path in CLASSES.items()
    ]
