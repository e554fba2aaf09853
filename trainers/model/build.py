"""Building a VLM from a recipe: tokenizer, processor and model, from pretrained parts or from scratch.

The architecture is LLaVA's (SigLIP tower, two-layer MLP connector, Qwen3 language model) in
transformers' own classes, so what is trained here loads in transformers and in vLLM as it is:
`Llava` for a single view of each picture, `LlavaOnevision` for AnyRes grids of views.
"""

import re
from collections.abc import Callable, Sequence
from math import ceil
from typing import Any

import torch
from PIL import Image
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers as tokenizer_trainers
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaOnevisionConfig,
    LlavaOnevisionForConditionalGeneration,
    LlavaOnevisionImageProcessorPil,
    LlavaOnevisionProcessor,
    LlavaProcessor,
    PreTrainedTokenizerFast,
    Qwen3Config,
    SiglipImageProcessorPil,
    SiglipVisionConfig,
    SiglipVisionModel,
)
from transformers.utils.import_utils import is_torchvision_available

from sightscale.model_adapters.engines import load_model
from sightscale.tasks.errors import UserError
from sightscale.trainers.recipe import Language, Recipe, Vision

PAD, START, END, IMAGE, VIDEO = "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<image>", "<video>"
SPECIAL = (PAD, START, END, IMAGE)

# ChatML as Qwen3 writes it; the generation marks tell the trainer which tokens are the assistant's.
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\n' }}"
    "{% if message['role'] == 'assistant' %}{% generation %}"
    "{% if message['content'] is string %}{{ message['content'] }}"
    "{% else %}{% for part in message['content'] %}{{ part['text'] }}{% endfor %}{% endif %}"
    "{{ '<|im_end|>' }}{% endgeneration %}{{ '\n' }}"
    "{% else %}"
    "{% if message['content'] is string %}{{ message['content'] }}"
    "{% else %}{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}{{ '<image>\n' }}{% else %}{{ part['text'] }}{% endif %}"
    "{% endfor %}{% endif %}"
    "{{ '<|im_end|>\n' }}"
    "{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def build_tokenizer(texts: list[str], vocabulary: int, phrases: Sequence[str] = ()) -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer trained on `texts`; any string can be written with it.

    Each of `phrases` is one token wherever it stands; with them, other digits are a token each too. Raises UserError
    where the vocabulary has no room for them and for every byte.
    """
    least = len(phrases) + len(SPECIAL) + len(pre_tokenizers.ByteLevel.alphabet())
    if vocabulary < least:
        raise UserError(f"a vocabulary of {vocabulary} has no room for every byte and {len(phrases)} prompts: {least}")
    tokenizer = Tokenizer(models.BPE())
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False)
    digits = pre_tokenizers.Digits(individual_digits=True)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([digits, byte_level]) if phrases else byte_level
    tokenizer.decoder = decoders.ByteLevel()
    trainer = tokenizer_trainers.BpeTrainer(
        vocab_size=vocabulary - len(phrases),
        special_tokens=list(SPECIAL),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    if phrases:  # the tokens left are for the other words
        phrase = re.compile("|".join(map(re.escape, sorted(phrases, key=len, reverse=True))))
        texts = [part for text in texts for part in phrase.split(text) if part]
    tokenizer.train_from_iterator([*texts, "user\n", "assistant\n"], trainer)
    tokenizer.add_tokens([AddedToken(phrase, normalized=False) for phrase in phrases])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        eos_token=END,
        extra_special_tokens={"image_token": IMAGE},
        chat_template=CHAT_TEMPLATE,
        padding_side="left",
    )


def build_processor(recipe: Recipe, tokenizer: Any) -> LlavaProcessor | LlavaOnevisionProcessor:
    """The processor: each view of a picture becomes (image_size / patch_size)² image tokens."""
    size = {"height": recipe.vision.image_size, "width": recipe.vision.image_size}
    if recipe.pictures.view == "single":
        return LlavaProcessor(
            image_processor=SiglipImageProcessorPil(size=size),
            tokenizer=tokenizer,
            patch_size=recipe.vision.patch_size,
            vision_feature_select_strategy="full",
            chat_template=tokenizer.chat_template,
            image_token=IMAGE,
            num_additional_image_tokens=0,
        )
    options: dict[str, Any] = {}
    if is_torchvision_available():
        from transformers import LlavaOnevisionVideoProcessor

        options["video_processor"] = LlavaOnevisionVideoProcessor(size=size)
    return (LlavaOnevisionProcessor if options else _PictureProcessor)(
        image_processor=LlavaOnevisionImageProcessorPil(
            size=size,
            image_grid_pinpoints=_pinpoints(recipe),
            resample=Image.Resampling.BILINEAR,
            image_mean=[0.5] * 3,
            image_std=[0.5] * 3,  # SigLIP's, not the class's own, which are CLIP's
        ),
        tokenizer=tokenizer,
        num_image_tokens=_tokens_of_a_view(recipe),
        vision_feature_select_strategy="full",
        vision_aspect_ratio=f"anyres_max_{recipe.pictures.max_views}",
        chat_template=tokenizer.chat_template,
        image_token=IMAGE,
        video_token=VIDEO,
        **options,
    )


class _PictureProcessor(LlavaOnevisionProcessor):
    """LLaVA-OneVision's processor without its half for videos, which needs torchvision."""

    def __init__(
        self,
        image_processor: Any = None,
        tokenizer: Any = None,
        num_image_tokens: int | None = None,
        vision_feature_select_strategy: str | None = None,
        chat_template: str | None = None,
        image_token: str = IMAGE,
        video_token: str = VIDEO,
        vision_aspect_ratio: str = "anyres_max_9",
    ) -> None:
        # transformers reads from these parameters which parts a processor has.
        super().__init__(  # type: ignore[no-untyped-call]
            image_processor,
            tokenizer,
            None,
            num_image_tokens,
            vision_feature_select_strategy,
            chat_template,
            image_token,
            video_token,
            vision_aspect_ratio,
        )


