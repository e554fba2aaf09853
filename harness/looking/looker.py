"""The looker: at every so many steps of a training it looks whether the model looks, if there is time for it.

It asks growing slices of questions, sighted and blind, until a rule is decided or its share of the time is spent. While
the share doesn't allow for a look that tells something, it waits, so that looks thin out where a training is short.
"""

import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jsonlines
import numpy as np
import pandas as pd

from sightscale.harness.evaluation import Goal, Rule, draw, judge, pair_scores, parse_rule
from sightscale.harness.looking.looks import FILE, Look
from sightscale.harness.looking.questions import Questions
from sightscale.harness.looking.share import TimeShare
from sightscale.harness.statistics import Estimate, follow
from sightscale.model_adapters.engines import InMemoryEngine
from sightscale.tasks.errors import UserError, blaming
from sightscale.tasks.vocabulary import Condition, Outcome

PROBE = 2  # questions of each of two trials, the second of which tells how long one takes
GROWTH = 0.5  # of a look's slices, over what was asked
CAUTION = 1.25  # times longer than measured a question may take
MISTAKEN = 0.05  # chance that a training is stopped for what isn't so
FALLS = "falls"

logger = logging.getLogger(__name__)


class Looker:
    """Looks at a model in a plain loop: call `begin` before the first step and `step` after each.

    >>> looker = Looker(["in_domain_gqa"], "mini", every=100, until="width<20", output="looking")
    >>> looker.begin()
    >>> for number, batch in enumerate(batches, 1):
    ...     train_on(batch)
    ...     look = looker.step(number, model, processor)
    ...     if look and look.stop:
    ...         break
    """

    def __init__(
        self,
        tasks: Sequence[str],
        data: str = "hub",
        every: int = 100,
        until: str = "width<20",
        *,
        stop: str = "",
        share: float = 0.02,
        least: int = 32,
        batch_size: int = 32,
        condition: str = Condition.NONE,
        seed: int = 0,
        data_root: Path | str | None = None,
        task_folders: Sequence[str] = (),
        output: Path | str | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """Load the tasks' questions. This happens before the training, so its time isn't counted.

        Every `every` steps, a look asks questions until the rule `until` is decided (`reliance>0`, `reliance<5` or
        `width<6`, in points), in at most `share` of the training's time. A look has at least `least` questions. `stop`
        ends the training: `reliance<5` if reliance is surely below 5 points, `falls` if it is surely below the best
        look's; each is wrong in at most one training in twenty. `output` is a folder for looks and records.

        Raises UserError for tasks or data that can't be read, and for a rule that isn't known.
        """
        if every < 1 or least < 1:
            raise UserError(f"every and least must be 1 or more, not {every} and {least}")
        self.until = parse_rule(until)
        self.stop = _read_stop(stop)
        if self.until.of_probability:
            raise UserError(f"until {until!r} needs likelihoods, but a look asks for written answers; write reliance>0")
        if self.until.goal is Goal.AHEAD:
            raise UserError(f"until {until!r} compares with another run; write reliance>0, reliance<5 or width<6")
        self.every, self.least, self.batch_size = every, least, batch_size
        self.time = TimeShare(share, clock)
        self.output = Path(output) if output else None
        self.questions = Questions(
            tasks,
            data,
            data_root=Path(data_root) if data_root else None,
            task_folders=task_folders,
            condition=condition,
            seed=seed,
        )
        self.looks: list[Look] = []
        self.skipped = 0  # times that there was no time for
        self._cost: float | None = None  # seconds of a question, sighted and blind
        self._best: pd.Series[float] | None = None  # sighted minus blind at the look that relied most

    def begin(self) -> None:
        """Start measuring the training's time."""
        self.time.begin()

    def is_due(self, step: int) -> bool:
        """Whether a look is due at this step, if there is time."""
        return step > 0 and step % self.every == 0

    def step(self, step: int, model: Any, processor: Any, epoch: float | None = None) -> Look | None:
        """The look after this step; None if no look is due or there is no time.

        The model and the state of random number generators stay as they were. Raises UserError for a processor
        without a chat template.
        """
        if not self.is_due(step):
            return None
        began = self.time.clock()
        try:
            return self._look(step, model, processor, epoch, began)
        finally:
            self.time.spent += self.time.clock() - began

    def _look(self, step: int, model: Any, processor: Any, epoch: float | None, began: float) -> Look | None:
        allowed = self.time.left()
        if allowed <= 0 or (self._cost is not None and allowed < self._affordable() * self._cost * CAUTION):
            self.skipped += 1
            return None
        engine = InMemoryEngine(model, processor, self.batch_size)
        if self._cost is None:
            self._cost = self._probe(engine)
            allowed -= self.time.clock() - began
            if allowed < self._affordable() * self._cost * CAUTION:
                self.skipped += 1
                return None
        records, decided = self._ask(engine, allowed)
        look = self._sum_up(step, epoch, records, decided, began)
        self.looks.append(look)
        if self.output:
            self._write(look, records)
        logger.info(str(look) + (f"; {look.stop}" if look.stop else ""))
        return look

    def _affordable(self) -> int:
        """Questions that a look asks at least."""
        return min(self.least, len(self.questions))

    def _probe(self, engine: InMemoryEngine) -> float:
        end = min(PROBE, len(self.questions))
        self.questions.ask(engine, 0, end)  # warms everything up
        began = self.time.clock()
        self.questions.ask(engine, 0, end)
        return (self.time.clock() - began) / end

    def _ask(self, engine: InMemoryEngine, allowed: float) -> tuple[pd.DataFrame, bool | None]:
        """Answers to as many questions as the rule needs or the time allows, and whether the rule holds."""
        began, asked = self.time.clock(), 0
        parts: list[pd.DataFrame] = []
        decided: bool | None = None
        while asked < len(self.questions) and decided is None:
            room = int((allowed - (self.time.clock() - began)) / (CAUTION * max(self._cost or 0.0, 1e-9)))
            wanted = self._affordable() if not asked else max(1, round(asked * GROWTH))
            more = min(wanted, room, len(self.questions) - asked)
            if more < 1:
                break
            since = self.time.clock()
            parts.append(self.questions.ask(engine, asked, asked + more))
            self._cost = (self.time.clock() - since) / more
            asked += more
            decided = judge(self.until, pd.concat(parts), range(asked), self.questions.condition).holds
        return pd.concat(parts), decided

    def _sum_up(
        self, step: int, epoch: float | None, records: pd.DataFrame, decided: bool | None, began: float
    ) -> Look:
        condition = self.questions.condition
        pairs = pair_scores(records, range(len(self.questions)), condition)
        seconds = self.time.clock() - began
        taken = (self.time.spent + seconds) / self.time.elapsed if self.time.elapsed else 0.0
        return Look(
            step=step,
            epoch=epoch,
            condition=condition,
            sighted=follow_scores(records, str(Condition.SIGHTED)),
            blind=follow_scores(records, condition),
            reliance=follow(draw(pairs)),
            rule=str(self.until),
            decided=decided,
            failed=int((records["outcome"] == Outcome.FAILED).sum()),
            seconds=round(seconds, 3),
            taken=round(taken, 5),
            stop=self._judge_stop(pairs),
        )

    def _judge_stop(self, pairs: "pd.Series[float]") -> str:
        """Why the training should end, or nothing. Over all looks together it errs with `MISTAKEN` at most."""
        number = len(self.looks) + 1
        chance = MISTAKEN * 6 / (np.pi * number) ** 2  # sums to MISTAKEN over all looks that may come
        if isinstance(self.stop, Rule):
            estimate = follow(draw(pairs), 1 - chance)
            return f"{self.stop} holds" if not estimate.is_missing and estimate.high < self.stop.number else ""
        if self.stop != FALLS:
            return ""
        verdict = ""
        if self._best is not None:
            shared = pairs.index.intersection(self._best.index)
            # A difference of two differences lies in [−2, 2].
            change = follow(draw((pairs[shared] - self._best[shared]) / 2), 1 - chance / max(1, number - 1))
            if change.high < 0:
                verdict = f"reliance fell by {-200 * change.value:.0f} points on {len(shared):,} questions"
        if len(pairs) and (self._best is None or pairs.mean() > self._best.mean()):
            self._best = pairs
        return verdict

    def _write(self, look: Look, records: pd.DataFrame) -> None:
        assert self.output is not None
        with blaming(self.output, "write to"):
            self.output.mkdir(parents=True, exist_ok=True)
            with jsonlines.open(self.output / f"records-{look.step:08}.jsonl", "w") as lines:
                lines.write_all(records.astype(object).where(records.notna(), None).to_dict("records"))
            with jsonlines.open(self.output / FILE, "a") as lines:
                lines.write(look.as_dict())


def follow_scores(records: pd.DataFrame, condition: str) -> Estimate:
    """The mean score under a condition, with the interval that may be looked at after every question."""
    rows = records[(records["condition"] == condition) & (records["outcome"] != Outcome.FAILED)].sort_values("doc_id")
    scores = rows[~rows["cluster"].duplicated()]["score"].to_numpy(float)
    # A score in [0, 1] is stretched to [−1, 1], where the sequence's bets reach as far as they may.
    stretched = follow(draw(2 * scores - 1))
    value, low, high = ((end + 1) / 2 for end in (stretched.value, stretched.low, stretched.high))
    return Estimate(value, low, high, stretched.n, stretched.clusters)


def _read_stop(text: str) -> Rule | str:
    if text in ("", FALLS):
        return text
    rule = parse_rule(text)
    if rule.goal is not Goal.BELOW:
        raise UserError(f"stop {text!r} is not a rule; write reliance<5, in points, or {FALLS}")
    return rule
