"""Loose input to JSON values, checked against a schema: what is sent is strict, what is taken is not.

EsiPy 1.x took digits as text, comma text for lists, sets and tuples; all that is still taken. What it sent
wrongly in silence (`True` or `34.9` for an integer) is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, time
from typing import Any

from esipy._runtime.suggest import abridged, closest, enumerated
from esipy._spec.faults import Faults, Upload
from esipy._spec.refs import shown
from esipy._spec.scalars import (
    SCALARS,
    Refused,
    check_length,
    check_range,
    integer,
    is_indexed,
    is_uuid,
    moment,
    number,
    same,
    string,
    unique,
)
from esipy._spec.schema import Schema


def coerce(
    value: Any, schema: Schema, where: str, faults: Faults, base: Schema | None = None, is_begun: bool = False
) -> Any:
    """`value` as the JSON value that `schema` describes; whatever does not fit is added to `faults`.

    `base`: a schema that applies to the same value and has been checked: what it describes is not unknown here.
    `is_begun`: `_once` has begun to check this value."""
    if value is None and faults.keeps_null:
        return None
    if schema.rules and not is_begun and isinstance(value, (Mapping, list)):
        return _once(value, schema, where, faults, base)
    try:
        if isinstance(value, Upload):
            return _file(value, schema, faults)
        known = len(faults)
        fitting = _typed(value, schema, where, faults, base)
        if schema.enum is not None:
            _check_enum(fitting, schema, faults)
        if schema.rules and len(faults) == known and (fitting is not None or not (schema.types or schema.choices)):
            return _by_rules(fitting, schema, where, faults)
        return fitting
    except Refused as refusal:
        faults.append((where, str(refusal)))
        return None


def _once(value: Any, schema: Schema, where: str, faults: Faults, base: Schema | None) -> Any:
    """What `coerce` returns, for an object or a list to which several schemas apply: they lead to the values in it
    several times, and within these again, which would take 2^depth attempts."""
    place = (id(schema), id(base), where)
    known = faults.attempts.get((id(value), *place))
    if known is None:
        found = faults.none_yet()
        fitting = coerce(value, schema, where, found, base, is_begun=True)
        known = faults.attempts[(id(value), *place)] = (value, fitting, found)
        if not found:  # what was made to fit does
            faults.attempts[(id(fitting), *place)] = (fitting, fitting, found)
    faults.extend(known[2])
    return known[1]


def _file(upload: Upload, schema: Schema, faults: Faults) -> Any:
    kinds = schema.types
    if not faults.takes_files or not (not kinds or {'string', 'file', 'array'}.intersection(kinds)):
        raise Refused(f'a file where {" or ".join(kinds) or "JSON"} belongs')
    return [upload] if kinds == ('array',) else upload


def _typed(value: Any, schema: Schema, where: str, faults: Faults, base: Schema | None) -> Any:
    kinds = schema.types
    if value is None:
        if schema.is_nullable:
            return None
        raise Refused(f'None where {" or ".join(kinds) or "a value"} belongs')
    if len(kinds) == 1:
        return _of_kind(kinds[0], value, schema, where, faults, base)
    if kinds:
        return _of_some_kind(kinds, value, schema, where, faults, base)
    for choice in schema.choices:
        value = _alternative(value, schema, choice, where, faults)
        base = schema
    return _untyped(value, schema, where, faults, base)


def _untyped(value: Any, schema: Schema, where: str, faults: Faults, base: Schema | None) -> Any:
    """A value of any type: the keywords that are for its own type apply (JSON Schema 2020-12, section 7.6.1)."""
    if not schema.has_bounds or value is None:
        return _json_value(value) if not schema.choices else value
    if isinstance(value, Mapping):
        return _object(value, schema, where, faults, base)
    if isinstance(value, (list, tuple, set, frozenset)):
        return _list(value, schema, where, faults)
    scalar = _json_value(value)
    if isinstance(scalar, str):
        check_length(scalar, schema)
    elif isinstance(scalar, (int, float)) and not isinstance(scalar, bool):
        check_range(scalar, schema)
    return scalar


def _of_kind(kind: str, value: Any, schema: Schema, where: str, faults: Faults, base: Schema | None) -> Any:
    if kind == 'array':
        return _list(value, schema, where, faults)
    if kind == 'object':
        return _object(value, schema, where, faults, base)
    if kind == 'null':
        raise Refused(f'{shown(value)} where null belongs')
    if kind not in SCALARS:
        return _json_value(value)
    if schema.format == 'date' and isinstance(value, datetime):
        value = value.date()
    elif schema.format == 'date-time' and isinstance(value, date):
        value = moment(value)
    scalar = SCALARS[kind](value)
    if kind == 'string':
        check_length(scalar, schema)
    elif kind != 'boolean':
        check_range(scalar, schema)
    return scalar


def _of_some_kind(
    kinds: tuple[str, ...], value: Any, schema: Schema, where: str, faults: Faults, base: Schema | None
) -> Any:
    """A value of one of several types: of its own, if that is among them, else of the first that it can be made."""
    reasons: list[str] = []
    possible = [kind for kind in kinds if kind != 'null']
    for kind in sorted(possible, key=lambda kind: not _is_of((kind,), value)):
        found = faults.none_yet()
        try:
            fitting = _of_kind(kind, value, schema, where, found, base)
        except Refused as refusal:
            reasons.append(str(refusal))
            continue
        faults.extend(found)
        return fitting
    raise Refused(abridged(' and '.join(reasons), 400))


def _is_of(kinds: tuple[str, ...], value: Any) -> bool:
    """Whether a value has one of the types already."""
    return any(isinstance(value, _PYTHON.get(kind, ())) for kind in kinds)


_PYTHON: dict[str, Any] = {
    'integer': int,
    'number': (int, float),
    'string': str,
    'boolean': bool,
    'array': (list, tuple),
    'object': Mapping,
}


def _alternative(value: Any, schema: Schema, choice: tuple[Schema, ...], where: str, faults: Faults) -> Any:
    """The first alternative (oneOf, anyOf) that the value fits: of those of its own type, else of the others; the one
    that its discriminator names, where it does. Where it is the right kind of thing for one of them, what is wrong
    inside is reported."""
    reasons: list[str] = []
    inside = faults.none_yet()
    named = schema.discriminated(value)
    options = choice if named is None or named.named[0] not in choice else named.named
    for option in sorted(options, key=lambda option: _distance(option, value)):
        fitting, found = _attempt(value, option, where, faults, schema)
        if not found:
            return fitting
        at_top = [fault for place, fault in found if place == where]
        reasons += at_top
        if not at_top and (not inside or len(found) < len(inside)):
            inside = found
    if not inside:
        raise Refused(abridged(' or '.join(dict.fromkeys(reasons)), 400))
    faults.extend(inside)
    return None


def _distance(option: Schema, value: Any) -> int:
    """How far a value is from the type of an alternative: one of another type would be changed to fit."""
    return 0 if _is_of(option.types, value) else 2 if option.types else 1


def _attempt(value: Any, schema: Schema, where: str, faults: Faults, base: Schema) -> tuple[Any, Faults]:
    """What `coerce` returns for a value that need not fit, and what does not."""
    place = (id(schema), where)
    if place in faults.being_tried:
        return value, faults.none_yet()
    found = faults.none_yet()
    faults.being_tried.add(place)
    try:
        return coerce(value, schema, where, found, base), found
    finally:
        faults.being_tried.discard(place)


def _fits(value: Any, schema: Schema, where: str, faults: Faults) -> bool:
    """Whether a JSON value fits a schema as it is."""
    fitting, found = _attempt(value, schema, where, faults, schema)
    return not found and same(value, fitting)


def _by_rules(value: Any, schema: Schema, where: str, faults: Faults) -> Any:
    """A value that its own keywords allow, by the schemas that apply to it beside them (JSON Schema 2020-12, section
    10.2)."""
    if schema.types:
        for choice in schema.choices:
            value = _alternative(value, schema, choice, where, faults)
    for refused in schema.each('not'):
        if _fits(value, refused, where, faults):
            raise Refused(f'{shown(value)} is not allowed')
    for condition, then, otherwise in schema.conditions:
        branch = then if _fits(value, condition, where, faults) else otherwise
        if branch is not None:
            value, found = _attempt(value, branch, where, faults, schema)
            faults.extend(found)
    if isinstance(value, list):
        for wanted in schema.each('contains'):
            least = schema.keywords.get('minContains', 1)
            if sum(_fits(item, wanted, f'{where}[{index}]', faults) for index, item in enumerate(value)) < least:
                raise Refused('an item that must be among these is missing')
    if isinstance(value, dict):
        for names in schema.each('propertyNames'):
            for name in value:
                coerce(name, names, f'{where}: the name {shown(name)}', faults)
    return value


def _json_value(value: Any) -> Any:
    """Any value as JSON has it, where the description does not say which."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Mapping):
        return {str(name): _json_value(item) for name, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_json_value(item) for item in _listed(value, ',')]
    if isinstance(value, (str, date, time)) or is_uuid(value):
        return string(value)
    if hasattr(type(value), 'tolist'):  # the arrays and scalars of numpy and pandas
        return _json_value(value.tolist())
    return integer(value) if is_indexed(value) else number(value)


