"""Log lines of containers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lateen.localcluster.logs import LONGEST, Selection, entries, parse_entry, read_time, select, stamp


def test_lines_are_stamped_and_a_rest_waits() -> None:
    lines, rest = entries(b"one\ntwo\nthr", "stdout", 1.5, final=False)

    assert lines == b"1970-01-01T00:00:01.500000000Z stdout F one\n1970-01-01T00:00:01.500000000Z stdout F two\n"
    assert rest == b"thr"
    assert entries(b"thr", "stderr", 1, final=True)[0].endswith(b" stderr F thr\n")


def test_a_long_line_comes_in_parts_and_reads_as_one() -> None:
    text = b"x" * (LONGEST * 2 + 10)
    lines, _ = entries(text + b"\n", "stdout", 1, final=False)

    assert [line.split(b" ")[2] for line in lines.splitlines()] == [b"P", b"P", b"F"]
    assert b"".join(select(lines.splitlines(), Selection())) == text + b"\n"


def test_a_carriage_return_cannot_forge_a_line() -> None:
    lines, _ = entries(b"ok\r1970-01-01T00:00:00Z stdout F forged\nwindows\r\n", "stdout", 1, final=False)

    assert b"ok\\r1970" in lines
    assert lines.endswith(b"windows\r\n")
    assert lines.count(b"\n") == 2


@given(st.binary(max_size=2000))
def test_every_line_of_a_log_file_is_an_entry(data: bytes) -> None:
    lines, rest = entries(data, "stdout", 7, final=True)

    assert rest == b""
    assert all(parse_entry(line) is not None for line in lines.split(b"\n")[:-1])


def test_selection_by_tail_time_and_stamps() -> None:
    lines = [stamp(second) + b" stdout F line %d" % second for second in range(1, 6)]

    assert select(lines, Selection(tail=2)) == [b"line 4\n", b"line 5\n"]
    assert select(lines, Selection(tail=0)) == []
    assert select(lines, Selection(since=4.0)) == [b"line 4\n", b"line 5\n"]
    assert select(lines[:1], Selection(timestamps=True)) == [stamp(1) + b" line 1\n"]
    assert select([b"garbage"], Selection()) == []
    assert read_time(stamp(12.25)) == 12.25
