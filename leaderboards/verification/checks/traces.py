"""Traces: what rows say beside the answers, as far as it counts somewhere: tokens, seconds, answers that were cut off.

Tokens stand in a plot, and an answer that was cut off is worth nothing; none of them is in the raw answer, so each is
held against what it must agree with.
"""

import zlib
from collections.abc import Iterator
from typing import Any

import pandas as pd

from sightscale.harness.evaluation import LENGTH
from sightscale.harness.pages import show_value
from sightscale.leaderboards.entry import RECORDS, RunManifest, Submission
from sightscale.leaderboards.verification.issues import Issue, error, not_checked, warning
from sightscale.tasks.vocabulary import Condition, Kind, Outcome

# Bytes of text a token: tokenizers' longest tokens are spaces and rules of a hundred and more, and a whole run's mean
# lies between 1 and 6 in any language; 50 and 12 are beyond all that is honest.
MOST_BYTES_A_TOKEN, MOST_BYTES_ON_AVERAGE = 50, 12
SURE = 2_000  # bytes from which the mean says something
# What a token can tell is bounded: of a vocabulary of 262,144 it is 18 bits. Deflate leaves at most 0.5 bytes a token
# of the shipped entries' texts, and twice those 18 bits at the very most; more than 4 bytes can't be of so few tokens.
MOST_DEFLATED = 4.0
LOOKED_AT = 4 * 2**20  # characters that are compressed, spread over the rows
HIDDEN, HIDDEN_SHARE = 8, 0.02  # tokens beyond a text's bytes that end marks explain, and the share of rows beyond it
END_MARKS = 2  # tokens that a server may count beyond the limit
FEW_FULL, FULL_SHARE = 2, 0.02  # answers whose end may be their last token allowed
MOST_TOKENS_A_SECOND = 1_000_000
# Tokens and share that prompts of reasoning may count beyond their texts with the picture, and answers of a side.
FEWEST_FURTHER, FURTHER, FEWEST = 16.0, 0.15, 20
# Tiles of the largest pictures come to some ten thousand tokens, a chat template's own words to some hundred.
MOST_TOKENS_A_PICTURE, MOST_TOKENS_A_TEMPLATE = 200_000, 10_000


def check_traces(submission: Submission) -> Iterator[Issue]:
    """Rows whose tokens, seconds or cut answers can't be true, or that lack what every run writes."""
    records = submission.records
    answered = records[records["outcome"] != Outcome.FAILED]
    yield from _check_lacking(answered)
    yield from _check_text("output_tokens", answered, ("thinking", "response"))
    yield from _check_text("perception_output_tokens", answered, ("description",))
    yield from _check_text("input_tokens", answered, ("prompt",))
    yield from _check_read(answered)
    yield from _check_reasoned(answered)
    yield from _check_seconds(records)
    for run_id, rows in answered.groupby("run_id", sort=False):
        manifest = submission.manifests.get(str(run_id), submission.manifest)
        for (task, condition), asked in rows.groupby(["task", "condition"], sort=False):
            yield from _check_cut(str(task), str(condition), asked, manifest)


def _check_lacking(rows: pd.DataFrame) -> Iterator[Issue]:
    """Columns that a run writes for each of its answers or for none: emptied here and there, or throughout."""
    decoupled = rows[rows["kind"] == Kind.DECOUPLED]
    imported = rows["kind"] == Kind.IMPORTED  # another harness keeps what it likes
    for column, asked, say, left in (
        ("finish_reason", rows, not_checked, "so which of them were cut off by a limit isn't known"),
        (
            "document_hash",
            rows,
            not_checked if imported.all() and len(rows) else warning,
            "as an older sightscale's don't; prompt, pictures and key are compared"
            if not imported.any()
            else "so a picture that was another isn't found",
        ),
        ("perception_finish_reason", decoupled, warning, "so which descriptions were cut off isn't known"),
    ):
        lacking = asked[column].fillna("") == ""
        if lacking.all() and len(asked):
            yield say(RECORDS, column, f"the rows don't say it, {left}")
        elif lacking.any():
            first = asked.index[lacking][0]
            yield error(
                RECORDS,
                column,
                f"{int(lacking.sum()):,} of {len(asked):,} rows don't say it, the first of document "
                f"{asked.loc[first, 'doc_id']} of {show_value(str(asked.loc[first, 'task']))}; a run says it of all",
            )


