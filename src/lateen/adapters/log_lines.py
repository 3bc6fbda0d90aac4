"""Logs that cannot be forged: one record is one line, whatever a client has put into it.

In: log records, whose texts may quote host names, paths, node ids and errors of strangers. Out: lines in which control
characters (line ends, escape sequences of terminals) are written as `\\n`, `\\x1b`. The rule: only this process begins
lines; the lines of a path after an error are indented.
"""

from __future__ import annotations

import logging
import textwrap
from types import TracebackType
from typing import TextIO

__all__ = ["LineFormatter", "escaped", "start_logging"]

INDENT = "    "
LONGEST = 16 * 1024  # characters of one record's text
ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


def escaped(text: str) -> str:
    """The text without characters that end lines or steer terminals, and of bounded length."""
    if len(text) > LONGEST:
        text = f"{text[:LONGEST]}... ({len(text)} characters)"
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)


class LineFormatter(logging.Formatter):
    """See the module's docstring."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the name is logging's
        record.message = escaped(record.message)
        return super().formatMessage(record)

    def formatException(self, ei: ExcInfo) -> str:  # noqa: N802 - the name is logging's
        lines = super().formatException(ei).splitlines()
        return textwrap.indent("\n".join(map(escaped, lines)), INDENT)


def start_logging(stream: TextIO | None = None) -> None:
    """Log from INFO on to a stream (standard error by default); to be called once, by a process's entry point."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(LineFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
