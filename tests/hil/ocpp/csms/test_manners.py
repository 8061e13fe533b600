from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.ocpp.csms.manners import CARELESSNESSES, read_manner
from sim.errors import UsageError


def test_a_careless_manner_is_careful_but_for_what_it_names() -> None:
    one = read_manner("careless:accepts_faulted")
    assert one.has_operator
    assert one.careless == {"accepts_faulted"}
    assert read_manner("careless").careless == CARELESSNESSES.keys()
    assert read_manner("careful").careless == frozenset()
    assert not read_manner("plain").has_operator


def test_manners_join() -> None:
    both = read_manner("careful+mute:Authorize,Heartbeat+late:0.2")
    assert both.has_operator
    assert both.mute == {"Authorize", "Heartbeat"}
    assert both.late_s == 0.2


@pytest.mark.parametrize(
    ("text", "told"),
    [("rude", "careful"), ("careless:lazy", "ignores_alarms"), ("mute", "mute:ACTION"), ("mute:Reset", "Authorize"),
     ("late:x", "0 to 600"), ("late:nan", "0 to 600"), ("late:601", "0 to 600"), ("", "careful")],
)  # fmt: skip
def test_a_wrong_manner_says_what_would_be_right(text: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        read_manner(text)


@given(st.text(max_size=40) | st.from_regex(r"(careless|mute|late|careful):?[a-zA-Z0-9,+.-]{0,20}", fullmatch=True))
def test_any_text_is_a_manner_or_a_usage_error(text: str) -> None:
    with suppress(UsageError):
        assert read_manner(text).name == text