def _check_text(column: str, rows: pd.DataFrame, texts: tuple[str, ...]) -> Iterator[Issue]:
    """Counts of tokens against the texts that they are of."""
    written = pd.Series("", rows.index, dtype=object)
    for name in texts:
        written = written + rows[name].fillna("")
    size = written.map(lambda text: len(text.encode()))
    if column.startswith("perception") and not size.any():
        return
    uncounted = rows[column].isna()
    if not rows[column].fillna(0).any():  # a model that counts nothing says 0
        uncounted |= True
    if uncounted.any():
        yield not_checked(RECORDS, column, f"{int(uncounted.sum()):,} rows don't count them")
    counts, size = rows.loc[~uncounted, column].astype(float), size[~uncounted]
    negative = counts < 0
    few = (size > MOST_BYTES_A_TOKEN * counts) & ~negative
    if negative.any():
        yield error(RECORDS, column, f"{int(negative.sum()):,} rows count fewer than none")
    if few.any():
        number = few.index[few][0]
        yield error(
            RECORDS,
            column,
            f"{int(few.sum()):,} rows count too few for their texts, the first {counts[number]:,.0f} tokens "
            f"for {size[number]:,} bytes of {' and '.join(texts)}",
        )
    elif size.sum() > SURE and size.sum() > MOST_BYTES_ON_AVERAGE * counts.sum():
        yield error(
            RECORDS,
            column,
            f"{size.sum() / max(1.0, counts.sum()):,.1f} bytes of {' and '.join(texts)} a token over all rows, "
            f"more than any tokenizer's {MOST_BYTES_ON_AVERAGE}",
        )
    else:
        yield from _check_contents(column, written[~uncounted], counts, texts)
    hidden = (counts > size + HIDDEN) & ~negative
    if column != "input_tokens" and hidden.sum() > HIDDEN_SHARE * len(counts):
        yield not_checked(
            RECORDS,
            column,
            f"{int(hidden.sum()):,} rows count more tokens than their texts have bytes, so not all that was written is "
            "here",
        )


def _check_read(rows: pd.DataFrame) -> Iterator[Issue]:
    """Prompts that count more tokens than their bytes and pictures can come to."""
    shown = rows["shown_hash"].fillna("").map(lambda hashes: len(hashes.split(",")) if hashes else 0)
    # The reasoning module of a two-stage model is shown no picture.
    answering = shown.where(rows["kind"] != Kind.DECOUPLED, 0)
    texts = [rows[name].fillna("").map(lambda text: len(text.encode())) for name in ("prompt", "description")]
    for column, pictures in (("input_tokens", answering), ("perception_input_tokens", shown)):
        most = texts[0] + texts[1] + MOST_TOKENS_A_TEMPLATE + MOST_TOKENS_A_PICTURE * pictures
        many = rows[column].fillna(0).astype(float) > most
        if many.any():
            first = many.index[many][0]
            yield error(
                RECORDS,
                column,
                f"{int(many.sum()):,} rows count more than was asked, the first {rows.loc[first, column]:,.0f} tokens "
                f"for {int(pictures[first])} pictures and {int(texts[0][first]):,} bytes of prompt",
            )


def _check_reasoned(rows: pd.DataFrame) -> Iterator[Issue]:
    """Prompts of reasoning that count more tokens for their texts where the picture was shown to perception.

    The module that reasons sees the description alone, so its prompts take as many tokens for a text either way.
    """
    rows = rows[(rows["kind"] == Kind.DECOUPLED) & (rows["input_tokens"] > 0)]
    sides = [rows[rows["condition"] == condition] for condition in (Condition.SIGHTED, Condition.NONE)]
    if min(map(len, sides)) < FEWEST:
        return
    sizes = [side["prompt"].fillna("").map(lambda text: len(text.encode())).astype(float) for side in sides]
    counts = [side["input_tokens"].astype(float) for side in sides]
    slope = counts[1].cov(sizes[1]) / sizes[1].var() if sizes[1].var() > 0 else 0.0
    expected = counts[1].mean() + slope * (sizes[0].mean() - sizes[1].mean())
    further = counts[0].mean() - expected
    if further > max(FEWEST_FURTHER, FURTHER * counts[1].mean()):
        yield warning(
            RECORDS,
            "input_tokens",
            f"prompts of reasoning count {further:,.0f} tokens more than their texts do without the picture: the "
            "reasoning module may have been shown it",
        )


