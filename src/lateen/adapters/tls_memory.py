"""Keeps the memory of TLS connections small, for processes that hold many that are idle most of the time.

asyncio gives every TLS connection a read buffer of 256 KiB at once (`asyncio.sslproto.SSLProtocol.max_size`), fifteen
times what one TLS record can carry. Fifty open watches then cost 15 MB; with one record's size they cost 3.
In: nothing. Out: nothing; connections made afterwards are small. The rule: called once, by a composition root.
"""

from __future__ import annotations

from asyncio import sslproto

RECORD = 17 * 1024  # one TLS record: 16 KiB and its framing


def shrink_tls_buffers() -> None:
    """Make the buffers of all TLS connections of this process fit one record."""
    sslproto.SSLProtocol.max_size = RECORD
