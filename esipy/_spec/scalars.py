"""Loose scalars to JSON's: `'34'` and numpy's numbers to 34, dates to texts; and the bounds that they must keep."""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from typing import Any

from esipy._spec.refs import shown
from esipy._spec.schema import Schema

#: Descriptions say int32 where the server has long passed it; 64 bits are what it stores.
INT64 = range(-(2**63), 2**63)

_DIGITS = re.compile(r'\s*[+-]?[0-9]+\s*')

_DECIMAL = re.compile(r'\s*[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?\s*')

#: Half a character: it has no bytes.
_SURROGATE = re.compile(r'[\ud800-\udfff]')


class Refused(Exception):
    """A value that does not fit; the text says why."""


def moment(value: date) -> datetime:
    """A date and time with its zone, which RFC 3339 demands: UTC where none is named, as in the reading direction."""
    moment = value if isinstance(value, datetime) else datetime(value.year, value.month, value.day)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def integer(value: Any) -> int:
    if type(value) is not int and is_boolean(value):
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


def number(value: Any) -> float:
    """A number; a whole one as an integer with all its digits, since `34.0` and `1e+16` are read as text by servers."""
    if is_boolean(value) or not (isinstance(value, str) or hasattr(type(value), '__float__') or is_indexed(value)):
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
    return int(number) if number.is_integer() and abs(number) < 10**_MAX_DIGITS else number


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
        if is_indexed(value):
            number = int(value.__index__())
        else:
            number = int(value)
            if number != value:
                return None
    except (ValueError, OverflowError, TypeError, ArithmeticError):
        return None
    return number if abs(number) < 10**_MAX_DIGITS else None


def string(value: Any) -> str:
    if isinstance(value, str):
        text = str.__str__(value)  # the value of a member of a text enumeration, not its name
    elif isinstance(value, (date, time)) and value == value:  # pandas' NaT is not equal to itself
        text = value.isoformat()
    elif isinstance(value, float) and math.isfinite(value):
        text = float.__repr__(value)
    elif is_indexed(value) and not isinstance(value, bool):
        text = str(integer(value))
    elif is_uuid(value):
        text = str(value)
    else:
        raise Refused(f'{shown(value)} is not a text')
    if not text.isascii() and _SURROGATE.search(text):
        raise Refused(f'{shown(value)} is not valid Unicode')
    return text


def boolean(value: Any) -> bool:
    if is_boolean(value):
        return bool(value)
    if isinstance(value, str) or is_indexed(value):
        known = {'true': True, 'false': False, '1': True, '0': False}.get(str(value).strip().lower())
        if known is not None:
            return known
    raise Refused(f'{shown(value)} is neither true nor false')


SCALARS: dict[str, Callable[[Any], Any]] = {
    'integer': integer,
    'number': number,
    'string': string,
    'boolean': boolean,
}


def check_length(text: str, schema: Schema) -> None:
    shortest, longest = schema.keywords.get('minLength'), schema.keywords.get('maxLength')
    if shortest is not None and len(text) < shortest:
        raise Refused(f'{shown(text)} is shorter than {shortest} characters')
    if longest is not None and len(text) > longest:
        raise Refused(f'{len(text)} characters, at most {longest} are allowed')


def check_range(number: float, schema: Schema) -> None:
    words = schema.keywords
    if words.get('minimum') is not None and number < words['minimum']:
        raise Refused(f'{number} is below the minimum of {words["minimum"]}')
    if words.get('maximum') is not None and number > words['maximum']:
        raise Refused(f'{number} is above the maximum of {words["maximum"]}')
    if words.get('exclusiveMinimum') is not None and number <= words['exclusiveMinimum']:
        raise Refused(f'{number} must be above {words["exclusiveMinimum"]}')
    if words.get('exclusiveMaximum') is not None and number >= words['exclusiveMaximum']:
        raise Refused(f'{number} must be below {words["exclusiveMaximum"]}')
    for step in schema.each('multipleOf') if 'multipleOf' in words else ():
        if not _is_multiple(number, step):
            raise Refused(f'{number} is not a multiple of {step}')


def _is_multiple(number: float, step: float) -> bool:
    """By the decimal digits that are written: 0.3 is a multiple of 0.1."""
    if isinstance(number, int) and isinstance(step, int):
        return number % step == 0
    from fractions import Fraction  # which few programs need

    return Fraction(str(number)) % Fraction(str(step)) == 0


def same(one: Any, other: Any) -> bool:
    """Whether two JSON values are equal: `true` is not 1, and 1 is 1.0."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(item, other[name]) for name, item in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def unique(items: list[Any]) -> list[Any]:
    """A list without repeated items. `true` is not a repeated 1."""
    kept: dict[Any, Any] = {}
    for item in items:
        key = json.dumps(item, sort_keys=True) if isinstance(item, (list, dict)) else item
        kept.setdefault((type(item) is bool, isinstance(item, str), key), item)
    return [*kept.values()]


def is_boolean(value: Any) -> bool:
    """Whether a value is a boolean, numpy's own included."""
    return isinstance(value, bool) or type(value).__name__ in ('bool_', 'bool')


def is_uuid(value: Any) -> bool:
    """A program that has such a value has imported its module; importing it for every program would take too long."""
    uuid = sys.modules.get('uuid')
    return uuid is not None and isinstance(value, uuid.UUID)


def is_indexed(value: Any) -> bool:
    return hasattr(type(value), '__index__')