_PictureProcessor.__name__ = LlavaOnevisionProcessor.__name__  # what a saved checkpoint is to be opened with


def build_model(recipe: Recipe, tokenizer: Any) -> Any:
    """The model: pretrained parts where the recipe names them, the rest drawn from its seed.

    Raises UserError when a pretrained part isn't of the sizes that the recipe states.
    """
    vision, language = _vision_config(recipe.vision), _language_config(recipe.language, tokenizer)
    shared: dict[str, Any] = {
        "vision_config": vision,
        "text_config": language,
        "image_token_index": tokenizer.convert_tokens_to_ids(IMAGE),
        "vision_feature_select_strategy": "full",
        "vision_feature_layer": -1,
        "projector_hidden_act": "gelu",
        "tie_word_embeddings": recipe.language.tied,
    }
    torch.manual_seed(recipe.seed)
    if recipe.pictures.view == "single":
        model: Any = LlavaForConditionalGeneration(LlavaConfig(image_seq_length=_tokens_of_a_view(recipe), **shared))
    else:
        model = LlavaOnevisionForConditionalGeneration(
            LlavaOnevisionConfig(
                video_token_index=tokenizer.convert_tokens_to_ids(VIDEO),
                image_grid_pinpoints=_pinpoints(recipe),
                vision_aspect_ratio=f"anyres_max_{recipe.pictures.max_views}",
                **shared,
            )
        )
    if recipe.vision.pretrained:
        # A whole SigLIP also holds a text tower, for which there is no place here.
        tower = load_model(
            SiglipVisionModel, recipe.vision.pretrained, allow_unused_weights=True, config=vision, dtype=torch.float32
        )
        model.model.vision_tower.load_state_dict(_fitting(tower, model.model.vision_tower, recipe.vision.pretrained))
    if recipe.language.pretrained:
        reader = load_model(AutoModelForCausalLM, recipe.language.pretrained, dtype=torch.float32)
        reader.resize_token_embeddings(language.vocab_size)
        model.model.language_model.load_state_dict(
            _fitting(reader.model, model.model.language_model, recipe.language.pretrained)
        )
        if not recipe.language.tied:
            model.lm_head.load_state_dict(reader.lm_head.state_dict())
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    return model


