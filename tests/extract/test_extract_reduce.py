"""Activations → vectors."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from toposcope._errors import InputError
from toposcope.extract import reduce


def run(x, how, *, channels_last=False, class_token=False, mask=None):
    return reduce.reduce_activation(
        x, how, channels_last=channels_last, class_token=class_token, mask=mask, layer="layer"
    )


MAPS = torch.arange(2 * 3 * 4 * 5, dtype=torch.float32).reshape(2, 3, 4, 5)
TOKENS = torch.arange(2 * 5 * 3, dtype=torch.float32).reshape(2, 5, 3)


@pytest.mark.parametrize(
    ("how", "rows", "text"),
    [
        ("auto", MAPS.mean((2, 3)), "mean over 4×5 positions"),
        ("mean", MAPS.mean((2, 3)), "mean over 4×5 positions"),
        ("max", MAPS.amax((2, 3)), "maximum over 4×5 positions"),
        ("flatten", MAPS.flatten(1), "flattened from 3×4×5"),
        ("spatial:1", MAPS[:, :, 2, 2], "1 fixed positions of 4×5, concatenated"),
        ("pixels", MAPS.permute(0, 2, 3, 1).reshape(-1, 3), "one row per position, 4×5 per input"),
    ],
)
def test_maps(how, rows, text):
    found = run(MAPS, how)
    assert torch.equal(found.rows, rows)
    assert found.how == text
    if how != "flatten":
        last = run(MAPS.permute(0, 2, 3, 1), how, channels_last=True)
        torch.testing.assert_close(last.rows, rows)
        assert last.how == text


@pytest.mark.parametrize(
    ("how", "token", "rows", "text"),
    [
        ("auto", True, TOKENS[:, 0], "CLS token of 5"),
        ("auto", False, TOKENS.mean(1), "mean over 5 tokens"),
        ("cls", True, TOKENS[:, 0], "CLS token of 5"),
        ("cls", False, TOKENS[:, 0], "first of 5 tokens, which is no class token"),
        ("last", False, TOKENS[:, -1], "last of 5 tokens"),
        ("max", True, TOKENS.amax(1), "maximum over 5 tokens"),
        ("tokens", True, TOKENS.reshape(-1, 3), "one row per token, 5 per input, class token first"),
        ("tokens", False, TOKENS.reshape(-1, 3), "one row per token, 5 per input"),
    ],
)
def test_tokens(how, token, rows, text):
    found = run(TOKENS, how, channels_last=True, class_token=token)
    torch.testing.assert_close(found.rows, rows)
    assert found.how == text


def test_masks():
    mask = torch.tensor([[1, 1, 0, 0, 0], [0, 1, 1, 1, 0]])
    x = TOKENS.clone()
    x[0, 4] = torch.inf  # padding may hold anything
    assert torch.equal(
        run(x, "auto", channels_last=True, mask=mask).rows, torch.stack([x[0, :2].mean(0), x[1, 1:4].mean(0)])
    )
    assert torch.equal(run(x, "max", channels_last=True, mask=mask).rows, torch.stack([x[0, 1], x[1, 3]]))
    assert torch.equal(run(x, "last", channels_last=True, mask=mask).rows, torch.stack([x[0, 1], x[1, 3]]))
    rows = run(x, "tokens", channels_last=True, mask=mask)
    assert torch.equal(rows.rows, torch.cat([x[0, :2], x[1, 1:4]]))
    assert rows.per_input.tolist() == [2, 3]


@pytest.mark.parametrize("how", ["auto", "mean", "max", "cls", "last", "spatial:9", "tokens", "pixels", "flatten"])
def test_vectors_stay_as_they_are(how):
    x = torch.randn(4, 3)
    found = run(x, how)
    assert torch.equal(found.rows, x)
    assert found.how == "vector as it is"
    assert run(torch.arange(3.0), how).rows.shape == (3, 1)


@pytest.mark.parametrize(("dtype", "wide"), [(torch.float16, torch.float32), (torch.float64, torch.float64)])
def test_dtypes(dtype, wide):
    for how in ("auto", "max", "flatten", "spatial:2", "pixels"):
        assert run(MAPS.to(dtype), how).rows.dtype == wide


@given(st.lists(st.integers(1, 7), min_size=1, max_size=3), st.data())
def test_fixed_positions_are_distinct_and_inside(grid, data):
    size = int(np.prod(grid))
    count = data.draw(st.integers(1, size))
    found = reduce.fixed_positions(tuple(grid), count)
    assert len(set(found)) == count
    assert all(0 <= position < size for position in found)
    assert found == reduce.fixed_positions(tuple(grid), size)[:count]


def test_fixed_positions_are_spread():
    rows, columns = np.unravel_index(reduce.fixed_positions((8, 8), 8), (8, 8))
    assert len(set(rows // 2)) == len(set(columns // 2)) == 4


@pytest.mark.parametrize("how", ["cls", "last", "tokens"])
def test_maps_have_no_tokens(how):
    with pytest.raises(InputError, match=rf"reduce='{how}' needs tokens .*layer layer gives \(2, 3, 4, 5\)"):
        run(MAPS, how)


def test_tokens_are_no_pixels():
    with pytest.raises(InputError, match=r"reduce='pixels' needs positions .*; use 'tokens' there"):
        run(TOKENS, "pixels", channels_last=True)
    assert run(TOKENS, "pixels").rows.shape == (6, 5)  # (n, c, l) of a Conv1d


def test_names_of_reductions():
    assert reduce.check_reduction("spatial:4") == "spatial:4"
    for wrong in ("spatial:", "spatial:x", "mode", None, 3):
        with pytest.raises(InputError, match="reduce="):
            reduce.check_reduction(wrong)
