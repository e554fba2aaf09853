"""Seeded sampling that doesn't depend on the batch a prompt happens to be in.

Adding Gumbel noise to log-probabilities and taking the largest draws from the distribution they
describe (Gumbel, 1954). Each row's noise comes from its own generator, seeded by the decoding seed
and the prompt's digest, so an interrupted run continued in other batches samples the same tokens, but for what
the model's own arithmetic rounds otherwise in another batch.
"""

from collections.abc import Sequence

import torch
from transformers import LogitsProcessor

from sightscale.model_adapters.engines import Decoding, Prompt, prompt_seed


class SeededSampling(LogitsProcessor):
    """Temperature, top-k, top-p and min-p, then per-row Gumbel noise: greedy search over it samples."""

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
