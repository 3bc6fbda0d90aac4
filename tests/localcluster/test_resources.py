"""Quantities and limits."""

from __future__ import annotations

import pytest

from lateen.localcluster.resources import Limits, QuantityError, limits_of, millicores, quantity


def test_quantities() -> None:
    table = {
        "100m": 0.1,
        "2": 2,
        "1.5": 1.5,
        "15Mi": 15 << 20,
        "1k": 1000,
        "1e3": 1000,
        "2Gi": 2 << 30,
        ".5": 0.5,
        3: 3,
    }

    assert {text: float(quantity(text)) for text in table} == table
    assert millicores("0.1001") == 101, "rounded up"


@pytest.mark.parametrize("text", ["", "x", "1 Mi", "--1", "1mi", "0x10", "9e999", "١"])
def test_what_is_no_quantity_is_refused(text: str) -> None:
    with pytest.raises(QuantityError):
        quantity(text)


def test_limits_in_the_kernels_units() -> None:
    assert limits_of({"cpu": "100m"}, {"cpu": "100m", "memory": "15Mi"}) == Limits(15 << 20, 10_000, 102)
    assert limits_of({}, {}) == Limits()
    assert limits_of({}, {"cpu": "1m"}).cpu_quota == 1000, "the kernel's least quota"
