"""Switches of the control plane: Istio's `PILOT_...` environment variables, as an engine input.

In: the variables that the control plane was started with, name to text. Out: one value per switch, with Istio's
default where it is absent. Rule: nothing reads the process's environment; a switch is an input like any other, so
turning it re-runs only what asked for it.
"""

from typing import Final

from lateen.engine import Database, Table

FEATURES: Final[Table[str, str]] = Table("features")
"""Environment variables of istiod that change translation, by name."""

MULTIPLE_CUSTOM_PROVIDERS: Final = "PILOT_ENABLE_MULTIPLE_CUSTOM_AUTHZ_PROVIDERS"

_TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE = frozenset({"0", "f", "F", "FALSE", "false", "False"})


def parse_bool(text: str) -> bool | None:
    """Read a truth value as Go's `strconv.ParseBool` does; None if it is none."""
    return True if text in _TRUE else False if text in _FALSE else None


def flag(db: Database, name: str, default: bool = False) -> bool:
    """Whether a switch is on; text that is no truth value counts as the default."""
    value = parse_bool(db.get(FEATURES, name) or "")
    return default if value is None else value


def feature(db: Database, name: str, default: str = "") -> str:
    """The text of a switch; the default where it is not set."""
    value = db.get(FEATURES, name)
    return default if value is None else value
