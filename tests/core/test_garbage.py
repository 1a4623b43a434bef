"""While rows are made nothing is collected; afterwards it is as before."""

from __future__ import annotations

import gc

import pytest

from tradershub.core.garbage import uncollected


def test_cycles_are_sought_again_afterwards_even_after_a_failure():
    with pytest.raises(ValueError), uncollected():
        assert not gc.isenabled()
        raise ValueError
    assert gc.isenabled()


def test_the_inner_of_two_leaves_it_to_the_outer():
    with uncollected():
        with uncollected():
            pass
        assert not gc.isenabled()
    assert gc.isenabled()
