"""Batches: conversations as padded tensors, with the loss on the assistant's tokens only."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from sightscale.tasks.errors import UserError, first_line
from sightscale.trainers.data.conversations import IGNORED, IMAGE, Conversation, Conversations, Opener
from sightscale.trainers.data.kept_features import KeptFeatures
from sightscale.trainers.data.kept_pictures import ListedPicture

TRIES = 100  # rows in a row whose pictures can't be decoded, after which something else must be wrong


@dataclass(frozen=True)
class Opened:
    """A conversation whose pictures are in memory, or whose pictures' features are kept."""

    conversation: Conversation
    pictures: tuple[Image.Image | ListedPicture, ...]


class OpenedRows:
    """Conversations with their pictures decoded; one that can't be is written down, and the next takes its place."""

    def __init__(self, rows: Conversations, bad_rows: Path, kept: bool = False) -> None:
        """`kept` says that features stand for the pictures of lists, so that these needn't be drawn."""
        self.rows, self.bad_rows, self.kept = rows, bad_rows, kept

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, i: int) -> Opened:
        for step in range(TRIES):
            conversation = self.rows[(i + step) % len(self.rows)]
            try:
                return Opened(conversation, tuple(map(self._open, conversation.pictures)))
            except (OSError, ValueError, Image.DecompressionBombError) as error:
                with self.bad_rows.open("a") as file:
                    file.write(f"{conversation.origin}: a picture can't be decoded: {first_line(error)}\n")
        raise UserError(f"{TRIES} conversations in a row have pictures that can't be decoded; see {self.bad_rows}")

    def _open(self, opener: Opener) -> Image.Image | ListedPicture:
        return opener if self.kept and isinstance(opener, ListedPicture) else opener()


