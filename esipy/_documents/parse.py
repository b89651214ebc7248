"""From text to a Reader: what kind of document is it? Fetching it is the caller's business."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from esipy._spec.endpoints import EndpointTable, is_endpoint_table
from esipy._spec.openapi3 import OpenAPI3
from esipy._spec.reader import Reader
from esipy._spec.swagger2 import Swagger2
from esipy.exceptions import SpecError


def parse(text: str | bytes, name: str = 'description') -> Mapping[str, Any]:
    """A document from JSON or YAML text. Raises SpecError, naming `name`, for what is neither."""
    start = text.lstrip()[:1]
    if not start:
        raise SpecError(f'{name}: not an API description: there is nothing in it')
    if start in (b'<', '<'):
        raise SpecError(f'{name}: this is HTML or XML, not an API description')
    is_json = start in (b'{', '{', b'[', '[', b'\xef', '\ufeff')
    document = _json(text, name) if is_json else _yaml(text, name)
    if not isinstance(document, Mapping):
        raise SpecError(f'{name}: not an API description: the document is not an object')
    return document


def _json(text: str | bytes, name: str) -> Any:
    try:
        return json.loads(text if isinstance(text, bytes) else text.lstrip('\ufeff'))
    except (ValueError, RecursionError) as error:
        # A flow mapping of YAML begins with a brace as well, but nobody writes a description as one.
        raise SpecError(f'{name}: broken JSON: {error}') from None


def _yaml(text: str | bytes, name: str) -> Any:
    try:
        import yaml
    except ImportError:
        raise SpecError(f'{name}: not JSON; for YAML install the extra: pip install "EsiPy[yaml]"') from None
    base: Any = getattr(yaml, 'CSafeLoader', yaml.SafeLoader)

    class Loader(base):  # type: ignore[misc]
        """Safe, and with the types of JSON: dates stay text, and so do `yes`, `no`, `on` and `off`."""

    Loader.yaml_implicit_resolvers = {
        first: [(tag, regexp) for tag, regexp in resolvers if not tag.endswith((':timestamp', ':bool'))]
        for first, resolvers in base.yaml_implicit_resolvers.items()
    }
    boolean = re.compile(r'(true|True|TRUE|false|False|FALSE)$')
    Loader.add_implicit_resolver('tag:yaml.org,2002:bool', boolean, list('tTfF'))
    try:
        return yaml.load(text, Loader)
    except yaml.constructor.ConstructorError as error:
        hint = '; tags are not taken, only plain values' if 'tag' in str(error.problem) else ''
        raise SpecError(f'{name}: broken YAML: {error}{hint}') from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise SpecError(f'{name}: broken YAML: {error}') from None


def read(document: Any, source_url: str = '') -> Reader:
    """The Reader for a document's format. Raises SpecError for what is no description."""
    name = source_url or 'description'
    if not isinstance(document, Mapping):
        raise SpecError(f'{name}: not an API description: the document is not an object')
    if is_endpoint_table(document):
        return EndpointTable(document)
    if not isinstance(document.get('paths'), Mapping):
        raise SpecError(f'{name}: not an API description: it has no "paths", and is no table of endpoints')
    try:
        if str(document.get('openapi', '')).startswith('3.'):
            reader: Reader = OpenAPI3(document, source_url)
        elif str(document.get('swagger', '')) == '2.0':
            reader = Swagger2(document, source_url)
        else:
            raise SpecError('neither "swagger: 2.0" nor "openapi: 3.x"')
        urlsplit(reader.base_url)  # raises ValueError for what cannot be an address
    except ValueError as error:
        raise SpecError(f'{name}: not an API description, or a broken one: {error}') from None
    return reader
