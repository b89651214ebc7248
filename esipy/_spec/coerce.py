"""Loose input to JSON values, checked against a schema: what is sent is strict, what is taken is not.

EsiPy 1.x took digits as text, comma text for lists, sets and tuples; all that is still taken. What it sent
wrongly in silence (`True` or `34.9` for an integer) is refused.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any, NamedTuple

from esipy._runtime.suggest import abridged, closest, enumerated
from esipy._spec.refs import shown
from esipy._spec.schema import Schema


class Faults(list[tuple[str, str]]):
    """Where a value stands, and what is wrong with it."""

    def __init__(self, *, of_response: bool = False, keeps_null: bool = False, takes_files: bool = False) -> None:
        super().__init__()
        #: The value was received: it need not have fields that are `writeOnly`, but those that are `readOnly`.
        self.of_response = of_response
        #: null means something for every field (JSON Merge Patch, RFC 7396).
        self.keeps_null = keeps_null
        #: The value is a form, whose fields may be files.
        self.takes_files = takes_files

    def none_yet(self) -> Faults:
        """An empty list for another attempt at the same value."""
        return Faults(of_response=self.of_response, keeps_null=self.keeps_null, takes_files=self.takes_files)


class Upload(NamedTuple):
    """A file in a form, or a whole body of bytes."""

    content: bytes
    filename: str | None = None
    content_type: str | None = None

    def __repr__(self) -> str:
        return f'<{len(self.content)} bytes>'


#: Descriptions say int32 where the server has long passed it; 64 bits are what it stores.
INT64 = range(-(2**63), 2**63)

_DIGITS = re.compile(r'\s*[+-]?[0-9]+\s*')

_DECIMAL = re.compile(r'\s*[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?\s*')

#: Half a character: it has no bytes.
_SURROGATE = re.compile(r'[\ud800-\udfff]')


class Refused(Exception):
    """A value that does not fit; the text says why."""


def coerce(value: Any, schema: Schema, where: str, faults: Faults) -> Any:
    """`value` as the JSON value that `schema` describes; whatever does not fit is added to `faults`."""
    if value is None and faults.keeps_null:
        return None
    try:
        if isinstance(value, Upload):
            return _file(value, schema, faults)
        fitting = _typed(value, schema, where, faults)
        _check_enum(fitting, schema)
        return fitting
    except Refused as refusal:
        faults.append((where, str(refusal)))
        return None


def _file(upload: Upload, schema: Schema, faults: Faults) -> Any:
    kinds = schema.types
    if not faults.takes_files or not (not kinds or {'string', 'file', 'array'}.intersection(kinds)):
        raise Refused(f'a file where {" or ".join(kinds) or "JSON"} belongs')
    return [upload] if kinds == ('array',) else upload


def _typed(value: Any, schema: Schema, where: str, faults: Faults) -> Any:
    kinds = schema.types
    if not kinds:
        if value is None and schema.is_nullable:
            return None
        return _alternative(value, schema, where, faults) if schema.one_of else _json_value(value)
    if value is None:
        if schema.is_nullable:
            return None
        raise Refused(f'None where {" or ".join(kinds)} belongs')
    if len(kinds) == 1:
        return _of_kind(kinds[0], value, schema, where, faults)
    return _of_some_kind(kinds, value, schema, where, faults)


def _of_kind(kind: str, value: Any, schema: Schema, where: str, faults: Faults) -> Any:
    if kind == 'array':
        return _list(value, schema, where, faults)
    if kind == 'object':
        return _object(value, schema, where, faults)
    if kind == 'null':
        raise Refused(f'{shown(value)} where null belongs')
    if kind not in SCALARS:
        return _json_value(value)
    if schema.format == 'date' and isinstance(value, datetime):
        value = value.date()
    elif schema.format == 'date-time' and isinstance(value, date):
        value = _moment(value)
    scalar = SCALARS[kind](value)
    if kind == 'string':
        _check_length(scalar, schema)
    elif kind != 'boolean':
        _check_range(scalar, schema)
    return scalar


def _moment(value: date) -> datetime:
    """A date and time with its zone, which RFC 3339 demands: UTC where none is named, as in the reading direction."""
    moment = value if isinstance(value, datetime) else datetime(value.year, value.month, value.day)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _of_some_kind(kinds: tuple[str, ...], value: Any, schema: Schema, where: str, faults: Faults) -> Any:
    """A value of one of several types: of its own, if that is among them, else of the first that it can be made."""
    reasons: list[str] = []
    possible = [kind for kind in kinds if kind != 'null']
    for kind in sorted(possible, key=lambda kind: not _is_of((kind,), value)):
        found = faults.none_yet()
        try:
            fitting = _of_kind(kind, value, schema, where, found)
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


def _alternative(value: Any, schema: Schema, where: str, faults: Faults) -> Any:
    """The first alternative (oneOf, anyOf) that the value fits: of those of its own type, else of the others. Where it
    is the right kind of thing for one of them, what is wrong inside is reported."""
    reasons: list[str] = []
    inside = faults.none_yet()
    for option in sorted(schema.alternatives, key=lambda option: not _is_of(option.types, value)):
        found = faults.none_yet()
        fitting = coerce(value, option, where, found)
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


def _integer(value: Any) -> int:
    if isinstance(value, bool):
        raise Refused(f'{value} where an integer belongs')
    try:
        if isinstance(value, str):
            number = int(value) if _DIGITS.fullmatch(value) else None
        elif hasattr(type(value), '__index__'):
            number = value.__index__()
        else:
            whole = int(value) if hasattr(type(value), '__int__') else None  # floats, decimals, numpy's own
            number = whole if whole == value else None
    except (ValueError, OverflowError, TypeError, ArithmeticError):
        number = None
    if number is None:
        raise Refused(f'{shown(value)} is not an integer')
    if number not in INT64:
        raise Refused(f'{shown(number)} does not fit into 64 bits')
    return int(number)


def _number(value: Any) -> float:
    """A number; a whole one as an integer with all its digits, since `34.0` and `1e+16` are read as text by servers."""
    if isinstance(value, bool) or not (isinstance(value, str) or hasattr(type(value), '__float__') or _indexed(value)):
        raise Refused(f'{shown(value)} is not a number')
    whole = _whole(value)
    if whole is not None:
        return whole
    try:
        number = float(value)
    except (ValueError, OverflowError, TypeError):
        raise Refused(f'{shown(value)} is not a number') from None
    if not math.isfinite(number):
        raise Refused(f'{shown(value)} is not a finite number')
    if isinstance(value, str):
        return _written(value, number)
    return number


def _written(text: str, number: float) -> float:
    """A number that was given as text: '34.0' and '1e3' are whole numbers, with all their digits."""
    if not _DECIMAL.fullmatch(text):  # `float` reads underscores, and digits of any script
        raise Refused(f'{shown(text)} is not a number')
    if number.is_integer() and abs(number) < 10**_MAX_DIGITS:
        from decimal import Decimal  # which programs without such numbers do not need

        return int(Decimal(text.strip()))
    return number


#: Longer numbers are written with an exponent.
_MAX_DIGITS = 40


def _whole(value: Any) -> int | None:
    """A whole number as an integer, exactly; None for any other."""
    try:
        if isinstance(value, str):
            return int(value) if len(value) <= _MAX_DIGITS and _DIGITS.fullmatch(value) else None
        if _indexed(value):
            number = int(value.__index__())
        else:
            number = int(value)
            if number != value:
                return None
    except (ValueError, OverflowError, TypeError, ArithmeticError):
        return None
    return number if abs(number) < 10**_MAX_DIGITS else None


def _string(value: Any) -> str:
    if isinstance(value, str):
        text = str.__str__(value)  # the value of a member of a text enumeration, not its name
    elif isinstance(value, date):
        text = value.isoformat()
    elif isinstance(value, float) and math.isfinite(value):
        text = float.__repr__(value)
    elif _indexed(value) and not isinstance(value, bool):
        text = str(_integer(value))
    elif _is_uuid(value):
        text = str(value)
    else:
        raise Refused(f'{shown(value)} is not a text')
    if not text.isascii() and _SURROGATE.search(text):
        raise Refused(f'{shown(value)} is not valid Unicode')
    return text


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if type(value).__name__ in ('bool_', 'bool'):  # numpy's own
        return bool(value)
    if isinstance(value, str) or _indexed(value):
        known = {'true': True, 'false': False, '1': True, '0': False}.get(str(value).strip().lower())
        if known is not None:
            return known
    raise Refused(f'{shown(value)} is neither true nor false')


SCALARS: dict[str, Callable[[Any], Any]] = {
    'integer': _integer,
    'number': _number,
    'string': _string,
    'boolean': _boolean,
}


def _json_value(value: Any) -> Any:
    """Any value as JSON has it, where the description does not say which."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Mapping):
        return {str(name): _json_value(item) for name, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_json_value(item) for item in _listed(value, ',')]
    if isinstance(value, (str, date)) or _is_uuid(value):
        return _string(value)
    return _integer(value) if _indexed(value) else _number(value)