class Collator:
    """Makes batches for one model; counts conversations that were cut to fit its context, and left out."""

    def __init__(
        self, processor: Any, context: int, bad_rows: Path | None = None, kept: KeptFeatures | None = None
    ) -> None:
        """`processor` is a model's processor, or a tokenizer for a model without pictures; `kept` are the features
        that stand for pictures behind a frozen tower."""
        self.processor, self.context, self.bad_rows, self.kept = processor, context, bad_rows, kept
        self.tokenizer = getattr(processor, "tokenizer", processor)
        self.cut = self.left_out = 0

    def __call__(self, rows: Sequence[Opened]) -> dict[str, torch.Tensor]:
        """`input_ids`, `attention_mask`, `labels` (batch × tokens, padded on the right) and the pictures' tensors.

        A conversation whose first question alone fills the context is left out. Raises UserError when
        nothing is left, and when the chat template marks no assistant token, since nothing would be learned.
        """
        pixels, lengths = self._read_pictures(rows)
        encoded = [(row, *self.encode(row.conversation, own)) for row, own in zip(rows, lengths, strict=True)]
        fitting = [(row, ids, mask) for row, ids, mask in encoded if any(mask)]
        self._note(row.conversation.origin for row, _, mask in encoded if not any(mask))
        if not fitting:
            raise UserError(
                f"no conversation of a batch fits the context of {self.context} tokens "
                f"({rows[0].conversation.origin} is one); give the recipe a longer one"
            )
        width = max(len(ids) for _, ids, _ in fitting)
        input_ids = torch.full((len(fitting), width), self.tokenizer.pad_token_id)
        labels = torch.full((len(fitting), width), IGNORED)
        attention = torch.zeros((len(fitting), width), dtype=torch.long)
        for i, (_, ids, mask) in enumerate(fitting):
            tokens = torch.tensor(ids)
            input_ids[i, : len(ids)] = tokens
            attention[i, : len(ids)] = 1
            labels[i, : len(ids)] = torch.where(torch.tensor(mask).bool(), tokens, IGNORED)
        if len(fitting) < len(rows):
            pixels, _ = self._read_pictures([row for row, _, _ in fitting])
        return {"input_ids": input_ids, "attention_mask": attention, "labels": labels, **pixels}

    def measure_longest(self, rows: Conversations, n: int) -> int:
        """The most tokens that one of the first `n` conversations has; every picture counts as the first one does."""
        conversations = [rows[i] for i in range(n)]
        shown = next((row for row in conversations if row.pictures), None)
        of_a_picture = 0
        if shown:
            _, ((of_a_picture, *_),) = self._read_pictures([Opened(shown, (shown.pictures[0](),))])
        return max(
            len(self._tokenise(self._list_messages(row, [of_a_picture] * len(row.pictures)))[0])
            for row in conversations
        )

    def _read_pictures(self, rows: Sequence[Opened]) -> tuple[dict[str, torch.Tensor], list[list[int]]]:
        """The pictures' tensors, and how many tokens the processor makes of each picture of each row."""
        lengths: list[list[int]] = [[] for _ in rows]
        with_pictures = [i for i, row in enumerate(rows) if row.pictures]
        if not with_pictures:
            return {}, lengths
        listed = [picture for i in with_pictures for picture in rows[i].pictures if isinstance(picture, ListedPicture)]
        if self.kept and listed:
            for i in with_pictures:
                lengths[i] = [self.kept.tokens] * len(rows[i].pictures)
            return {"pixel_values": self.kept.find(listed)}, lengths
        places = ["x".join([self.processor.image_token] * len(rows[i].pictures)) for i in with_pictures]
        pictures = [list(rows[i].pictures) for i in with_pictures]
        read = self.processor(text=places, images=pictures, return_tensors="pt", padding=True)
        for i, ids in zip(with_pictures, read["input_ids"].tolist(), strict=True):
            lengths[i] = [len(list(run)) for token, run in groupby(ids) if token == self.processor.image_token_id]
        return {k: v for k, v in read.items() if k not in ("input_ids", "attention_mask", "token_type_ids")}, lengths

    def _note(self, origins: Iterable[str]) -> None:
        for origin in origins:
            self.left_out += 1
            if self.bad_rows:
                with self.bad_rows.open("a") as file:
                    file.write(f"{origin}: the question alone fills the context of {self.context} tokens\n")

    def encode(self, conversation: Conversation, lengths: Sequence[int]) -> tuple[list[int], list[int]]:
        """Token ids and the assistant's mask, of as many whole turns as fit the context."""
        messages = self._list_messages(conversation, lengths)
        fewest = len(messages) - 2 * len(conversation.turns) + 2
        ids, mask = self._tokenise(messages)
        cut = len(ids) > self.context
        while len(ids) > self.context and len(messages) > fewest:
            messages = messages[:-2]
            ids, mask = self._tokenise(messages)
        if not any(mask):
            raise UserError("the chat template marks no assistant tokens ({% generation %}), so there is no loss")
        self.cut += cut
        return ids[: self.context], mask[: self.context]

    def _list_messages(self, conversation: Conversation, lengths: Sequence[int]) -> list[dict[str, Any]]:
        """The conversation's messages, with as many image tokens in each picture's place as `lengths` says."""
        remaining = iter(lengths)
        messages = [{"role": "system", "content": conversation.system}] if conversation.system else []
        for question, (_, answer) in zip(conversation.questions, conversation.turns, strict=True):
            first, *parts = question.split(IMAGE) if conversation.pictures else [question]
            asked = first + "".join(self.processor.image_token * next(remaining) + part for part in parts)
            messages += [{"role": "user", "content": asked}, {"role": "assistant", "content": answer}]
        return messages

    def _tokenise(self, messages: list[dict[str, Any]]) -> tuple[list[int], list[int]]:
        encoded = self.tokenizer.apply_chat_template(
            messages, tokenize=True, return_dict=True, return_assistant_tokens_mask=True
        )
        return encoded["input_ids"], encoded["assistant_masks"]
