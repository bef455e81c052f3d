"""The sections of the page, in the order in which a reader needs them. Charts are drawn in the places left."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from toposcope.report import answers, views
from toposcope.report.first_screen import first_screen
from toposcope.report.markup import Html, join, tag
from toposcope.report.payload import LeftOut
from toposcope.report.provenance import provenance
from toposcope.report.words import methods

if TYPE_CHECKING:
    from toposcope.study.results import Results

PARTS = {
    "networks": "Networks",
    "tests": "Planned comparisons",
    "distances": "Distances",
    "map": "Map",
    "depth": "Along depth",
    "training": "Through training",
    "layers": "Two layers",
    "holes": "Bars and their inputs",
    "methods": "Methods",
    "provenance": "Provenance",
}
"""Sections after the first screen: anchor and heading. The one on training is there where checkpoints are."""


def body(results: Results, data: Mapping[str, Any], left_out: LeftOut) -> Html:
    """Everything that a reader sees before a script has run."""
    makers = {
        "networks": lambda: answers.networks(results, data),
        "tests": lambda: answers.tests(results),
        "distances": lambda: views.distances(results, data),
        "map": lambda: views.map_view(data),
        "depth": lambda: views.depth(results),
        "training": lambda: views.training(results, data),
        "layers": lambda: views.layers(results, data, left_out),
        "holes": lambda: views.bars(results, data, left_out.holes),
        "methods": lambda: methods(results),
        "provenance": lambda: provenance(results, left_out),
    }
    names = [name for name in PARTS if name != "training" or data["trainings"]]
    titles = {**PARTS, **({"layers": "The layer"} if len(data["layers"]) == 1 else {})}
    parts = [
        tag(
            "section",
            tag("h2", titles[name], id_=f"{name}-title"),
            makers[name](),
            id_=name,
            aria_labelledby=f"{name}-title",
        )
        for name in names
    ]
    links = [tag("a", titles[name], href=f"#{name}") for name in names]
    return join(
        [
            tag("a", "Skip to the results", class_="skip", href="#main"),
            tag("main", first_screen(results, data), tag("nav", *links, aria_label="Sections"), *parts, id_="main"),
            tag("div", id_="tip", role="status", aria_live="polite", hidden=True),
        ],
        "\n",
    )