def _list(value: Any, schema: Schema, where: str, faults: Faults) -> list[Any]:
    items = _listed(value, schema.separator)
    item_schema = schema.items
    if item_schema is None:
        items = _json_value(items)
    else:
        items = [coerce(item, item_schema, f'{where}[{index}]', faults) for index, item in enumerate(items)]
    if schema.keywords.get('uniqueItems'):
        items = _unique(items)
    least, most = schema.keywords.get('minItems'), schema.keywords.get('maxItems')
    if least is not None and len(items) < least:
        raise Refused(f'{len(items)} items, at least {least} {"is" if least == 1 else "are"} needed')
    if most is not None and len(items) > most:
        raise Refused(f'{len(items)} items, at most {most} are allowed')
    return items


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


def _unique(items: list[Any]) -> list[Any]:
    try:
        return list(dict.fromkeys(items))
    except TypeError:  # lists and objects cannot be looked up
        return [item for index, item in enumerate(items) if item not in items[:index]]


def _object(value: Any, schema: Schema, where: str, faults: Faults) -> dict[str, Any]:
    """An object with its declared fields, then the others. A field that was not given is not sent, whatever its
    `default`: in a body that says what the server assumes (OpenAPI 3.1, Schema Object), not what the caller wants."""
    if not isinstance(value, Mapping):
        raise Refused(f'{shown(value)} is not an object')
    known = schema.properties
    given = {str(key): item for key, item in value.items()}
    result: dict[str, Any] = {}
    not_demanded = 'writeOnly' if faults.of_response else 'readOnly'
    for name, field in known.items():
        is_required = name in schema.required and not field.keywords.get(not_demanded)
        is_null = name in given and (field.is_nullable or faults.keeps_null)
        if given.get(name) is None and not is_required and not is_null:
            continue  # 1.x: None for an optional field means that it is not given
        if name in given:
            result[name] = coerce(given[name], field, f'{where}.{name}', faults)
        else:
            faults.append((f'{where}.{name}', 'is required'))
    additional = schema.additional
    for name in sorted(schema.required - known.keys()):
        if name not in given:
            faults.append((f'{where}.{name}', 'is required'))
    for name in (name for name in given if name not in known):
        if isinstance(additional, Schema):
            result[name] = coerce(given[name], additional, f'{where}.{name}', faults)
        else:
            result[name] = _undescribed(name, given, schema, f'{where}.{name}', faults)
    return result


