"""Options of the whole suite."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--update-cases` rewrites the expected files of golden cases."""
    parser.addoption("--update-cases", action="store_true", help="rewrite the expected files under tests/cases")
