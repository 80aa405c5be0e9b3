"""Figures: what is written in them can be read."""

from __future__ import annotations

import itertools

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.text import Text

import roofsym as rs
from roofsym import summary
from roofsym.hardware import element_bytes
from roofsym.plot import Point

MACHINES = ("h100-sxm", "a100-80gb-sxm", "v100-sxm")


@pytest.mark.usefixtures("_no_figures_left")
@pytest.mark.parametrize("names", [MACHINES, MACHINES[::-1], MACHINES[1::-1], MACHINES[:1]])
@pytest.mark.parametrize("panels", [1, 2])
def test_labels_stand_neither_on_roofs_nor_on_each_other(names: tuple[str, ...], panels: int):
    machines = [rs.machine(name) for name in names]
    step = rs.step(rs.model("llama-3.1-8b")).at(**element_bytes("bf16"))
    decode, prefill = step.in_phase("decode").at(L=128), step.in_phase("prefill").at(B=1)
    points = [
        *(Point(f"B = {n}", decode.at(B=n), "decode") for n in (1, 8, 64, 256, 512)),
        *(Point(f"S = {n}", prefill.at(S=n), "prefill") for n in (32, 128, 512, 4096)),
    ]
    figure, axes = plt.subplots(1, panels, figsize=(6.5 * panels, 5), layout="constrained")
    ax = rs.plot.roofline(machines, points, np.atleast_1d(axes)[-1])
    figure.canvas.draw()
    # Without the line from a label to its marker.
    boxes = [Text.get_window_extent(label) for label in ax.texts]
    assert len(boxes) == len(points)
    for one, other in itertools.combinations(boxes, 2):
        assert not one.overlaps(other)
    across = np.geomspace(*ax.get_xlim(), 2000)
    for box in boxes:
        assert ax.bbox.contains(box.x0, box.y0)
        assert ax.bbox.contains(box.x1, box.y1)
        for machine in machines:
            rate = np.minimum(float(machine.peak), float(machine.bandwidth) * across)
            assert not box.count_contains(ax.transData.transform(np.c_[across, rate]))


@pytest.mark.usefixtures("_no_figures_left")
def test_nothing_is_drawn_over_the_legend():
    step = rs.step(rs.model("llama-3.1-8b")).at(**element_bytes("bf16"))
    ax = summary.roofline(rs.machine("h100-sxm"), step)
    legend = ax.get_legend()
    assert legend.get_frame().get_alpha() == 1
    assert legend.zorder > max(line.zorder for line in ax.lines)
