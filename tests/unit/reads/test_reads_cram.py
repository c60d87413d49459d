"""The outside of a CRAM file is read as the specification writes it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftercar.edges.cram_blocks import NoShortcut, itf8, itf8_array, ltf8, parse_compression


def packed(value: int) -> bytes:
    """An ITF-8 integer, written from the specification's table."""
    for extra, limit in enumerate((1 << 7, 1 << 14, 1 << 21, 1 << 28)):
        if value < limit:
            body = value.to_bytes(extra + 1, "big")
            return bytes([body[0] | (0xFF << (8 - extra)) & 0xFF]) + body[1:]
    return bytes([0xF0 | value >> 28, value >> 20 & 255, value >> 12 & 255, value >> 4 & 255, value & 15])


@given(st.lists(st.integers(0, 2**31 - 1), max_size=50))
def test_itf8_comes_back(values):
    data = b"".join(packed(value) for value in values)
    assert itf8_array(data).tolist() == values
    at, found = 0, []
    while at < len(data):
        value, at = itf8(data, at)
        found.append(value)
    assert found == values


def test_negative_and_long_integers():
    assert itf8(b"\xff\xff\xff\xff\x0f", 0) == (-1, 5)
    assert ltf8(b"\x05", 0) == (5, 1)
    assert ltf8(b"\x81\x00", 0) == (256, 2)
    assert ltf8(b"\xff" + (2**40).to_bytes(8, "big"), 0) == (2**40, 9)
    with pytest.raises(NoShortcut, match="ends inside"):
        itf8_array(b"\x05\xc0")


def header(*series: bytes) -> bytes:
    """A compression header with an empty preservation map and these series."""
    return b"\x01\x00" + b"\x00" + packed(len(series)) + b"".join(series) + b"\x01\x00"


def test_series_that_share_a_block_or_are_bit_packed_allow_no_shortcut():
    clips = b"SC" + b"\x05\x02\x09\x07"  # stop byte 9, content 7
    good = parse_compression(header(clips, b"BA" + b"\x01\x01\x08"))
    assert good.needs_reference
    assert (good.alone("SC").stop, good.alone("SC").content, good.alone("BA").content) == (9, 7, 8)
    assert good.alone("RL") is None
    mixed = parse_compression(header(clips, b"BA" + b"\x01\x01\x07"))
    with pytest.raises(NoShortcut, match="shares a block with BA"):
        mixed.alone("SC")
    packed_bits = parse_compression(header(b"BA" + b"\x06\x02\x00\x01"))
    with pytest.raises(NoShortcut, match="bit-packed"):
        packed_bits.alone("BA")
    constant = parse_compression(header(b"RL" + b"\x03\x04\x01\x64\x01\x00"))
    assert constant.alone("RL").constant == 100
    with pytest.raises(NoShortcut):
        parse_compression(b"\x05\x03")
