from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.ocpp.frames import MAX_DEPTH, MAX_FRAME_BYTES, Call, CallError, Frame, FrameError, Result, encode, parse

FLOATS = st.floats(allow_nan=False, allow_infinity=False)
SCALARS = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | FLOATS | st.text()
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=12)
IDS = st.text(min_size=1, max_size=36)
OBJECTS = st.dictionaries(st.text(), JSON, max_size=4)
FRAMES = (
    st.builds(Call, IDS, st.text(min_size=1, max_size=50), OBJECTS)
    | st.builds(Result, IDS, OBJECTS)
    | st.builds(CallError, IDS, st.text(min_size=1, max_size=50), st.text(max_size=255), OBJECTS)
)


def broken(data: bytes) -> FrameError:
    with pytest.raises(FrameError) as caught:
        parse(data)
    return caught.value


@given(FRAMES)
def test_what_is_encoded_is_read_back(frame: Frame) -> None:
    assert parse(encode(frame)) == frame


@given(st.binary(max_size=200))
def test_any_bytes_are_a_frame_or_a_frame_error(data: bytes) -> None:
    try:
        parse(data)
    except FrameError as error:
        assert not error.is_answerable or error.message_id


@given(JSON)
def test_any_json_is_a_frame_or_a_frame_error(value: Any) -> None:
    try:
        frame = parse(orjson.dumps(value))
    except FrameError:
        return
    assert orjson.loads(encode(frame)) == value


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b'[2,"7"]', "ProtocolError"),
        (b'[2,"7","Heartbeat"]', "ProtocolError"),
        (b'[2,"7",5,{}]', "FormationViolation"),
        (b'[2,"7","",{}]', "FormationViolation"),
        (b'[2,"7","' + b"x" * 51 + b'",{}]', "FormationViolation"),
        (b'[2,"7","Heartbeat",[]]', "FormationViolation"),
        (b'[2,"7","Heartbeat",null]', "FormationViolation"),
        (b'[2,"7","Heartbeat",{},1]', "FormationViolation"),
        (b'[2,"7","Heartbeat",{', "FormationViolation"),
        (b'[2,"7","Heartbeat",{"a":NaN}]', "FormationViolation"),
        (b'[2,"7","Heartbeat",{"a":1e400}]', "FormationViolation"),
        (b' [ 2 , "7" , "Heartbeat",{"a":"\xff"}]', "FormationViolation"),
        (b'[2,"7","Heartbeat",{"a":"' + b"x" * MAX_FRAME_BYTES + b'"}]', "FormationViolation"),
        (b'[2,"7","Heartbeat",{"a":' + b"[" * MAX_DEPTH + b"]" * MAX_DEPTH + b"}]", "FormationViolation"),
        (b'[2,"7","Heartbeat",{"a":' + b"[" * 5000 + b"]" * 5000 + b"}]", "FormationViolation"),
    ],
)
def test_a_broken_call_with_a_readable_id_is_answerable(data: bytes, code: str) -> None:
    error = broken(data)
    assert (error.code, error.message_id, error.is_answerable) == (code, "7", True)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"hello",
        b"{}",
        b"[]",
        b"[2]",
        b"null",
        b'"x"',
        b"\x00\xff",
        b'[2,7,"Heartbeat",{}]',
        b'[2,null,"Heartbeat",{}]',
        b'[7,"1","Heartbeat",{}]',
        b'[true,"1","Heartbeat",{}]',
        b'["2","1","Heartbeat",{}]',
        b'[2.0,"1","Heartbeat",{}]',
        b'[2,"\xff","Heartbeat",{}]',
        b"[" * 100_000,
        b'[3,"7"]',
        b'[3,"7",[]]',
        b'[3,"7",{},{}]',
        b'[4,"7","GenericError"]',
        b'[4,"7","GenericError","",[]]',
        b'[4,"7",5,"",{}]',
        b'[3,"7",{',
    ],
)
def test_what_cannot_or_must_not_be_answered(data: bytes) -> None:
    assert not broken(data).is_answerable


def test_a_broken_answer_still_says_to_what() -> None:
    assert (broken(b'[3,"7",[]]').kind, broken(b'[3,"7",[]]').message_id) == (3, "7")
    assert (broken(b'[4,"7",5,"",{}]').kind, broken(b'[3,"7",{').message_id) == (4, "7")


def test_limits_are_what_they_say() -> None:
    nested = b'[2,"7","A",' + b'{"a":' * (MAX_DEPTH - 2) + b"{}" + b"}" * (MAX_DEPTH - 2) + b"]"
    assert isinstance(parse(nested), Call)
    assert broken(b'[2,"' + b"i" * 37 + b'","A",{}]').message_id == "i" * 37
    assert isinstance(parse(b'[2,"' + b"i" * 36 + b'","A",{}]'), Call)
    wide = b'[2,"7","A",{"a":[' + b",".join([b"[]"] * 1000) + b"]}]"
    assert isinstance(parse(wide), Call)
    with pytest.raises(FrameError):
        parse(wide, max_bytes=100)


def test_a_long_description_is_cut_to_what_the_standard_allows() -> None:
    said = parse(encode(CallError("1", "GenericError", "x" * 300)))
    assert isinstance(said, CallError)
    assert len(said.description) == 255
