"""What lmms-eval's entry point finds: model names and class paths, and nothing heavy imported.

lmms-eval drops every plugin's models when one entry point fails to import, so this module imports
its registry alone.
"""

from lmms_eval.models.registry_v2 import ModelManifest

MANIFESTS = [
    ModelManifest(model_id="sightscale", chat_class_path="sightscale.model_adapters.end_to_end.EndToEnd"),
    ModelManifest(model_id="decoupled", chat_class_path="sightscale.model_adapters.decoupled.Decoupled"),
    ModelManifest(model_id="blindfold", chat_class_path="sightscale.model_adapters.blindfold.Blindfold"),
]
