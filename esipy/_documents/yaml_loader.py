"""YAML by the core schema of version 1.2.2 (chapter 10.3), whose types are JSON's: `11:00`, `1_000`, `yes` and dates
are texts, `010` is ten. PyYAML itself reads version 1.1.

What aliases and merge keys stand for is bounded: ten lines of them can stand for 10^9 items.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any, ClassVar

from esipy._runtime.suggest import abridged

#: Items that merge keys (`<<`) may bring into mappings, in one document.
_MAX_MERGED = 1_000_000

#: Items that a document may stand for beyond those that are written in it.
_MAX_ITEMS = 1_000_000
_MAX_EXPANSION = 10

#: The tags of plain scalars, what they look like, and their first characters.
_PLAIN = (
    ('null', r'~|null|Null|NULL|', ['~', 'n', 'N', '']),
    ('bool', r'true|True|TRUE|false|False|FALSE', list('tTfF')),
    ('int', r'[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+', list('-+0123456789')),
    (
        'float',
        r'[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)',
        list('-+.0123456789'),
    ),
    ('merge', r'<<', ['<']),
)


def load(text: str) -> Any:
    """The value in a text of YAML. Raises ImportError without PyYAML, yaml.YAMLError, ValueError or RecursionError for
    a text that cannot be read."""
    value = _loader()(text)
    if '*' in text:
        _check_size(value)
    return value


@cache
def _loader() -> Any:
    """The function that reads a text: by PyYAML's parser in C where it has one."""
    import yaml

    base: Any = getattr(yaml, 'CSafeLoader', yaml.SafeLoader)

    class Loader(base):  # type: ignore[misc]
        """Plain values alone, by the core schema."""

        yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {}

        def __init__(self, text: str) -> None:
            super().__init__(text)
            self._merged = 0
            self._flattening: set[int] = set()
            self._checked: set[int] = set()

        def flatten_mapping(self, node: Any) -> None:
            """Put what merge keys stand for into a mapping: innermost first, so that each step can be counted."""
            if id(node) in self._flattening:  # it merges itself
                return
            self._flattening.add(id(node))
            if id(node) not in self._checked:  # a second time it holds what it merges, too
                self._checked.add(id(node))
                _check_keys(node, yaml)
            for one in [one for key, value in node.value for one in _merged(key, value, yaml)]:
                self.flatten_mapping(one)
                self._merged += len(one.value)
                if self._merged > _MAX_MERGED:
                    raise ValueError(f'merge keys (<<) that stand for more than {_MAX_MERGED} items')
            super().flatten_mapping(node)
            node.value = _nearest(node.value, yaml)
            self._flattening.discard(id(node))

        def construct_mapping(self, node: Any, deep: bool = False) -> Any:
            if isinstance(node, yaml.MappingNode):
                self.flatten_mapping(node)
                _keep_texts(node, yaml)
            return super().construct_mapping(node, deep=deep)

    # Tags whose values JSON does not have. As for any other tag, an error says where they stand.
    plain = ('null', 'bool', 'int', 'float', 'str', 'seq', 'map')
    Loader.yaml_constructors = {
        tag: build for tag, build in base.yaml_constructors.items() if tag is None or tag in map(_tag, plain)
    }
    for name, pattern, first in _PLAIN:
        Loader.add_implicit_resolver(_tag(name), re.compile(f'(?:{pattern})$'), first)
    Loader.add_constructor(_tag('merge'), Loader.construct_scalar)
    Loader.add_constructor(_tag('int'), lambda loader, node: _integer(loader.construct_scalar(node)))
    Loader.add_constructor(_tag('float'), lambda loader, node: _number(loader.construct_scalar(node)))
    Loader.add_constructor(_tag('bool'), lambda loader, node: loader.construct_scalar(node).lower() == 'true')
    return lambda text: yaml.load(text, Loader)


def _merged(key: Any, value: Any, yaml: Any) -> list[Any]:
    """The mappings that a merge key stands for."""
    if key.tag != _tag('merge'):
        return []
    many = value.value if isinstance(value, yaml.SequenceNode) else [value]
    return [one for one in many if isinstance(one, yaml.MappingNode)]


def _nearest(fields: list[Any], yaml: Any) -> list[Any]:
    """The fields of a mapping without those that a nearer field of the same key replaces; PyYAML lets the farthest win
    where a mapping is merged that merges another."""
    nearest = {key.value if isinstance(key, yaml.ScalarNode) else id(key): (key, value) for key, value in fields}
    return [*nearest.values()] if len(nearest) < len(fields) else fields


def _check_keys(node: Any, yaml: Any) -> None:
    """Raise an error, with the line, for a key that a mapping has twice (YAML 1.2.2, section 3.2.1.1): whoever wrote it
    would not learn that one of the two does not count."""
    seen: set[str] = set()
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode) or key.tag == _tag('merge'):
            continue
        if key.value in seen:
            problem = f'the key {abridged(repr(key.value), 80)} stands twice in one mapping'
            raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
        seen.add(key.value)


def _tag(name: str) -> str:
    return f'tag:yaml.org,2002:{name}'


def _keep_texts(node: Any, yaml: Any) -> None:
    """Keys are texts, as in JSON: `200:` is '200'. So are the values of an enum of texts, which descriptions have
    without quotes: `enum: [1.10, 010]` with `type: string`."""
    fields = {}
    for key, value in node.value:
        if isinstance(key, yaml.ScalarNode):
            if key.tag != _tag('merge'):
                key.tag = _tag('str')
            fields[key.value] = value
    kind = fields.get('type')
    kinds: list[Any] = kind.value if isinstance(kind, yaml.SequenceNode) else [kind]
    for one in kinds:
        if isinstance(kind, yaml.SequenceNode) and one.tag == _tag('null') and one.value == 'null':
            one.tag = _tag('str')  # `type: [string, null]`, which lacks quotes
    if {one.value for one in kinds if isinstance(one, yaml.ScalarNode)} - {'null'} != {'string'}:
        return
    many = fields.get('enum')
    values = list(many.value) if isinstance(many, yaml.SequenceNode) else []
    values += [fields[name] for name in ('default', 'const', 'example') if name in fields]
    for value in values:
        if isinstance(value, yaml.ScalarNode) and value.tag in (_tag('int'), _tag('float'), _tag('bool')):
            value.tag = _tag('str')


def _integer(text: str) -> int:
    base = {'0o': 8, '0x': 16}.get(text[:2], 10)
    return int(text[2:] if base != 10 else text, base)


def _number(text: str) -> float:
    return float(text.lower().replace('.inf', 'inf').replace('.nan', 'nan'))


def _check_size(value: Any) -> None:
    """Raise ValueError for a value that holds itself, or that stands for far more items than it has."""
    sizes: dict[int, int] = {}
    open_ones: set[int] = set()
    waiting: list[tuple[Any, bool]] = [(value, False)]
    while waiting:
        node, is_done = waiting.pop()
        children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
        if is_done:
            sizes[id(node)] = 1 + sum(sizes.get(id(child), 1) for child in children)
            open_ones.discard(id(node))
        elif id(node) in open_ones:
            raise ValueError('an alias (*) that stands for a value which holds it')
        elif isinstance(node, (dict, list)) and id(node) not in sizes:
            open_ones.add(id(node))
            waiting.append((node, True))
            waiting.extend((child, False) for child in children if isinstance(child, (dict, list)))
    size = sizes.get(id(value), 1)
    if size > max(_MAX_ITEMS, _MAX_EXPANSION * len(sizes)):
        raise ValueError(f'aliases (*) that stand for more than {_MAX_ITEMS} items')
