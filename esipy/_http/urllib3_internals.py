"""The private names of urllib3 that esipy uses; no other file does. Read in urllib3 2.8."""

from __future__ import annotations

from typing import Any

from urllib3 import HTTPHeaderDict

#: The states of `GzipDecoder` in which it has come to the end of a member: it reads on, or ignores what follows.
_AFTER_THE_END = (1, 2)


def is_complete(raw: Any) -> bool:
    """Return whether the compressed data of a response came to its end, which urllib3 does not check."""
    decoder = getattr(raw, '_decoder', None)
    return all(map(_is_at_its_end, getattr(decoder, '_decoders', (decoder,))))  # several, one within the other


def _is_at_its_end(decoder: Any) -> bool:
    """Return whether a decoder has seen all of its data; that of brotli has another name for it than that of zlib. What
    follows the end of gzip data is ignored, as browsers do."""
    if getattr(decoder, '_state', None) in _AFTER_THE_END:
        return True
    own = getattr(decoder, '_obj', None)
    is_finished = getattr(own, 'is_finished', None)
    return bool(getattr(own, 'eof', True) if is_finished is None else is_finished())


def merged_pairs(headers: Any) -> dict[str, tuple[str, str]] | None:
    """Return the headers of a response by their names in lower case, as pairs of name and value; the values of a header
    that was sent several times are joined (RFC 9110 section 5.3). None for headers of another class."""
    if type(headers) is not HTTPHeaderDict:
        return None
    return {low: (name, ', '.join(values)) for low, (name, *values) in headers._container.items()}
