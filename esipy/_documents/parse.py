"""From text to a Reader: what kind of document is it? Fetching it is the caller's business."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from esipy._documents import yaml_loader
from esipy._runtime.strict_json import finite, refuse
from esipy._runtime.suggest import abridged
from esipy._spec.endpoints import EndpointTable, is_endpoint_table
from esipy._spec.openapi3 import OpenAPI3
from esipy._spec.reader import Reader
from esipy._spec.swagger2 import Swagger2
from esipy.exceptions import SpecError


def parse(content: str | bytes, name: str = 'description') -> Mapping[str, Any]:
    """A document from JSON or YAML, as text or as bytes in UTF-8, UTF-16 or UTF-32.

    Raises SpecError, naming `name`, for what is neither."""
    text = _text(content, name)
    start = text.lstrip()[:1]
    if not start:
        raise SpecError(f'{name}: not an API description: there is nothing in it')
    if start == '<':
        raise SpecError(f'{name}: this is HTML or XML, not an API description')
    document = _json(text, name) if start in '{[' else _yaml(text, name)
    if not isinstance(document, Mapping):
        raise SpecError(f'{name}: not an API description: the document is not an object')
    return document


def _text(content: str | bytes, name: str) -> str:
    """The text, without a byte order mark. Bytes tell their encoding by it, or by their first zeros (RFC 4627 section
    3; YAML 1.2.2, section 5.2)."""
    if isinstance(content, str):
        return content.removeprefix('\ufeff')
    try:
        return content.decode(json.detect_encoding(content)).removeprefix('\ufeff')
    except UnicodeDecodeError as error:
        raise SpecError(f'{name}: broken JSON or YAML: not text in {error.encoding}: {error.reason}') from None


def _json(text: str, name: str) -> Any:
    try:
        return json.loads(text, parse_constant=refuse, parse_float=finite)
    except (ValueError, RecursionError) as error:
        # A flow mapping of YAML begins with a brace as well, but nobody writes a description as one.
        raise SpecError(f'{name}: broken JSON: {abridged(str(error), 400)}') from None


def _yaml(text: str, name: str) -> Any:
    try:
        return yaml_loader.load(text)
    except ImportError:
        raise SpecError(f'{name}: not JSON; for YAML install the extra: pip install "EsiPy[yaml]"') from None
    except Exception as error:  # PyYAML's own, and whatever its constructors meet
        hint = '; tags are not taken, only plain values' if 'tag' in str(getattr(error, 'problem', '')) else ''
        raise SpecError(f'{name}: broken YAML: {abridged(str(error), 400)}{hint}') from None


def read(document: Any, source_url: str = '') -> Reader:
    """The Reader for a document's format. Raises SpecError for what is not a description."""
    name = source_url or 'description'
    if not isinstance(document, Mapping):
        raise SpecError(f'{name}: not an API description: the document is not an object')
    if is_endpoint_table(document):
        return EndpointTable(document)
    has_others = (
        'openapi' in document and 'paths' not in document and ('webhooks' in document or 'components' in document)
    )
    if not has_others and not isinstance(document.get('paths'), Mapping):
        raise SpecError(f'{name}: not an API description: it has no "paths", and it is not a table of endpoints')
    try:
        if str(document.get('openapi', '')).startswith('3.'):
            reader: Reader = OpenAPI3(document, source_url)
        elif str(document.get('swagger', '')) == '2.0':
            reader = Swagger2(document, source_url)
        else:
            raise SpecError('neither "swagger: 2.0" nor "openapi: 3.x"')
        urlsplit(reader.base_url)  # raises ValueError for what cannot be an address
    except (ValueError, RecursionError) as error:
        reason = abridged(str(error), 400)
        raise SpecError(f'{name}: not an API description, or a broken one: {reason}') from None
    return reader
