"""Log injection (hostile input 66): who is quoted cannot write lines of his own."""

from __future__ import annotations

import io
import logging

import pytest

from lateen.adapters.log_lines import LONGEST, LineFormatter, escaped

EVIL = "/x\r\n2026-01-01 00:00:00 INFO lateen: all is well\x1b[2J\u2028\x00"


def logged(*arguments: object, error: BaseException | None = None) -> list[str]:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(LineFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    record = logging.LogRecord("lateen.test", logging.WARNING, "", 0, str(arguments[0]), arguments[1:], None)
    if error is not None:
        record.exc_info = (type(error), error, error.__traceback__)
    handler.emit(record)
    return stream.getvalue().splitlines()


@pytest.mark.parametrize("arguments", [(EVIL,), ("node %s left", EVIL), ("%r %s", EVIL, EVIL)])
def test_G66_line_ends_and_escape_sequences_are_written_out(arguments: tuple[object, ...]) -> None:
    (line,) = logged(*arguments)

    assert "\\r\\n2026" in line
    assert line.isprintable()


def test_G66_the_text_of_an_error_cannot_begin_a_line() -> None:
    try:
        raise ValueError(EVIL)
    except ValueError as error:
        first, *path = logged("failed", error=error)

    assert first.endswith("lateen.test: failed")
    assert all(line.startswith("    ") for line in path)


def test_G66_a_megabyte_of_text_is_cut() -> None:
    (line,) = logged("%s", "x" * 1_000_000)
    assert len(line) < LONGEST + 200


def test_ordinary_text_stays_as_it_is() -> None:
    assert escaped("größe: “ok” 漢字") == "größe: “ok” 漢字"
