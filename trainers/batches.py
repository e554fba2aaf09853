"""Batches: conversations as padded tensors, with the loss on the assistant's tokens only."""

from collections.abc import Sequence

import torch
from transformers import LlavaProcessor

from sightscale.trainers.conversations import Conversation
from sightscale.trainers.pictures import open_picture

IGNORED = -100  # the label of a token without loss, as torch's cross entropy has it


def collate(conversations: Sequence[Conversation], processor: LlavaProcessor) -> dict[str, torch.Tensor]:
    """`input_ids`, `attention_mask`, `labels` (batch × tokens, padded on the right) and `pixel_values`.

    Raises ValueError when the chat template marks no assistant token, since nothing would be learned.
    """
    tokenizer = processor.tokenizer
    size = processor.image_processor.size["height"]
    picture = processor.image_token * (size // processor.patch_size) ** 2
    rows, masks = [], []
    for conversation in conversations:
        messages = []
        for number, (asked, answered) in enumerate(conversation.turns):
            asked = f"{picture}\n{asked}" if number == 0 else asked
            messages += [{"role": "user", "content": asked}, {"role": "assistant", "content": answered}]
        encoded = tokenizer.apply_chat_template(
            messages, tokenize=True, return_dict=True, return_assistant_tokens_mask=True
        )
        if not any(encoded["assistant_masks"]):
            raise ValueError("the chat template marks no assistant tokens ({% generation %}), so there is no loss")
        rows.append(encoded["input_ids"])
        masks.append(encoded["assistant_masks"])
    width = max(len(row) for row in rows)
    input_ids = torch.full((len(rows), width), tokenizer.pad_token_id)
    labels = torch.full((len(rows), width), IGNORED)
    attention = torch.zeros((len(rows), width), dtype=torch.long)
    for i, (row, mask) in enumerate(zip(rows, masks, strict=True)):
        tokens = torch.tensor(row)
        input_ids[i, : len(row)] = tokens
        attention[i, : len(row)] = 1
        labels[i, : len(row)] = torch.where(torch.tensor(mask).bool(), tokens, IGNORED)
    images = [open_picture(conversation.image, conversation.change) for conversation in conversations]
    pixels = processor.image_processor(images, return_tensors="pt")["pixel_values"]
    return {"input_ids": input_ids, "attention_mask": attention, "labels": labels, "pixel_values": pixels}