def _check_contents(column: str, written: pd.Series, counts: pd.Series, texts: tuple[str, ...]) -> Iterator[Issue]:
    """Texts that tell more than so many tokens can: what is left of them when they are compressed together."""
    step = max(1, -(-int(written.str.len().sum()) // LOOKED_AT))
    looked, of_them = written.iloc[::step], float(counts.iloc[::step].sum())
    text = "\n".join(looked)[:LOOKED_AT].encode()
    deflated = len(zlib.compress(text, 6))
    if len(text) > SURE and deflated > MOST_DEFLATED * of_them:
        yield error(
            RECORDS,
            column,
            f"{deflated / max(1.0, of_them):,.1f} bytes a token are left of {' and '.join(texts)} when compressed, "
            f"more than tokens can tell ({MOST_DEFLATED:g})",
        )


def _check_seconds(records: pd.DataFrame) -> Iterator[Issue]:
    for column, tokens in (("seconds", "output_tokens"), ("perception_seconds", "perception_output_tokens")):
        seconds = records[column].dropna()
        odd = ~((seconds >= 0) & (seconds < 1e7))
        if odd.any():
            yield error(RECORDS, column, f"{int(odd.sum()):,} rows took {show_value(float(seconds[odd].iloc[0]))} s")
            continue
        written = records[tokens].fillna(0).sum()
        if seconds.sum() > 0 and written > MOST_TOKENS_A_SECOND * seconds.sum():
            yield error(
                RECORDS, column, f"{written:,.0f} tokens in {seconds.sum():.3g} s, which nothing writes as fast"
            )


def _check_cut(task: str, condition: str, rows: pd.DataFrame, manifest: RunManifest) -> Iterator[Issue]:
    """An answer that met a limit took as many tokens as the limit allows, or filled the model's context."""
    where = f"{show_value(task)}, {show_value(condition)}"
    settings = _read_settings(condition, manifest)
    described = _read_limit(settings.get("perception_decoding"))
    if described is not None:
        yield from _check_ended(where, "perception_", rows, described)
    field = f"{where}, finish_reason"
    allowed, tokens = _find_limit(task, settings), rows["output_tokens"]
    if allowed is not None:
        yield from _check_ended(where, "", rows, allowed)
    # A model that isn't ours keeps no settings; the task's own limit is what it was asked for.
    most = allowed or _read_limit(manifest.task_details.get(task, {}).get("generation"))
    cut = rows["finish_reason"] == LENGTH
    if not cut.any():
        return
    if most is None or tokens[cut].isna().any():
        yield not_checked(RECORDS, field, f"{int(cut.sum()):,} answers were cut off, and no limit on tokens is known")
        return
    short = cut & (tokens < most)
    if not short.any():
        return
    # A context that is full cuts an answer too; then no other answer's prompt and text are longer than these.
    whole = rows["input_tokens"].fillna(0) + tokens
    forged = short & (whole < whole.max())
    say = error if (whole[short] < 0.98 * whole.max()).any() else warning
    if forged.any():
        yield say(
            RECORDS,
            field,
            f"{int(forged.sum()):,} answers were cut off by a limit that they didn't meet, the first of document "
            f"{rows.loc[forged, 'doc_id'].iloc[0]} at {tokens[forged].iloc[0]:,.0f} of {most:,} tokens",
        )


def _check_ended(where: str, stage: str, rows: pd.DataFrame, most: int) -> Iterator[Issue]:
    """Texts that took all tokens allowed, or more, and are said to have ended by themselves."""
    tokens, field = rows[f"{stage}output_tokens"], f"{where}, {stage}finish_reason"
    beyond = tokens > most + END_MARKS
    if beyond.any():
        yield error(
            RECORDS,
            field,
            f"{int(beyond.sum()):,} rows took more tokens than the run's settings allow, the first of document "
            f"{rows.loc[beyond, 'doc_id'].iloc[0]}: {tokens[beyond].iloc[0]:,.0f} of {most:,}",
        )
    full = (tokens == most) & (rows[f"{stage}finish_reason"] != LENGTH)
    if full.sum() > max(FEW_FULL, FULL_SHARE * len(rows)):
        yield not_checked(
            RECORDS,
            field,
            f"{int(full.sum()):,} rows took all {most:,} tokens allowed and aren't said to be cut off, the first of "
            f"document {rows.loc[full, 'doc_id'].iloc[0]}",
        )


def _read_settings(condition: str, manifest: RunManifest) -> dict[str, Any]:
    facts = manifest.conditions.get(condition)
    return facts.settings if facts else {}


def _find_limit(task: str, settings: dict[str, Any]) -> int | None:
    """The most new tokens that a run's settings allow an answer; None where they say nothing readable."""
    by_task = settings.get("decoding")
    reasoning = _read_limit(settings.get("reasoning_decoding"))
    return reasoning or _read_limit(by_task.get(task) if isinstance(by_task, dict) else None)


def _read_limit(decoding: Any) -> int | None:
    most = decoding.get("max_new_tokens") if isinstance(decoding, dict) else None
    return most if isinstance(most, int) and not isinstance(most, bool) and most > 0 else None
