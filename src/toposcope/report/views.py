"""The places of the charts, and what each of them shows in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from toposcope.report.blocks import figure
from toposcope.report.diagrams import FIRST_BARS
from toposcope.report.holes import Missing
from toposcope.report.markup import Html, join, tag
from toposcope.report.numbers import counted, whole
from toposcope.report.payload import LeftOut
from toposcope.report.words import filtration_unit

if TYPE_CHECKING:
    from toposcope.study.results import Results


def distances(results: Results, data: Mapping[str, Any]) -> Html:
    """Heatmaps of layers and of networks, and what was measured beside the distance."""
    if len(data["layers"]) < 2:
        return tag("p", "One layer has nothing to be compared with.", class_="empty")
    figures = [figure("matrix", " ".join(_about_layers(results, data)))]
    if len(data["networks"]) > 1:
        networks = (
            "Mean over matched layers: every layer of the network with fewer layers, with the layer of the other at "
            "the nearest relative depth. On the diagonal: the mean noise of the network’s layers."
        )
        figures.append(figure("nets", networks))
    return join([tag("div", id_="matrix-controls", class_="controls"), *figures])


def _about_layers(results: Results, data: Mapping[str, Any]) -> list[str]:
    several = results.plan.cloud.draws > 1
    sentences = [
        f"Mean {data['measure']} distance over draws between every two layers; rows and columns are in the same order, "
        "and light is near.",
        "On the diagonal stands a layer’s noise: the mean distance between two disjoint draws of that one layer."
        if several
        else "One draw tells nothing of sampling noise, so the diagonal is empty and no distance can be put in "
        "proportion.",
    ]
    if data["claims"]:
        sentences.append(
            "A dot is a planned test: full where a difference was shown, hollow where it was not. Cells without a dot "
            "were not tested, and have no p-value."
        )
    if several:
        sentences.append(
            "Layers that saw the same inputs are compared on the same draw, which also takes out what the draws have "
            "in common: such a distance can lie below 1× noise. The tests leave those pairs of draws out."
        )
    if any(not other["byDegree"] for other in data["beside"]):
        sentences.append(
            "Beside it, on the same draws, a measure of similarity that knows nothing of topology; it is not tested "
            "either. It needs the same inputs on both sides, and is blank where two networks saw different ones."
        )
    if _anywhere("inf", data):
        sentences.append(
            "∞: diagrams with different numbers of bars that never die; a larger threshold or none mends that."
        )
    if _anywhere(None, data):
        sentences.append("Hatched: not measured, because a task failed.")
    return sentences


def _anywhere(value: object, data: Mapping[str, Any]) -> bool:
    return any(value in row for row in data["matrix"]["mean"])


def map_view(data: Mapping[str, Any]) -> Html:
    """Every layer in the plane."""
    if not any(found for distance in data["maps"] for found in distance["degrees"]):
        return tag("p", "A map needs three layers or more at finite distances that are not all 0.", class_="empty")
    caption = (
        "Every layer as a point, placed so that distances in the plane come as near as they can to the mean "
        "distances (metric scaling, SMACOF). Lines follow each network from its first layer (open mark) to its last, "
        "or each layer through training, along the arrows. Marks of one form are one family. Axes have no meaning of "
        "their own, only distances do."
    )
    return figure("map", caption)


def depth(results: Results) -> Html:
    """Distances and descriptors along every network."""
    plan = results.plan
    if plan.cloud.draws > 1:
        band = (
            f"Bands are {100 * plan.test.confidence:g} % Student t intervals of the mean over {plan.cloud.draws} "
            "disjoint draws, point by point."
        )
    else:
        band = "One draw has no spread: there are no bands."
    caption = (
        f"Relative depth 0 is a network’s first layer that was looked at, 1 its last. {band} Lengths are in units "
        f"of the filtration ({filtration_unit(plan)}). Distances are means over draws; the thin dashed line is the "
        "sampling noise of the layers that they join. Effective dimension is of the whole cloud and has no band. "
        "Mean birth and death, and bars that never die, are in descriptor_means.csv."
    )
    return figure("depth", caption)


def training(results: Results, data: Mapping[str, Any]) -> Html:
    """Checkpoints of one training: how far its layers have come, and what they look like on the way."""
    once = " One draw has no spread: there are no bands." if results.plan.cloud.draws < 2 else ""
    caption = (
        "The slider goes through the checkpoints. Above: how far each layer has come since the first checkpoint, how "
        f"far it is from the last, and its descriptors (mean {data['measure']} distances and means over draws with "
        f"their intervals{once}); below: all layers at the checkpoint where the slider stands, with the first one "
        "behind, and the diagram of one of them. Two draws of one layer lie as far apart as the dashed sampling noise."
    )
    return figure("training", caption)


def layers(results: Results, data: Mapping[str, Any], left_out: LeftOut) -> Html:
    """Diagrams, barcodes, Betti curves and the matching of two layers."""
    if not any(data["diagrams"]["layers"]):
        return tag("p", "No diagrams: homology failed, or the run’s store is gone.", class_="empty")
    plan = results.plan
    if plan.cloud.draws > 1:
        band = f"mean over draws with its {100 * plan.test.confidence:g} % t interval, point by point, cut at 0"
        overlay = "Marks of one draw are strong, those of the others faint."
    else:
        band, overlay = "one draw, so no band", "There is one draw."
    caption = (
        f"Above: persistence diagrams. {overlay} Bars of degree 0 are all born at 0 and stand as strokes on the "
        "left edge; bars that never die stand in the strip marked ∞. Then the barcode of one draw: every bar from its "
        "birth to its death. Below: Betti curves, the number of bars alive at each filtration value "
        f"({band}; drawn at {data['betti']['points']} values). {_behind(results, data)}"
    )
    if data["holes"] is not None:
        caption += " A bar of the first draw leads to its inputs: click it, or press Enter where the arrow keys stand."
    notes = []
    if left_out.bars:
        notes.append(
            f"To keep this page small, {whole(left_out.bars)} of {whole(left_out.of_bars)} bars are not drawn in "
            f"the diagrams: of each draw and degree the {left_out.cap} longest are, of the first draw up to "
            f"{whole(FIRST_BARS)}. Betti curves and all numbers use every bar; toposcope show KEY --store FOLDER gives "
            "a whole diagram by its key in results.json."
        )
    if left_out.layers:
        some = ", ".join(left_out.layers[:12]) + (", …" if len(left_out.layers) > 12 else "")
        notes.append(f"No diagrams of {counted(len(left_out.layers), 'layer')}: {some}.")
    figures = [figure("layer", caption)]
    if len(data["layers"]) > 1:
        figures.append(figure("pairs", _matching_words(results)))
    return join([*figures, *(tag("p", note, class_="note") for note in notes)])


def _behind(results: Results, data: Mapping[str, Any]) -> str:
    """What the noise line and the controls are, as far as they are there."""
    parts = []
    if any(ratio is not None for ratios in data["lines"] if ratios for ratio in ratios):
        parts.append(
            "A bar above the dashed line has a larger death / birth than the universal null of noise allows (Bobrowski "
            f"and Skraba 2023: a conjecture, and rough for fewer than 20 bars), at α = {results.plan.test.alpha:g} for "
            "all bars of its degree together."
        )
    if data["controls"]["kinds"]:
        parts.append(
            "Grey, and in the dotted curves: controls of the draw. A Gaussian cloud has its mean and covariance and no "
            "other shape; a shuffled one has every feature’s values without their dependence. They are for the eye; "
            "only a table of controls, where the plan asks for one, tests anything."
        )
    return " ".join(parts)


def _matching_words(results: Results) -> str:
    choice = results.plan.distance
    kin = (
        " (the distances of this run are sliced, which matches no bars)" if choice.name == "sliced_wasserstein" else ""
    )
    return (
        f"The matching that attains the distance between two draws’ diagrams{kin}, computed in this page for any pair. "
        "In degree 0 deaths are joined; in higher degrees a line leads from each bar of A to its partner in B, or to "
        "the diagonal, where bars of no length lie. One optimal matching of possibly several."
    )


def bars(results: Results, data: Mapping[str, Any], missing: Missing) -> Html:
    """From a bar to the inputs that make it."""
    if data["holes"] is None:
        return tag("p", f"No inputs behind bars: {missing.why}.", class_="empty")
    metric = results.plan.cloud.metric
    raw = "" if metric == "euclidean" else f" of the activations, while bars come from {metric} distances"
    loops = (
        "The first draw of one layer. Thick: the edge that closes the loop at its birth, the longest on it. Shaded: "
        "the triangle that fills it at its death. A hole has many loops around it, and the one drawn is one "
        "representative of many; birth and death are the same for all of them. The plane shows two directions of many"
        f"{raw}: what looks like a hole there need not be one, and a loop may look crossed or flat."
    )
    tree = (
        "Every input starts alone; a branch joins where two pieces meet (single linkage: the edges of the spanning "
        "tree, whose lengths are the deaths of degree 0). The slider cuts the tree, and the pieces below the cut are "
        "listed. It starts where most pieces have three inputs or more, whatever their classes."
    )
    notes = [_what_is_kept(results, data, missing)]
    if results.plan.homology.max_degree == 0:
        loops = "The first draw of one layer. Homology stopped at degree 0, so there are no loops."
    told = tag("p", id_="told", class_="told", aria_live="polite")
    return join(
        [told, figure("holes", loops), figure("tree", tree), *(tag("p", note, class_="note") for note in notes)]
    )


def _what_is_kept(results: Results, data: Mapping[str, Any], missing: Missing) -> str:
    parts = []
    if missing.kept < missing.bars:
        parts.append(
            f"To keep this page small it holds the inputs of {whole(missing.kept)} of {whole(missing.bars)} bars of "
            "degree 1 and 2 in the first draws: the longest of each layer."
        )
    if missing.layers:
        parts.append(f"{counted(missing.layers, 'layer')} with the smallest effects did not fit at all.")
    if missing.images:
        parts.append(f"Images or texts of {counted(missing.images, 'input')} did not fit.")
    key = next((key for layers in results.seen.portraits.values() for key in layers.values()), "portrait-…")
    texts = any(any(cloud["texts"]) for cloud in data["holes"]["clouds"])
    if missing.shown:
        parts.append("Inputs are small images made anew from their pixels.")
    elif texts:
        parts.append("Inputs go by their sample ids and by the beginnings of their texts.")
    else:
        parts.append(
            "Inputs go by their sample ids, or by their rows where they have none: they are no images, or images were "
            "left out."
        )
    parts.append(
        f"Every bar of a first draw: toposcope show {key} --store FOLDER --json, where FOLDER is the run’s; the keys "
        "of all layers are in its results.json."
    )
    return " ".join(parts)
