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
    """One changed setting, and the plan with it. degree: the one that verdicts read, where that is what changed."""

    name: str
    plan: Study
    degree: int | None = None


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
    for degree in wanted.degree:
        if plan.degrees != (degree,):
            alone = {
                "test": plan.test.model_copy(update={"degrees": (degree,)}),
                "controls": plan.controls.model_copy(update={"clouds": ()}),
            }
            found.append(Setting(f"degree = {degree}", plan.model_copy(update=alone), degree))
    return found


def held_against(verdicts: Sequence[Verdict], setting: Setting, others: Sequence[Verdict]) -> list[Audited]:
    """Every verdict beside the one that answers the same question under the setting, or why none does."""
    rows = []
    for verdict in verdicts:
        other = _same_question(verdict, setting, others)
        if other is None:
            # Where a whole claim cannot be asked, one verdict says so for all of its questions.
            why = (one.sentence for one in others if verdict.question.startswith(f"{one.question}:"))
            rows += impossible([verdict], setting, next(why, f"not asked under {setting.name}"))
            continue
        survives = other.answer == verdict.answer
        rows.append(
            Audited(
                verdict.question, setting.name, other.answer, survives, other.effect, other.p_adjusted, other.sentence
            )
        )
    return rows


def _same_question(verdict: Verdict, setting: Setting, others: Sequence[Verdict]) -> Verdict | None:
    """Of another degree the same is asked in its name, or of all that are read; other verdicts speak of no degree."""
    question = verdict.question
    if setting.degree is not None:
        question = question.replace(f"H{verdict.degree}?", f"H{setting.degree}?")
    found = next((other for other in others if other.question == question), None)
    if found is not None and setting.degree is not None and found.degree != setting.degree:
        return None
    return found


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
