"""The live feed on a real socket: a snapshot, frames of what changed, every event once and in order."""

from __future__ import annotations

from pathlib import Path

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kept_up import alone_day, ask, keep_up
from listening import Listener, Refused

from bench_api import live


@pytest.fixture
def station(tmp_path: Path) -> Path:
    return alone_day(tmp_path)


def origin(client: httpx2.Client) -> str:
    return str(client.base_url)


def disturb(client: httpx2.Client, times: int) -> int:
    """Make events: the number of the last."""
    for _ in range(times):
        ask(client, 200, "POST", "reset")
    return int(ask(client, 200, "GET", "health")["last_event"])


def test_a_snapshot_then_frames_of_what_has_changed(station: Path) -> None:
    def act(client: httpx2.Client) -> None:
        with Listener(origin(client)) as listener:
            first = listener.hear()
            assert first is not None and first["type"] == "snapshot"
            names = ask(client, 200, "GET", "signals", params={"with_values": True})["values"].keys()
            assert first["values"].keys() == names
            assert first["is_complete"] and first["after"] == first["last_event"] and not first["is_paused"]
            values, t_s = first["values"], first["t_s"]
            for _ in range(5):
                frame = listener.hear_a("frame")
                assert frame["t_s"] > t_s
                assert all(values[name] != value for name, value in frame["values"].items()), "only what has changed"
                values |= frame["values"]
                t_s = frame["t_s"]
            ask(client, 200, "POST", "station/pause")
            while (frame := listener.hear_a("frame"))["t_s"] != ask(client, 200, "GET", "health")["t_s"]:
                values |= frame["values"]
            values |= frame["values"]
            assert values == ask(client, 200, "GET", "signals", params={"with_values": True})["values"]
            ask(client, 200, "POST", "station/resume")

    keep_up(station, act)


def test_every_event_once_and_in_order_to_all_and_as_rest_says_it(station: Path) -> None:
    def act(client: httpx2.Client) -> None:
        with Listener(origin(client)) as one, Listener(origin(client), "/api/v1/live?after=0") as other:
            begins = one.hear_a("snapshot")["after"]
            assert other.hear_a("snapshot")["after"] == 0
            last = disturb(client, 30)
            heard = {}
            for listener, after in ((one, begins), (other, 0)):
                events = [listener.hear_a("event")]
                while events[-1]["seq"] < last:
                    events.append(listener.hear_a("event"))
                wanted = ask(client, 200, "GET", "events", params={"after": after, "limit": 10_000})["events"]
                known = [{key: row[key] for key in row if key != "time"} for row in wanted if row["seq"] <= last]
                told = [{key: row[key] for key in row if key != "type"} for row in events if row["seq"] <= last]
                assert told == known
                heard[after] = told
            assert len(heard[0]) >= 30

    keep_up(station, act)


def test_a_slow_reader_misses_frames_and_no_event(station: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "_UNREAD_BYTES", 4_096)

    def act(client: httpx2.Client) -> None:
        with Listener(origin(client), buffer=4_096) as slow:
            begins = slow.hear_a("snapshot")["after"]
            last = disturb(client, 400)
            seqs, kinds = [], set()
            while not seqs or seqs[-1] < last:
                message = slow.hear()
                assert message is not None, slow.closed
                kinds.add(message["type"])
                if message["type"] == "event":
                    seqs.append(message["seq"])
            events = ask(client, 200, "GET", "events", params={"after": begins, "limit": 10_000})["events"]
            assert seqs == [row["seq"] for row in events if row["seq"] <= seqs[-1]]
            assert slow.hear_a("snapshot")["values"]["grid.power_kw"] is not None, "what it lacks comes whole"

    keep_up(station, act)


def test_who_falls_too_far_behind_is_closed_and_comes_back_for_what_it_missed(
    station: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "_MOST_BEHIND", 50)
    monkeypatch.setattr(live, "_UNREAD_BYTES", 4_096)

    def act(client: httpx2.Client) -> None:
        with Listener(origin(client), buffer=4_096) as deaf:
            last_seen = deaf.hear_a("snapshot")["after"]
            last = disturb(client, 600)
            while (message := deaf.hear()) is not None:
                assert message["t_s"] < 1e9 and message.get("seq", 0) < last, "it was never behind"
                last_seen = message["seq"] if message["type"] == "event" else last_seen
            assert deaf.closed is not None and deaf.closed[0] in (live.BEHIND, 1006)
        missed = ask(client, 200, "GET", "events", params={"after": last_seen})
        assert missed["is_complete"] and missed["events"]
        with Listener(origin(client), f"/api/v1/live?after={last_seen}") as again:
            assert again.hear_a("snapshot")["is_complete"]
            assert again.hear_a("event")["seq"] == missed["events"][0]["seq"]

    keep_up(station, act)


def test_who_asks_for_events_that_are_not_there_is_told_so(station: Path) -> None:
    def act(client: httpx2.Client) -> None:
        with Listener(origin(client), "/api/v1/live?after=9007199254740991") as listener:
            snapshot = listener.hear_a("snapshot")
            assert not snapshot["is_complete"] and snapshot["after"] == snapshot["last_event"]

    keep_up(station, act)


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/api/v1/live", {"Origin": "http://evil.example"}, 403),
        ("/api/v1/live", {"Host": "evil.example"}, 403),
        ("/api/v1/health", {}, 404),
        ("/api/v1/live?after=-1", {}, 422),
        ("/api/v1/live?after=1&after=2", {}, 422),
        ("/api/v1/live?signals=*", {}, 422),
        ("/api/v1/live?after=99999999999999999999", {}, 422),
    ],
)
def test_who_may_not_come_in(station: Path, path: str, headers: dict[str, str], status: int) -> None:
    def act(client: httpx2.Client) -> None:
        with pytest.raises(Refused) as refused:
            Listener(origin(client), path, headers=headers)
        assert refused.value.status == status and refused.value.detail

    keep_up(station, act)


def test_a_page_of_our_own_may_listen(station: Path) -> None:
    def act(client: httpx2.Client) -> None:
        with Listener(origin(client), headers={"Origin": origin(client).removesuffix("/api/v1/")}) as listener:
            listener.hear_a("snapshot")

    keep_up(station, act)


def test_what_a_client_says_ends_its_own_connection_alone(station: Path) -> None:
    def act(client: httpx2.Client) -> None:
        with Listener(origin(client)) as other:

            @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), database=None)
            @given(
                body=st.binary(max_size=300), opcode=st.integers(0, 15), mask=st.booleans(), flags=st.integers(0, 15)
            )
            def holds(body: bytes, opcode: int, mask: bool, flags: int) -> None:
                with Listener(origin(client)) as listener:
                    listener.hear_a("snapshot")
                    listener.say(body, opcode, is_masked=mask, flags=flags << 4)
                    listener.say(b"", 8)
                    while listener.hear() is not None:
                        pass
                    assert listener.closed is not None

            holds()
            assert ask(client, 200, "GET", "health")["status"] == "ok"
            assert ask(client, 200, "GET", "events", params={"kind": "command.*"})["events"] == []
            other.hear_a("frame")

    keep_up(station, act)
