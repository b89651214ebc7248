"""The private names of http.client that esipy uses; no other file does. Read in CPython 3.11 to 3.14."""

from __future__ import annotations

import http.client
from typing import Any

#: The longest line of a header that is read, as in http.client.
_LONGEST_LINE = 2**16


class HTTPResponse(http.client.HTTPResponse):
    """A response that follows RFC 9110 where the standard library does not."""

    def begin(self) -> None:
        super().begin()
        if self.length is None and not self.chunked:
            self._take_repeated_length()

    def _take_repeated_length(self) -> None:
        """`Content-Length: 2, 2` is one length, sent twice (RFC 9110 section 8.6); the standard library ignores it. Two
        different ones are an error."""
        lengths = {value.strip() for value in self.headers.get('Content-Length', '').split(',')} - {''}
        if len(lengths) > 1:
            raise http.client.HTTPException('the response has two lengths')
        text = next(iter(lengths), '')
        if text.isascii() and text.isdigit() and len(text) < 20 and self._has_body():
            self.length = int(text)
            self.will_close = self._check_close()  # type: ignore[attr-defined]

    def _has_body(self) -> bool:
        method: Any = self._method  # type: ignore[attr-defined]
        return method != 'HEAD' and self.status >= 200 and self.status not in (204, 304)

    def _read_status(self) -> tuple[str, int, str]:
        """Return the first status that is final (RFC 9110 section 15.2); the standard library skips 100 alone."""
        while True:
            version, status, reason = super()._read_status()  # type: ignore[misc]
            if not 101 < status < 200:
                return version, status, reason
            while self.fp.readline(_LONGEST_LINE) not in (b'\r\n', b'\n', b''):
                pass