def open_tokenizer(recipe: Recipe, texts: Callable[[], list[str]], phrases: Sequence[str] = ()) -> Any:
    """The pretrained language model's tokenizer with a token for pictures, or one trained on `texts`.

    Where the recipe says so, each of `phrases` is a token of its own.
    """
    if not recipe.language.pretrained:
        chosen = phrases if recipe.language.prompts_as_tokens else ()
        return build_tokenizer(texts(), recipe.language.vocabulary, chosen)
    tokenizer = AutoTokenizer.from_pretrained(recipe.language.pretrained)
    tokenizer.add_special_tokens({"additional_special_tokens": [IMAGE, VIDEO]}, replace_extra_special_tokens=False)
    tokenizer.chat_template = CHAT_TEMPLATE
    tokenizer.padding_side = "left"
    return tokenizer


def _fitting(loaded: Any, wanted: Any, name: str) -> dict[str, torch.Tensor]:
    """The loaded part's weights, all of those wanted and of their shapes; dropped layers are left behind."""
    state, shapes = loaded.state_dict(), {key: value.shape for key, value in wanted.state_dict().items()}
    wrong = [key for key, shape in shapes.items() if key not in state or state[key].shape != shape]
    if wrong:
        raise UserError(f"{name} isn't of the sizes that the recipe states: {wrong[0]} differs, of {len(wrong)}")
    return {key: state[key] for key in shapes}


def _vision_config(vision: Vision) -> SiglipVisionConfig:
    headless: dict[str, Any] = {"vision_use_head": False}  # a pooling head that LLaVA doesn't use
    return SiglipVisionConfig(
        hidden_size=vision.hidden_size,
        intermediate_size=vision.intermediate_size,
        num_hidden_layers=vision.layers,
        num_attention_heads=vision.heads,
        image_size=vision.image_size,
        patch_size=vision.patch_size,
        **headless,
    )


def _language_config(language: Language, tokenizer: Any) -> Any:
    rows = ceil(len(tokenizer) / 64) * 64 if language.pretrained else len(tokenizer)
    if language.pretrained:
        config = AutoConfig.from_pretrained(language.pretrained)
        stated = (language.hidden_size, language.layers, language.heads, language.key_value_heads)
        tokens = (
            config.hidden_size,
            config.num_hidden_layers,
            config.num_attention_heads,
            config.num_key_value_heads,
        )
        if stated != tokens:
            raise UserError(
                f"{language.pretrained} has hidden size, layers, heads, key-value heads {tokens}; the recipe "
                f"states {stated}"
            )
        config.vocab_size = max(rows, config.vocab_size)
        return config
    return Qwen3Config(
        vocab_size=rows,
        hidden_size=language.hidden_size,
        intermediate_size=language.intermediate_size,
        num_hidden_layers=language.layers,
        num_attention_heads=language.heads,
        num_key_value_heads=language.key_value_heads,
        head_dim=language.head_size,
        max_position_embeddings=language.context,
        tie_word_embeddings=language.tied,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )


def _tokens_of_a_view(recipe: Recipe) -> int:
    return (recipe.vision.image_size // recipe.vision.patch_size) ** 2


def _pinpoints(recipe: Recipe) -> list[list[int]]:
    """Every grid of views up to the largest, as heights and widths in pixels."""
    side, (rows, columns) = recipe.vision.image_size, recipe.pictures.grid
    return [[side * r, side * c] for r in range(1, rows + 1) for c in range(1, columns + 1)]
