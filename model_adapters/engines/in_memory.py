"""An engine around a model that is in memory already, as one that is being trained.

While it answers, the model is as in an evaluation; afterwards it is in every way as before: each module's mode, its
generation settings, and the state of the random numbers, so that a training goes on as if nobody had asked.
"""

import copy
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from sightscale.model_adapters.engines import Completions, Decoding, Key, Likelihoods, OnScored, Prompt, Prompts
from sightscale.model_adapters.engines.architectures import correct_tokens
from sightscale.model_adapters.engines.chat_templates import settle_template
from sightscale.model_adapters.engines.loading import TOKENS, WritingHabits, sees_pictures
from sightscale.model_adapters.engines.transformers_engine import TransformersEngine
from sightscale.tasks.errors import UserError


class InMemoryEngine(TransformersEngine):
    """Answers with a model and its processor, neither of which it changes."""

    # Not in inference mode: a tensor that a module keeps from there can't take part in training.
    no_gradients = torch.no_grad

    def __init__(self, model: Any, processor: Any, batch_size: int = 32) -> None:
        """`processor` is a language model's tokenizer where the model reads text only.

        Raises UserError where there is no chat template to ask a question by.
        """
        self.batch_size = batch_size
        self.device = next(model.parameters()).device
        kind = model.config.model_type
        self.sees = sees_pictures(kind)
        self._model = model
        self._processor = copy.deepcopy(processor)
        self._prepare_texts()
        if not getattr(self._processor, "chat_template", None) and not self._tokenizer.chat_template:
            raise UserError("the processor has no chat template, so the model can't be asked a question")
        self._template_origin = settle_template(self._processor, self._tokenizer, None, name=kind, model_type=kind)
        stated = model.generation_config
        tokens = correct_tokens(model.config, {name: getattr(stated, name) for name in TOKENS})
        tokens["eos_token_id"] = (
            self._tokenizer.eos_token_id if tokens["eos_token_id"] is None else tokens["eos_token_id"]
        )
        self._repetition_penalty = stated.repetition_penalty or 1.0
        self._habits = WritingHabits(tokens)
        self.weights = None
        self.identity = f"{kind} in memory|transformers|{str(model.dtype).removeprefix('torch.')}"
        self.parameters = model.num_parameters()

    def stream(self, prompts: Prompts[Key], decoding: Decoding) -> Completions[Key]:
        """Each prompt's completion under its key; the model is left as it was."""
        with undisturbed(self._model):
            self._model.generation_config = self._habits.configure()
            yield from super().stream(prompts, decoding)

    def score(
        self, prompts: Sequence[Prompt], continuations: Sequence[Sequence[str]], on_scored: OnScored | None = None
    ) -> list[Likelihoods]:
        """The likelihoods of each prompt's continuations, in order; the model is left as it was."""
        with undisturbed(self._model):
            self._model.generation_config = self._habits.configure()
            return super().score(prompts, continuations, on_scored)

    def close(self) -> None:
        """Nothing: the model isn't ours."""


@contextmanager
def undisturbed(model: Any) -> Iterator[None]:
    """Evaluate `model` inside; afterwards its modules, its generation settings and all random numbers are as before."""
    modes = [(module, module.training) for module in model.modules()]
    settings = model.generation_config
    states = torch.get_rng_state(), torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    others = random.getstate(), np.random.get_state()
    model.eval()
    try:
        yield
    finally:
        model.generation_config = settings
        for module, training in modes:
            module.training = training
        torch.set_rng_state(states[0])
        if states[1]:
            torch.cuda.set_rng_state_all(states[1])
        random.setstate(others[0])
        np.random.set_state(others[1])