def _undescribed(name: str, given: Mapping[str, Any], schema: Schema, where: str, faults: Faults) -> Any:
    """A field that the description does not know is sent all the same, as JSON Schema allows and 1.x did; but
    what looks like a misspelling, or what the description forbids, is refused."""
    nearest = closest(name, schema.properties.keys() - given.keys())
    if nearest and not schema.one_of:
        faults.append((where, f'unknown field, did you mean {nearest[0]!r}?'))
    elif schema.additional is False and 'patternProperties' not in schema.keywords:
        faults.append((where, f'unknown field; known are {enumerated(schema.properties)}'))
    else:
        try:
            return _json_value(given[name])
        except Refused as refusal:
            faults.append((where, str(refusal)))
    return None


def _check_length(text: str, schema: Schema) -> None:
    shortest, longest = schema.keywords.get('minLength'), schema.keywords.get('maxLength')
    if shortest is not None and len(text) < shortest:
        raise Refused(f'{shown(text)} is shorter than {shortest} characters')
    if longest is not None and len(text) > longest:
        raise Refused(f'{len(text)} characters, at most {longest} are allowed')


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
    choices = schema.enum
    if choices is None or value in choices or (value is None and schema.is_nullable):
        return
    nearest = closest(value, choices)
    hint = f', did you mean {nearest[0]!r}?' if nearest else ''
    raise Refused(f'{shown(value)} is not one of {enumerated(choices)}{hint}')


def _is_uuid(value: Any) -> bool:
    """Who has one has imported its module, which takes too long to import it for everybody."""
    uuid = sys.modules.get('uuid')
    return uuid is not None and isinstance(value, uuid.UUID)


def _indexed(value: Any) -> bool:
    return hasattr(type(value), '__index__')
