"""Media types, and what a description says of a body: in which of them it can be sent, and how."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from esipy._spec.schema import Schema

JSON, FORM, MULTIPART, TEXT, BINARY = 'json', 'form', 'multipart', 'text', 'binary'

#: 'application/json', 'application/merge-patch+json; charset=utf-8', 'text/json'.
_JSON = re.compile(r'(application|text)/json|[\w.-]+/([\w.-]+|\*)\+json')

#: A media type as it is allowed in a header (RFC 9110 section 8.3.1), ranges included.
_MEDIA_TYPE = re.compile(r'[\w.!#$&^*+-]+/[\w.!#$&^*+-]+ *(;[\x20-\x7e]*)?', re.ASCII)

#: Bodies that are texts by their kind, though not by their name.
_TEXTS = re.compile(r'text/.*|application/(xml|yaml|x-yaml|javascript|x-ndjson|graphql|sql)|.*\+(xml|yaml)')


class PartStyle(NamedTuple):
    """How one field of a form is written (Encoding Object)."""

    content_type: str | None = None
    style: str | None = None
    exploded: bool = True
    allows_reserved: bool = False


class Content:
    """One of the media types in which a body can be sent."""

    def __init__(
        self,
        media_type: str,
        schema: Schema,
        encoding: Mapping[str, PartStyle] | None = None,
        kind: str | None = None,
    ) -> None:
        self.media_type = media_type
        self.schema = schema
        #: How the fields of a form are written, where the description says so.
        self.encoding = encoding or {}
        self.kind = kind or kind_of(media_type)
        name = bare(media_type)
        #: In a merge patch null means that a field is removed (RFC 7396).
        self.is_merge_patch = name.endswith('/merge-patch+json')
        is_form = self.kind != MULTIPART or name in ('multipart/form-data', 'multipart/*')
        self.is_supported = is_form and _MEDIA_TYPE.fullmatch(media_type) is not None
        self.content_type = _content_type(media_type, self.kind)


def _content_type(media_type: str, kind: str) -> str:
    """The `Content-Type` of a body. A range such as `*/*` is not one."""
    if '*' in media_type:
        return {JSON: 'application/json', TEXT: 'text/plain; charset=utf-8'}.get(kind, 'application/octet-stream')
    return f'{media_type}; charset=utf-8' if kind == TEXT and 'charset' not in media_type.lower() else media_type


def bare(media_type: str) -> str:
    """A media type without its parameters, in lower case."""
    return media_type.partition(';')[0].strip().lower()


def is_json(media_type: str) -> bool:
    """Whether bodies of this media type, or range of them, are JSON."""
    name = bare(media_type)
    return name in ('*/*', 'application/*') or _JSON.fullmatch(name) is not None


def kind_of(media_type: str) -> str:
    """How bodies of a media type are written: JSON, FORM, MULTIPART, TEXT or BINARY."""
    name = bare(media_type)
    if is_json(name):
        return JSON
    if name == 'application/x-www-form-urlencoded':
        return FORM
    if name.startswith('multipart/'):
        return MULTIPART
    return TEXT if _TEXTS.fullmatch(name) else BINARY


def is_within(media_type: str, declared: Iterable[str]) -> bool:
    """Whether a media type is one of those that are declared, or in a range such as `text/*`."""
    name = bare(media_type)
    main = name.partition('/')[0]
    return any(bare(one) in (name, f'{main}/*', '*/*') for one in declared)


def accepted(declared: Iterable[str]) -> str | None:
    """Return the `Accept` for responses in these media types; None if JSON is one, which is requested anyway."""
    names = list(dict.fromkeys(declared))
    if not names or is_within('application/json', names):
        return None
    return ', '.join(sorted(names, key=lambda name: not is_json(name)))
