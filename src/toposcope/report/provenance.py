"""Where it all came from: warnings, failures, versions, the plan and the command that repeats it, tables to save."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toposcope.report.blocks import listing
from toposcope.report.markup import Html, escaped, join, tag
from toposcope.report.payload import LeftOut
from toposcope.report.toml import plan_toml
from toposcope.report.words import flat

if TYPE_CHECKING:
    from toposcope.study.results import Results

LABELS = {
    "toposcope": "toposcope",
    "python": "Python",
    "platform": "Platform",
    "cores": "Cores",
    "seed": "Seed",
    "plan": "Plan digest",
    "started": "Started",
    "seconds": "Seconds",
    "tasks_performed": "Tasks performed",
    "workers": "Workers",
    "folder": "Folder",
}
"""Provenance that is no package's version."""


def provenance(results: Results, left_out: LeftOut) -> Html:
    """Everything that somebody needs to believe the page, or to make it again."""
    made = {name: value for name, value in flat(results.provenance).items() if value is not None}
    order = [name for name in LABELS if name in made] + sorted(made.keys() - LABELS.keys())
    known = [tag("div", tag("dt", LABELS.get(name, name)), tag("dd", made[name])) for name in order]
    toml = plan_toml(results.plan.to_json())
    not_carried = ", ".join(left_out.tables)
    return join(
        [
            tag("h3", "Warnings", id_="warnings"),
            listing(results.warnings, "There was nothing to warn of."),
            tag("h3", "Failed tasks", id_="failed"),
            listing([f"{failure.title}: {failure.message}" for failure in results.failed], "Every task finished."),
            tag("h3", "How it was made"),
            tag("dl", *known, class_="facts wide"),
            tag("h3", "How to make it again"),
            tag(
                "p",
                "Save the plan as ",
                tag("code", "study.toml"),
                " and run ",
                tag("code", "toposcope run study.toml"),
                ".",
            ),
            tag("pre", tag("code", escaped(toml, lines=True)), tabindex="0", aria_label="The plan as TOML"),
            tag("h3", "Tables"),
            tag(
                "p",
                "All tables of the run are CSV files in ",
                tag("code", "tables/"),
                " of its folder, every number in full. ",
                f"Not carried in this page, for their size: {not_carried}." if not_carried else "",
            ),
            tag("p", id_="downloads", class_="downloads"),
        ]
    )