def _list(value: Any, schema: Schema, where: str, faults: Faults) -> list[Any]:
    items = _listed(value, schema.separator)
    first, rest = schema.first_items, schema.items
    if schema.is_closed and len(items) > len(first):
        raise Refused(f'{len(items)} items, at most {len(first)} are allowed')
    if first:
        head = zip(items, first, strict=False)
        fitting = [coerce(item, one, f'{where}[{index}]', faults) for index, (item, one) in enumerate(head)]
    else:
        fitting = []
    if len(items) > len(first):
        fitting += _rest(items[len(first) :] if first else items, len(first), rest, where, faults)
    items = fitting
    if schema.keywords.get('uniqueItems'):
        items = unique(items)
    _check_count(len(items), 'items', schema.keywords.get('minItems'), schema.keywords.get('maxItems'))
    return items


def _rest(items: list[Any], start: int, schema: Schema | None, where: str, faults: Faults) -> list[Any]:
    """The items of a list that all are of one schema."""
    if schema is None:
        return [_json_value(item) for item in items]
    return [coerce(item, schema, f'{where}[{index}]', faults) for index, item in enumerate(items, start)]


def _check_count(count: int, what: str, least: Any, most: Any) -> None:
    if least is not None and count < least:
        raise Refused(f'{count} {what}, at least {least} {"is" if least == 1 else "are"} needed')
    if most is not None and count > most:
        raise Refused(f'{count} {what}, at most {most} {"is" if most == 1 else "are"} allowed')


