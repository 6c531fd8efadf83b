"""If-None-Match: the tag, weak or strong, among others, or any."""

import pytest
from starlette.requests import Request

from labelsieve.api.etags import has_already


@pytest.mark.parametrize(
    ("header", "known"),
    [
        ('"a"', True),
        ('W/"a"', True),
        ('"b", "a"', True),
        ("*", True),
        (" * ", True),
        ("", False),
        ('"b"', False),
        ('"ab"', False),
        ("a", False),
        ('"*"', False),
    ],
)
def test_what_is_known_is_not_sent_again(header: str, known: bool) -> None:
    scope = {"type": "http", "headers": [(b"if-none-match", header.encode())] if header else []}
    assert has_already(Request(scope), '"a"') is known
