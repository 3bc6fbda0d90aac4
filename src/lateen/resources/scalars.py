"""What a plain (unquoted) YAML scalar means, as kubectl reads it.

In: the scalar's text. Out: None, bool, int, float or str. Rule: the conventions of YAML 1.1 as Go's yaml.v2
implements them, followed by the passage through JSON that every manifest makes: whole floats below 1e21 become
integers, infinities and NaN cannot pass. Reference: https://yaml.org/type/ and https://pkg.go.dev/strconv#ParseInt
"""

import math
import re

Scalar = None | bool | int | float | str

_WORDS: dict[str, Scalar] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False),
}
_NOT_NUMBERS = frozenset(
    (".nan", ".NaN", ".NAN", ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF", "-.inf", "-.Inf", "-.INF")
)
_INTEGER = re.compile(
    r"([-+]?)(?:(0[xX])([0-9a-fA-F]{1,16})|(0[bB])([01]{1,64})|(0[oO]?)([0-7]{1,23})|([1-9][0-9]{0,19}|0))\Z"
)
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
_NUMBER_STARTS = frozenset("+-.0123456789")
_JSON_EXPONENT = 1e21  # from here on JSON writes floats with an exponent, and readers keep them floats
_LONGEST = 400


class ScalarError(ValueError):
    """The scalar has a value that cannot be in a manifest; the message says which."""


def plain(text: str) -> Scalar:
    """Return the value of an unquoted scalar; raise ScalarError for infinities and NaN."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _NUMBER_STARTS or len(text) > _LONGEST:
        return text
    if text in _NOT_NUMBERS:
        raise ScalarError(f"{text} cannot be written in JSON, so no manifest can hold it")
    digits = text.replace("_", "") if text[0] != "." else text
    integer = _integer(digits)
    number = _float(digits) if integer is None else integer
    return text if number is None else number


def _integer(text: str) -> int | None:
    """Return the integer in decimal, 0x, 0b, 0o or (leading zero) octal notation that 64 bits can hold, or None."""
    found = _INTEGER.match(text)
    if found is None:
        return None
    sign, hexadecimal, hex_digits, binary, binary_digits, _octal, octal_digits, decimal_digits = found.groups()
    if hexadecimal:
        number = int(hex_digits, 16)
    elif binary:
        number = int(binary_digits, 2)
    elif octal_digits:
        number = int(octal_digits, 8)
    else:
        number = int(decimal_digits)
    if sign == "-":
        number = -number
    return number if -(2**63) <= number < (2**63 if sign else 2**64) else None


def _float(text: str) -> int | float | None:
    """Return the number in decimal notation, whole ones as integers; None if it is none or too large for a float."""
    if not _FLOAT.match(text):
        return None
    number = float(text)
    return None if math.isinf(number) else whole(number)


def whole(number: float) -> int | float:
    """Return a float as JSON hands it on: whole numbers below 1e21 as integers."""
    return int(number) if number.is_integer() and abs(number) < _JSON_EXPONENT else number