def _listed(value: Any, separator: str) -> list[Any]:
    """A list of anything that was taken for one: comma text, a set (sorted, so that it always reads the same), ..."""
    if isinstance(value, str):
        return [item.strip() for item in value.split(separator)]
    if isinstance(value, (set, frozenset)):
        try:
            return sorted(value)
        except TypeError:
            return list(value)
    if isinstance(value, (bytes, bytearray, memoryview, Mapping)):
        raise Refused(f'{shown(value)} is not a list')
    return list(value) if isinstance(value, Iterable) else [value]


def _object(value: Any, schema: Schema, where: str, faults: Faults, base: Schema | None) -> dict[str, Any]:
    """An object with its declared fields, then the others. A field that was not given is not sent, whatever its
    `default`: in a body that says what the server assumes (OpenAPI 3.1, Schema Object), not what the caller wants."""
    if not isinstance(value, Mapping):
        raise Refused(f'{shown(value)} is not an object')
    known = schema.properties
    given = {str(key): item for key, item in value.items()}
    result: dict[str, Any] = {}
    demanded = _demanded(schema, base, faults)
    for name, field in known.items():
        is_null = name in given and (field.is_nullable or faults.keeps_null)
        if given.get(name) is None and name not in demanded and not is_null:
            continue  # 1.x: None for an optional field means that it is not given
        if name in given:
            result[name] = coerce(given[name], field, f'{where}.{name}', faults)
        else:
            faults.append((f'{where}.{name}', 'is required'))
    if not demanded <= given.keys():
        faults += [(f'{where}.{name}', 'is required') for name in sorted(demanded - known.keys() - given.keys())]
    for name in (name for name in given if name not in known):
        result[name] = _further(name, given, schema, f'{where}.{name}', faults, base)
    words = schema.keywords
    _check_count(len(result), 'fields', words.get('minProperties'), words.get('maxProperties'))
    for needs in schema.each('dependentRequired'):
        missing = {other: name for name, others in needs.items() if name in result for other in others}
        for other in missing.keys() - result.keys():
            faults.append((f'{where}.{other}', f'is required beside {missing[other]!r}'))
    return result


def _demanded(schema: Schema, base: Schema | None, faults: Faults) -> frozenset[str]:
    """The required fields, but for those that only a response has (`readOnly`), or only a request (`writeOnly`)."""
    if not schema.required:
        return schema.required
    word = 'writeOnly' if faults.of_response else 'readOnly'
    fields = schema.properties if base is None else {**base.properties, **schema.properties}
    return frozenset(name for name in schema.required if name not in fields or not fields[name].keywords.get(word))


def _further(
    name: str, given: Mapping[str, Any], schema: Schema, where: str, faults: Faults, base: Schema | None
) -> Any:
    """A field that `properties` does not have."""
    patterns = schema.of_pattern(name)
    if patterns:
        value = given[name]
        for field in patterns:
            value = coerce(value, field, where, faults)
        return value
    additional = schema.additional
    if isinstance(additional, Schema):
        return coerce(given[name], additional, where, faults)
    is_known = base is not None and name in base.properties
    return _undescribed(name, given, schema, where, faults, is_known or patterns is None)


def _undescribed(
    name: str, given: Mapping[str, Any], schema: Schema, where: str, faults: Faults, is_known: bool
) -> Any:
    """A field that the description does not know is sent all the same, as JSON Schema allows and 1.x did; but
    what looks like a misspelling, or what the description forbids, is refused."""
    has_hint = faults.has_hints and not is_known and not schema.one_of
    nearest = closest(name, schema.properties.keys() - given.keys()) if has_hint else []
    if nearest:
        faults.append((where, f'unknown field, did you mean {nearest[0]!r}?'))
    elif schema.additional is False and not is_known:
        faults.append((where, f'unknown field; known are {enumerated(schema.properties)}'))
    else:
        try:
            return _json_value(given[name])
        except Refused as refusal:
            faults.append((where, str(refusal)))
    return None


def _check_enum(value: Any, schema: Schema, faults: Faults) -> None:
    choices = schema.enum or []
    if value is None and schema.own.get('nullable') is True:  # such enums need not list null to allow it
        return
    if value in choices and (isinstance(value, str) or any(same(value, choice) for choice in choices)):
        return
    nearest = closest(value, choices) if faults.has_hints else []
    hint = f', did you mean {nearest[0]!r}?' if nearest else ''
    raise Refused(f'{shown(value)} is not one of {enumerated(choices)}{hint}')
