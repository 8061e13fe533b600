"""Networks that masters may come from, and what is loopback."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.files import Misfit
from twins.networks import is_among, is_loopback, network_of


@pytest.mark.parametrize(
    ("host", "is_so"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False),
     ("192.0.2.1", False), ("bench.example", False), ("", False)],
)  # fmt: skip
def test_what_only_this_machine_reaches(host: str, is_so: bool) -> None:
    assert is_loopback(host) is is_so


@given(st.ip_addresses(v=4), st.integers(0, 32))
def test_an_address_is_in_the_networks_around_it_however_it_comes(address: ipaddress.IPv4Address, bits: int) -> None:
    around = network_of("allow[0]", str(ipaddress.ip_network(f"{address}/{bits}", strict=False)))
    assert is_among(str(address), [around]) and is_among(f"::ffff:{address}", [around])
    other = ipaddress.ip_address(int(address) ^ 1 << 32 - bits) if bits else None
    assert other is None or not is_among(str(other), [around])


@given(st.text(max_size=30))
def test_no_text_is_more_than_a_network_or_a_misfit(text: str) -> None:
    assert isinstance(is_among(text, [network_of("allow[0]", "0.0.0.0/0")]), bool)
    try:
        network_of("allow[0]", text)
    except Misfit as wrong:
        assert wrong.key == "allow[0]" and "192.168.10.0/24" in wrong.right
