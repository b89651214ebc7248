"""Looking into a document: local references, `{"$ref": "#/components/schemas/Error"}`, and nodes of the right kind.

Everything is looked up when it is needed, and only then. What is broken there raises SpecError, which names it.
"""

import re
import reprlib
from collections.abc import Callable, Mapping
from functools import lru_cache
from itertools import islice
from typing import Any
from urllib.parse import unquote

from esipy._runtime.redact import is_secret, masked, masked_address
from esipy._runtime.suggest import abridged
from esipy.exceptions import SpecError


class Unsupported(SpecError):
    """Something in a description that is not broken, and that esipy cannot do."""


#: The index of an item in a list (RFC 6901 section 4).
_INDEX = re.compile(r'0|[1-9][0-9]{0,8}')

#: Links in a chain of references. No description has more than a handful.
_MAX_LINKS = 100


class _Repr(reprlib.Repr):
    """The text of a value, without walking through all of it: what a YAML alias stands for may be endless. What a field
    such as `password` holds is not shown."""

    def repr1(self, value: Any, level: int) -> str:
        if not isinstance(value, Mapping):
            return super().repr1(value, level)
        first = islice(value.items(), self.maxdict + 1)
        return super().repr_dict({name: _HIDDEN if is_secret(str(name)) else item for name, item in first}, level)


class _Hidden:
    def __repr__(self) -> str:
        return '***'


_HIDDEN = _Hidden()

_REPR = _Repr()
_REPR.maxstring = _REPR.maxother = _REPR.maxlong = 80
_REPR.maxdict = _REPR.maxlist = _REPR.maxtuple = 6
_REPR.maxlevel = 4

#: Characters of a text that are looked at.
_MAX_TEXT = 10_000

#: Larger numbers are not written out (Python refuses to, from 4300 digits on).
_MAX_BITS = 2048


def within(place: str, error: SpecError) -> SpecError:
    """The error with the place added to its text. A function, not a context manager: a description has thousands of
    such places, and nearly none of them is broken."""
    return type(error)(f'{error} (in {place})')


#: The fields beside a `$ref` that count (OpenAPI 3.1, Reference Object).
_BESIDE = ('summary', 'description')

#: Keywords of a schema that say nothing of its values: beside a `$ref` they take the place of the target's.
_ANNOTATIONS = frozenset(
    ('title', 'description', 'default', 'example', 'examples', 'deprecated', 'readOnly', 'writeOnly', 'nullable')
)


def with_text(target: Mapping[str, Any], beside: Mapping[str, Any]) -> Mapping[str, Any]:
    """The node of a reference, with the text beside the reference."""
    texts = {name: beside[name] for name in _BESIDE if name in beside}
    return {**target, **texts} if texts else target


def as_schema(target: Mapping[str, Any], beside: Mapping[str, Any]) -> Mapping[str, Any]:
    """A schema that is referred to, with the keywords beside the reference: all of them apply (JSON Schema 2020-12,
    section 8.2.3.1)."""
    if (beside.keys() & target.keys()) <= _ANNOTATIONS:
        return {**target, **beside}
    return {**beside, 'allOf': [target, *beside.get('allOf', ())]}


def as_item(target: Mapping[str, Any], beside: Mapping[str, Any]) -> Mapping[str, Any]:
    """A Path Item, or an operation, that is referred to, with the fields beside the reference."""
    both = {**target, **beside}
    if 'parameters' in target and 'parameters' in beside:
        both['parameters'] = [*listed(target, 'parameters'), *listed(beside, 'parameters')]
    return both


