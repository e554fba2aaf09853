"""What is peculiar to an architecture where transformers' classes differ from each other, and how it is asked here.

Every function says what holds of all others too, so that an engine calls it for each model alike.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor
from transformers import GenerationMixin

# Without a picture these fail deep in their code, or answer a broken prompt.
NEEDS_PICTURE = ("blip", "blip-2", "fuyu", "got_ocr2", "instructblip", "kosmos-2", "paligemma", "pix2struct")
REFUSED = {
    "udop": "it gets a page's words from OCR, so its answers don't come from looking alone; choose a model that reads "
    "pictures itself"
}
FONTS, FONT = "ybelkada/fonts", "Arial.TTF"  # where Pix2Struct's processor has its font from


def refuse_architecture(config: Any) -> None:
    """Raise ValueError for an architecture whose answers don't show whether it looks."""
    if reason := REFUSED.get(config.model_type):
        raise ValueError(f"{config.model_type} can't be measured: {reason}")


def refuse_processor(processor: Any) -> None:
    """Raise ValueError for a processor that doesn't pass the question to its model, or can't here.

    Pix2Struct's draws the question over the picture, in a font that it fetches from the hub.
    """
    if not hasattr(getattr(processor, "image_processor", None), "render_header"):
        return
    if not processor.image_processor.is_vqa:
        raise ValueError(
            "it writes captions and takes no questions (is_vqa is false): choose a checkpoint tuned on questions, such "
            "as google/pix2struct-docvqa-base"
        )
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError

    try:
        hf_hub_download(FONTS, FONT)
    except (OSError, HfHubHTTPError) as error:
        raise ValueError(
            f"it draws the question over the picture in {FONT} of the hub's {FONTS}, which can't be had here: "
            f"`hf download {FONTS} {FONT}` where there is a network, or copy the hub's cache"
        ) from error


def answers_questions(config: Any) -> bool:
    """Whether this is a BLIP with a decoder of its own for answers, which transformers opens as one for captions."""
    return config.model_type == "blip" and "BlipForQuestionAnswering" in (config.architectures or ())


def correct_tokens(config: Any, tokens: Mapping[str, Any]) -> dict[str, Any]:
    """The ids of the tokens that begin, end and pad a text; BLIP's configuration names other ones than it uses."""
    if config.model_type != "blip":
        return dict(tokens)
    text = config.text_config
    return {**tokens, "eos_token_id": text.sep_token_id, "bos_token_id": text.bos_token_id}


def writes_apart(model: Any) -> bool:
    """Whether the answer has a decoder to itself, so that the prompt isn't written before it."""
    return bool(model.config.is_encoder_decoder) or asks_alone(model)


def asks_alone(model: Any) -> bool:
    """Whether rows of several lengths can't share a batch: BLIP's decoder of answers attends to padding."""
    return model.config.model_type == "blip" and hasattr(model, "text_encoder")


def fit_inputs(model: Any, tokenizer: Any, inputs: Mapping[str, Any], texts: list[str]) -> dict[str, Tensor]:
    """What a processor made of the prompts `texts`, as its model needs it to go on from there.

    An end that a tokenizer puts behind every text, as BERT's does, is dropped where the answer follows the prompt: the
    model would take the prompt for finished. BLIP's decoder knows its own beginning of a text alone.
    """
    inputs = dict(inputs)
    if isinstance(tiles := inputs.get("pixel_values"), list):  # of pictures, each with as many as it takes
        inputs["pixel_values"] = torch.cat(tiles)[None]
    if "flattened_patches" in inputs:  # its mask has fractions, which a small number type would miscount
        inputs["attention_mask"] = inputs["attention_mask"].long()
    ids = inputs.get("input_ids")
    if ids is None or writes_apart(model):
        return inputs
    ends = {token: getattr(tokenizer, f"{token}_token_id", None) for token in ("eos", "sep")}
    added = next((token for token, number in ends.items() if number is not None and (ids[:, -1] == number).all()), None)
    if added and not any(text.rstrip().endswith(getattr(tokenizer, f"{added}_token")) for text in texts):
        inputs = {name: rows[:, :-1] if rows.shape[:2] == ids.shape else rows for name, rows in inputs.items()}
    if model.config.model_type == "blip":
        ids = inputs["input_ids"].clone()
        first = inputs["attention_mask"].argmax(-1)  # rows are padded on the left
        ids[torch.arange(len(ids)), first] = model.config.text_config.bos_token_id
        inputs["input_ids"] = ids
    return inputs


def find_head(model: Any) -> Any:
    """The layer that the model's logits come from, which BLIP's decoder alone names; None where it can't be found."""
    return model.get_output_embeddings() or getattr(model, "text_decoder", model).get_output_embeddings()


def find_opening(model: Any, tokenizer: Any) -> tuple[int, ...]:
    """What a decoder apart from the prompt has before an answer's first word, where that is more than its start token.

    BART's and Florence-2's begin with the token that ends a text and write the one that begins it.
    """
    start = model.generation_config.decoder_start_token_id
    if start is None or model.config.model_type == "blip":  # whose start stands in that token's place
        return ()
    words, whole = (tokenizer("a", add_special_tokens=special)["input_ids"] for special in (False, True))
    before = whole[: whole.index(words[0])] if words and words[0] in whole else []
    added = tuple(token for token in before if token != start)
    return (start, *added) if added else ()


def find_generate(model: Any) -> Callable[..., Tensor]:
    """The model's way of writing, which heeds what steers it and returns the prompt's tokens before the answer's."""
    if model.config.model_type == "janus":  # its own, which can draw too, drops what steers its text
        return cast(Callable[..., Tensor], partial(GenerationMixin.generate, model))
    if model.config.model_type == "blip":
        return partial(_generate_blip, model)
    generate: Callable[..., Tensor] = model.generate
    return generate


def _generate_blip(
    model: Any, *, pixel_values: Tensor, input_ids: Tensor, attention_mask: Tensor, **options: Any
) -> Tensor:
    """BLIP's own `generate`, which takes no padding token and returns captions without the prompt's last token.

    That for captions writes the beginning over a row's first token, which may be padding. Alone a prompt is answered
    alike by both.
    """
    text = model.config.text_config
    seen = model.vision_model(pixel_values=pixel_values).last_hidden_state
    watched = torch.ones(seen.shape[:2], dtype=torch.long, device=seen.device)
    prompt: dict[str, Tensor] = {"input_ids": input_ids, "attention_mask": attention_mask}
    if writes_apart(model):
        seen = model.text_encoder(**prompt, encoder_hidden_states=seen, encoder_attention_mask=watched)
        seen, watched = seen.last_hidden_state, attention_mask
        prompt = {"input_ids": torch.full_like(input_ids[:, :1], text.bos_token_id)}
    written: Tensor = model.text_decoder.generate(
        **prompt,
        encoder_hidden_states=seen,
        encoder_attention_mask=watched,
        eos_token_id=text.sep_token_id,
        **options,
    )
    return written
