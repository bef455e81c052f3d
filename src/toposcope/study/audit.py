"""Does a verdict depend on how it was reached? The same plan, with one setting changed at a time.

The settings stand in the plan, so they are fixed before any result is seen, and they are written with the results.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from toposcope.study.plan import Part, Study
from toposcope.study.verdicts import Verdict


@dataclasses.dataclass(frozen=True)
class Setting:
    """One changed setting, and the plan with it."""

    name: str
    plan: Study


@dataclasses.dataclass(frozen=True)
class Audited:
    """One verdict under one setting. answer: what came out, or why nothing could."""

    question: str
    setting: str
    answer: str
    survives: bool
    effect: float
    p_adjusted: float
    sentence: str


def settings(plan: Study) -> list[Setting]:
    """Every setting of `[audit]` that differs from the plan's own, changed alone."""
    wanted = plan.audit
    changes: list[tuple[str, str, object]] = [
        *(("cloud", "size", value) for value in wanted.size),
        *(("cloud", "metric", value) for value in wanted.metric),
        *(("cloud", "scale", value) for value in wanted.scale),
        *(("cloud", "components", value) for value in wanted.components),
        *(("cloud", "without_outliers", value) for value in wanted.without_outliers),
        *(("distance", "name", value) for value in wanted.distance),
    ]
    found = []
    for table, key, value in changes:
        part: Part = getattr(plan, table)
        if getattr(part, key) != value:
            where = "" if table == "cloud" else f"{table} "
            name = f"{where}{key.replace('_', ' ')} = {'none' if value is None else value}"
            changed: dict[str, object] = {table: part.model_copy(update={key: value})}
            if key != "without_outliers":
                # A stated margin is in units of one distance at one size, metric and scale.
                changed["equivalence"] = plan.equivalence.model_copy(update={"margin": None})
            # No answer reads the controls, so they are not made again.
            changed["controls"] = plan.controls.model_copy(update={"clouds": ()})
            found.append(Setting(name, plan.model_copy(update=changed)))
    return found


def held_against(verdicts: Sequence[Verdict], setting: Setting, others: Sequence[Verdict]) -> list[Audited]:
    """Every verdict beside the one that answers the same question under the setting."""
    by_question = {verdict.question: verdict for verdict in others}
    rows = []
    for verdict in verdicts:
        other = by_question.get(verdict.question)
        if other is None:
            continue
        survives = other.answer == verdict.answer
        rows.append(
            Audited(
                verdict.question, setting.name, other.answer, survives, other.effect, other.p_adjusted, other.sentence
            )
        )
    return rows


def impossible(verdicts: Sequence[Verdict], setting: Setting, why: str) -> list[Audited]:
    """Every verdict under a setting that the data do not allow."""
    nan = float("nan")
    return [Audited(verdict.question, setting.name, "not checkable", False, nan, nan, why) for verdict in verdicts]


def with_audit(verdicts: Sequence[Verdict], audited: Sequence[Audited]) -> list[Verdict]:
    """Verdicts that say in how many settings they survive, and where they break."""
    told = []
    for verdict in verdicts:
        rows = [row for row in audited if row.question == verdict.question]
        if not rows or verdict.answer == "not checkable":
            told.append(verdict)
            continue
        tried = [row for row in rows if row.answer != "not checkable" or row.survives]
        breaks = [f"{row.setting} ({row.answer})" for row in tried if not row.survives]
        left_out = [row.setting for row in rows if row not in tried]
        parts = [f"survives in {len(tried) - len(breaks)} of {len(tried)} settings"] if tried else []
        parts += [f"breaks at {', '.join(breaks)}"] if breaks else []
        parts += [f"could not be asked again at {', '.join(left_out)}"] if left_out else []
        audit = "; ".join(parts)
        told.append(
            dataclasses.replace(verdict, audit=audit, sentence=f"{verdict.sentence} Audit: the verdict {audit}.")
        )
    return told