def resolve(
    document: Mapping[str, Any],
    node: Any,
    join: Callable[[Mapping[str, Any], Mapping[str, Any]], Mapping[str, Any]] = with_text,
) -> Any:
    """The node that `node` refers to, through any chain of references; `node` itself if it refers to nothing.

    `join`: which of the fields beside a `$ref` count.
    Raises SpecError, which names the reference, for one that leads nowhere, in a circle, or out of the document.
    """
    if type(node) is dict and '$ref' not in node:  # nearly all are
        return node
    seen: dict[str, None] = {}
    beside: list[dict[str, Any]] = []
    while isinstance(node, Mapping) and isinstance(node.get('$ref'), str):
        ref = node['$ref']
        if ref in seen:
            raise SpecError(f'reference in a circle: {abridged(" -> ".join([*seen, ref]), 400)}')
        seen[ref] = None
        if len(seen) > _MAX_LINKS:
            raise SpecError(f'reference {shown(next(iter(seen)))} leads through more than {_MAX_LINKS} others')
        if len(node) > 1:
            beside.append({key: value for key, value in node.items() if key != '$ref'})
        node = _follow(document, ref)
    for fields in reversed(beside) if isinstance(node, Mapping) else ():
        node = join(node, fields)
    return node


def _follow(document: Mapping[str, Any], ref: str) -> Any:
    """The place that a JSON Pointer names (RFC 6901, in its URI fragment form)."""
    node: Any = document
    for key in _keys(ref):
        if isinstance(node, Mapping) and key in node:
            node = node[key]
        elif isinstance(node, list) and _INDEX.fullmatch(key) and int(key) < len(node):
            node = node[int(key)]
        else:
            raise SpecError(f'reference to nothing: {shown(ref)} (there is no {shown(key)})')
    return node


@lru_cache(maxsize=1024)  # descriptions refer to the same few parameters and responses from each operation
def _keys(ref: str) -> tuple[str, ...]:
    """The keys, one in the other, that a local reference names."""
    if not _is_local(ref):
        raise Unsupported(
            f'reference {shown_address(ref)} leads out of the document: put what it names '
            f"under 'components' and refer to it by '#/components/…'"
        )
    return tuple(unquote(part).replace('~1', '/').replace('~0', '~') for part in ref[1:].split('/')[1:])


def external_reference(document: Mapping[str, Any], node: Any) -> str | None:
    """The reference by which `node` leads out of the document; None if it does not."""
    if type(node) is dict and '$ref' not in node:
        return None
    for _ in range(_MAX_LINKS):
        ref = node.get('$ref') if isinstance(node, Mapping) else None
        if not isinstance(ref, str):
            return None
        if not _is_local(ref):
            return ref
        node = _follow(document, ref)
    return None


def _is_local(ref: str) -> bool:
    return ref == '#' or ref.startswith('#/')


def mapping(node: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The object under `name`, an empty one if there is none."""
    value = node.get(name)
    if value is None:
        return {}
    return value if type(value) is dict else is_mapping(value, repr(name))


def is_mapping(node: Any, place: str) -> Mapping[str, Any]:
    """The node itself, if it is an object."""
    if type(node) is not dict and not isinstance(node, Mapping):
        raise SpecError(f'{place} cannot be {shown(node)}')
    return node


def listed(node: Mapping[str, Any], name: str) -> list[Any]:
    """The list under `name`, an empty one if there is none."""
    value = node.get(name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise SpecError(f'{name!r} cannot be {shown(value)}')
    return value


def text(node: Mapping[str, Any], name: str) -> str:
    """The text under `name`, which must be there."""
    value = node.get(name)
    if not isinstance(value, str):
        raise SpecError(f'{name!r} cannot be {shown(value)}' if name in node else f'there is no {name!r}')
    return value


def shown_address(address: Any) -> str:
    """An address in an error's text, without its secrets; the scheme may be missing."""
    return shown(masked_address(address[:_MAX_TEXT]) if isinstance(address, str) else address)


def shown(value: Any) -> str:
    """A value in an error's text: its beginning, if it is long."""
    if isinstance(value, str):  # masked before it is cut: the end of an address shows where its password is
        return abridged(repr(masked(value[:_MAX_TEXT])[:100]), 80)
    if isinstance(value, (bytes, bytearray)):
        return abridged(repr(value[:100]), 80)
    if isinstance(value, int) and value.bit_length() > _MAX_BITS:
        return f'a number of {value.bit_length()} bits'
    if isinstance(value, (Mapping, list, tuple, set, frozenset)):
        return abridged(_REPR.repr(value), 80)
    return abridged(repr(value), 80)
