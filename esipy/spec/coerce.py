"""Loose input to JSON values, checked against a schema: what is sent is strict, what is taken is not.

EsiPy 1.x took digits as text, comma text for lists, sets and tuples; all that is still taken. What it sent
wrongly in silence (`True` or `34.9` for an integer) is refused.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import date
from difflib import get_close_matches
from typing import Any
from uuid import UUID

from esipy.spec.model import Schema

#: Where a value stands, and what is wrong with it.
Faults = list[tuple[str, str]]

#: Descriptions say int32 where the server has long passed it; 64 bits are what it stores.
INT64 = range(-(2**63), 2**63)


class Refused(Exception):
    """A value that does not fit; the text says why."""


def coerce(value: Any, schema: Schema, where: str, faults: Faults) -> Any:
    """`value` as the JSON value that `schema` describes; whatever does not fit is added to `faults`."""
    try:
        fitting = _typed(value, schema, where, faults)
        _check_enum(fitting, schema)
        return fitting
    except Refused as refusal:
        faults.append((where, str(refusal)))
        return None


def _typed(value: Any, schema: Schema, where: str, faults: Faults) -> Any:
    if schema.one_of and not schema.keywords.get('type'):
        return _alternative(value, schema, where)
    kinds = schema.types
    if value is None:
        if not kinds or 'null' in kinds:
            return None
        raise Refused(f'None where {_named(schema)} belongs')
    for kind in kinds:
        if kind == 'array':
            return _list(value, schema, where, faults)
        if kind == 'object':
            return _object(value, schema, where, faults)
        if kind != 'null':
            return SCALARS[kind](value, schema) if kind in SCALARS else value
    return value


def _alternative(value: Any, schema: Schema, where: str) -> Any:
    """The first alternative (oneOf, anyOf) that the value fits."""
    reasons: list[str] = []
    for option in schema.one_of:
        faults: Faults = []
        fitting = coerce(value, option, where, faults)
        if not faults:
            return fitting
        reasons.extend(fault for _, fault in faults)
    raise Refused(' or '.join(dict.fromkeys(reasons)) or f'{_shown(value)} fits no alternative')


def _integer(value: Any, schema: Schema) -> int:
    if isinstance(value, bool):
        raise Refused(f'{value} where an integer belongs')
    if isinstance(value, str):
        text = value.strip()
        if not text.lstrip('+-').isdecimal():
            raise Refused(f'{_shown(value)} is not an integer')
        number = int(text)
    elif hasattr(type(value), '__index__'):
        number = value.__index__()
    elif isinstance(value, float) and value.is_integer():
        number = int(value)
    else:
        raise Refused(f'{_shown(value)} is not an integer')
    if number not in INT64:
        raise Refused(f'{_shown(number)} does not fit into 64 bits')
    _check_range(number, schema)
    return number


def _number(value: Any, schema: Schema) -> float:
    if isinstance(value, bool) or not (isinstance(value, str) or hasattr(type(value), '__float__') or _indexed(value)):
        raise Refused(f'{_shown(value)} is not a number')
    try:
        number = float(value)
    except (ValueError, OverflowError):
        raise Refused(f'{_shown(value)} is not a number') from None
    if not math.isfinite(number):
        raise Refused(f'{value} is not a finite number')
    _check_range(number, schema)
    return number


def _string(value: Any, schema: Schema) -> str:
    if isinstance(value, str):
        text = str.__str__(value)  # the value of a member of a text enumeration, not its name
    elif isinstance(value, date):
        text = value.isoformat()
    elif isinstance(value, (UUID, float)) or (_indexed(value) and not isinstance(value, bool)):
        text = str(value)
    else:
        raise Refused(f'{_shown(value)} is not a text')
    shortest, longest = schema.keywords.get('minLength'), schema.keywords.get('maxLength')
    if shortest is not None and len(text) < shortest:
        raise Refused(f'{_shown(text)} is shorter than {shortest} characters')
    if longest is not None and len(text) > longest:
        raise Refused(f'{len(text)} characters, at most {longest} are allowed')
    return text


def _boolean(value: Any, schema: Schema) -> bool:
    if isinstance(value, bool):
        return value
    if type(value).__name__ in ('bool_', 'bool'):  # numpy's own
        return bool(value)
    known = {'true': True, 'false': False, '1': True, '0': False}.get(str(value).strip().lower())
    if known is None or isinstance(value, float):
        raise Refused(f'{_shown(value)} is neither true nor false')
    return known


SCALARS: dict[str, Any] = {'integer': _integer, 'number': _number, 'string': _string, 'boolean': _boolean}


def _list(value: Any, schema: Schema, where: str, faults: Faults) -> list[Any]:
    items = [
        coerce(item, schema.items, f'{where}[{index}]', faults) if schema.items else item
        for index, item in enumerate(_listed(value))
    ]
    if schema.keywords.get('uniqueItems'):
        items = _unique(items)
    least, most = schema.keywords.get('minItems'), schema.keywords.get('maxItems')
    if least is not None and len(items) < least:
        raise Refused(f'{len(items)} items, at least {least} {"is" if least == 1 else "are"} needed')
    if most is not None and len(items) > most:
        raise Refused(f'{len(items)} items, at most {most} are allowed')
    return items


def _listed(value: Any) -> list[Any]:
    """A list of anything that was taken for one: comma text, a set (sorted, so that it always reads the same), ..."""
    if isinstance(value, str):
        return value.split(',')
    if isinstance(value, (set, frozenset)):
        try:
            return sorted(value)
        except TypeError:
            return list(value)
    if isinstance(value, (bytes, Mapping)):
        raise Refused(f'{_shown(value)} is not a list')
    if isinstance(value, Iterable):
        return list(value)
    return [value]


def _unique(items: list[Any]) -> list[Any]:
    try:
        return list(dict.fromkeys(items))
    except TypeError:  # lists and objects cannot be looked up
        return [item for index, item in enumerate(items) if item not in items[:index]]


def _object(value: Any, schema: Schema, where: str, faults: Faults) -> dict[str, Any]:
    """An object with its declared fields, defaults filled in as 1.x did."""
    if not isinstance(value, Mapping):
        raise Refused(f'{_shown(value)} is not an object')
    known = schema.properties
    given = {str(key): item for key, item in value.items()}
    result: dict[str, Any] = {}
    for name, field in known.items():
        place = f'{where}.{name}'
        if given.get(name) is None and 'null' not in field.types and name not in schema.required:
            if 'default' in field.keywords:
                result[name] = field.keywords['default']
        elif name in given:
            result[name] = coerce(given[name], field, place, faults)
        else:
            faults.append((place, 'is required'))
    for name in given.keys() - known.keys():
        _check_unknown(name, given, schema)
    result.update({name: given[name] for name in given if name not in known})
    return result


def _check_unknown(name: str, given: dict[str, Any], schema: Schema) -> None:
    """A field that the description does not know is sent all the same, as JSON Schema allows and 1.x did; but
    what looks like a slip of the pen, or what the description forbids, is refused."""
    nearest = get_close_matches(name, schema.properties.keys() - given.keys(), n=1)
    if nearest and not isinstance(schema.additional, Schema):
        raise Refused(f'unknown field {name!r}, did you mean {nearest[0]!r}?')
    if schema.additional is False:
        raise Refused(f'unknown field {name!r}; known are {", ".join(schema.properties)}')


def _check_range(number: float, schema: Schema) -> None:
    words = schema.keywords
    if words.get('minimum') is not None and number < words['minimum']:
        raise Refused(f'{number} is below the minimum of {words["minimum"]}')
    if words.get('maximum') is not None and number > words['maximum']:
        raise Refused(f'{number} is above the maximum of {words["maximum"]}')
    if words.get('exclusiveMinimum') is not None and number <= words['exclusiveMinimum']:
        raise Refused(f'{number} must be above {words["exclusiveMinimum"]}')
    if words.get('exclusiveMaximum') is not None and number >= words['exclusiveMaximum']:
        raise Refused(f'{number} must be below {words["exclusiveMaximum"]}')


def _check_enum(value: Any, schema: Schema) -> None:
    choices = schema.keywords.get('enum')
    if choices is None or value in choices or value is None:
        return
    nearest = get_close_matches(str(value), [str(choice) for choice in choices], n=1)
    hint = f', did you mean {nearest[0]!r}?' if nearest else ''
    raise Refused(f'{_shown(value)} is not one of {", ".join(map(str, choices[:20]))}{hint}')


def _indexed(value: Any) -> bool:
    return hasattr(type(value), '__index__')


def _named(schema: Schema) -> str:
    return ' or '.join(schema.types)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f'{text[:77]}...'
