"""Exit codes and the one way a command fails: a clear line, never a traceback.

Codes as istioctl's: 0 fine, 1 other failure, 64 wrong usage, 65 bad input data, 79 findings above the threshold.
"""

from __future__ import annotations

import click

FAILED = 1
USAGE = 64
BAD_DATA = 65
FINDINGS = 79


class CommandError(click.ClickException):
    """A failure that the user can act on; `code` is the process's exit code."""

    def __init__(self, message: str, code: int = FAILED) -> None:
        super().__init__(message)
        self.code = code
