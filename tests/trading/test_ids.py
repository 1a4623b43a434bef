"""The same decision has the same id, and a mistyped id is seen."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from trading.ids import ALPHABET, Origin, client_order_id, is_client_order_id

KEY = "a key of the hub"


def id_of(kind="hand", origin="a1", account=1, leg=0, generation=0, key=KEY):
    return client_order_id(Origin(kind, origin, leg, generation), account_id=account, key=key)


def test_the_same_decision_has_the_same_id():
    assert id_of() == id_of() == "T7KFHA8QBM58MRVEFGAYDK"


def test_whatever_differs_makes_another_id():
    ids = [
        id_of(), id_of(kind="signal"), id_of(origin="a2"), id_of(account=2), id_of(leg=1),
        id_of(generation=1), id_of(key="another"), id_of(kind="ha", origin="nda1"),
        id_of(origin='a","b'), id_of(origin="a", kind='hand","b'),
    ]  # fmt: skip
    assert len(set(ids)) == len(ids)


@given(st.text(), st.integers(0, 2**63))
def test_every_id_is_whole_and_fits_everywhere(origin, account):
    text = id_of(origin=origin, account=account)
    assert len(text) == 22
    assert is_client_order_id(text)
    assert set(text) <= set(ALPHABET)


@given(st.text(), st.integers(1, 21), st.sampled_from(ALPHABET))
def test_one_wrong_character_is_seen(origin, place, wrong):
    text = id_of(origin=origin)
    harmed = text[:place] + wrong + text[place + 1 :]
    assert is_client_order_id(harmed) is (harmed == text)


def test_what_is_not_ours_is_none():
    for text in ("", "T", id_of().lower(), id_of()[:-1], id_of() + "0", "X" + id_of()[1:]):
        assert not is_client_order_id(text)
