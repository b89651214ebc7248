"""Calls of `getStation` (see stations.py): which arguments are taken, as what they are sent, and which are refused."""

import decimal
import enum
import fractions
import uuid
from datetime import UTC, date, datetime
from typing import Any


class Index:
    """As numpy's integers are: a number by `__index__` alone."""

    def __index__(self) -> int:
        return 7


class Kind(enum.StrEnum):
    CITADEL = 'citadel'


class OldKind(str, enum.Enum):  # noqa: UP042 (apps have these too, and their text is not their value)
    CITADEL = 'citadel'


class Number(enum.IntEnum):
    SEVEN = 7


class OldNumber(int, enum.Enum):
    SEVEN = 7


SOME_UUID = uuid.UUID('12345678-1234-5678-1234-567812345678')

#: Parameter, argument, what stands in the query under its name.
TAKEN: list[tuple[str, Any, list[str]]] = [
    # integers
    ('count', 7, ['7']),
    ('count', '7', ['7']),
    ('count', ' 7 ', ['7']),
    ('count', '+7', ['7']),
    ('count', '007', ['7']),
    ('count', 7.0, ['7']),
    ('count', decimal.Decimal(7), ['7']),
    ('count', fractions.Fraction(7), ['7']),
    ('count', Index(), ['7']),
    ('count', Number.SEVEN, ['7']),
    ('count', OldNumber.SEVEN, ['7']),
    ('count', 1, ['1']),
    ('count', 10, ['10']),
    ('big', 2**31, ['2147483648']),  # int32 in the document, and the server has long passed it
    ('big', 2**63 - 1, ['9223372036854775807']),
    ('big', -(2**63), ['-9223372036854775808']),
    ('big', '-9223372036854775808', ['-9223372036854775808']),
    ('big', 2.0**62, ['4611686018427387904']),
    # numbers
    ('ratio', 0.25, ['0.25']),
    ('ratio', '0.25', ['0.25']),
    ('ratio', 1, ['1']),
    ('ratio', decimal.Decimal('0.25'), ['0.25']),
    ('below', -3, ['-3']),
    # texts
    ('free', 'Jita IV', ['Jita IV']),
    ('free', 34, ['34']),
    ('free', 34.5, ['34.5']),
    ('free', Index(), ['7']),
    ('free', OldNumber.SEVEN, ['7']),
    ('free', '', ['']),
    ('free', 'ünïcödé 漢字', ['ünïcödé 漢字']),
    ('free', date(2026, 8, 4), ['2026-08-04']),
    ('free', datetime(2026, 8, 4, 12, tzinfo=UTC), ['2026-08-04T12:00:00+00:00']),
    ('free', SOME_UUID, [str(SOME_UUID)]),
    ('text', 'ab', ['ab']),
    ('text', 'abcd', ['abcd']),
    ('kind', 'citadel', ['citadel']),
    ('kind', Kind.CITADEL, ['citadel']),
    ('kind', OldKind.CITADEL, ['citadel']),
    # booleans
    ('flag', True, ['true']),
    ('flag', False, ['false']),
    ('flag', 'true', ['true']),
    ('flag', 'False', ['false']),
    ('flag', ' TRUE ', ['true']),
    ('flag', 1, ['true']),
    ('flag', '0', ['false']),
    # lists
    ('ids', [1, 2], ['1', '2']),
    ('ids', 1, ['1']),
    ('ids', '1', ['1']),
    ('ids', '1,2', ['1', '2']),
    ('ids', '1, 2', ['1', '2']),
    ('ids', (1, '2'), ['1', '2']),
    ('ids', {3, 1, 2}, ['1', '2', '3']),
    ('ids', frozenset([2, 1]), ['1', '2']),
    ('ids', range(1, 4), ['1', '2', '3']),
    ('ids', {1: 'a', 2: 'b'}.keys(), ['1', '2']),
    ('ids', (number for number in (1, 2)), ['1', '2']),
    ('ids', [1, 1, '1', 2, 1.0, 3, 3], ['1', '2', '3']),  # unique, and only then counted
    ('joined', [1, 2, 2], ['1,2,2']),
    ('joined', '1,2', ['1,2']),
    ('joined', [], ['']),
    ('spaced', [1, 2], ['1 2']),
    ('piped', [1, 2], ['1|2']),
    ('kinds', ('outpost', Kind.CITADEL), ['outpost', 'citadel']),
    ('kinds', [], []),
    ('kinds', 'outpost, citadel', ['outpost', 'citadel']),
    # what is not given
    ('count', None, []),
    ('ids', None, []),
    ('maybe', None, []),
    ('maybe', 5, ['5']),
    # names
    ('from', 3, ['3']),
    ('filter[owner]', 'me', ['me']),
    ('anything', 5, ['5']),
    ('anything', True, ['true']),
]

#: Parameter, argument, what the error says of it.
REFUSED: list[tuple[str, Any, str]] = [
    ('count', True, 'True where an integer belongs'),
    ('count', False, 'False where an integer belongs'),
    ('count', 3.9, '3.9 is not an integer'),
    ('count', decimal.Decimal('3.9'), 'not an integer'),
    ('count', decimal.Decimal('NaN'), 'not an integer'),
    ('count', decimal.Decimal('Infinity'), 'not an integer'),
    ('count', '3.9', "'3.9' is not an integer"),
    ('count', 'nan', "'nan' is not an integer"),
    ('count', float('nan'), 'nan is not an integer'),
    ('count', float('inf'), 'inf is not an integer'),
    ('count', '', "'' is not an integer"),
    ('count', '--5', "'--5' is not an integer"),
    ('count', '+-5', "'+-5' is not an integer"),
    ('count', '1_0', "'1_0' is not an integer"),
    ('count', '\u0667', 'is not an integer'),
    ('count', '9' * 5000, 'is not an integer'),
    ('count', '../../x', "'../../x' is not an integer"),
    ('count', [5], '[5] is not an integer'),
    ('count', {}, '{} is not an integer'),
    ('count', b'5', "b'5' is not an integer"),
    ('count', SOME_UUID, 'is not an integer'),
    ('count', 0, '0 is below the minimum of 1'),
    ('count', 11, '11 is above the maximum of 10'),
    ('big', 2**63, 'does not fit into 64 bits'),
    ('big', str(2**63), 'does not fit into 64 bits'),
    ('big', -(2**63) - 1, 'does not fit into 64 bits'),
    ('big', 1e300, 'does not fit into 64 bits'),
    ('ratio', 0, '0 must be above 0'),
    ('ratio', 1.01, '1.01 is above the maximum of 1'),
    ('ratio', 'half', "'half' is not a number"),
    ('ratio', True, 'True is not a number'),
    ('ratio', float('nan'), 'nan is not a finite number'),
    ('ratio', 'inf', "'inf' is not a finite number"),
    ('ratio', 10**400, 'is not a number'),
    ('ratio', 1j, '1j is not a number'),
    ('below', 5, '5 must be below 5'),
    ('below', Index(), '7 must be below 5'),
    ('free', True, 'True is not a text'),
    ('free', b'bytes', "b'bytes' is not a text"),
    ('free', float('nan'), 'nan is not a text'),
    ('free', ['a'], "['a'] is not a text"),
    ('free', 'half \ud800', 'is not valid Unicode'),
    ('text', 'a', "'a' is shorter than 2 characters"),
    ('text', 'abcde', '5 characters, at most 4 are allowed'),
    ('kind', 'citadell', "'citadell' is not one of outpost, citadel, did you mean 'citadel'?"),
    ('kind', 'Outpost', "did you mean 'outpost'?"),
    ('kind', 5, "'5' is not one of outpost, citadel"),
    ('flag', 'yes', "'yes' is neither true nor false"),
    ('flag', 2, '2 is neither true nor false'),
    ('flag', 1.0, '1.0 is neither true nor false'),
    ('flag', [True], '[True] is neither true nor false'),
    ('ids', [], '0 items, at least 1 is needed'),
    ('ids', [1, 2, 3, 4], '4 items, at most 3 are allowed'),
    ('ids', b'12', "b'12' is not a list"),
    ('ids', bytearray(b'12'), 'is not a list'),
    ('ids', {'1': 2}, "{'1': 2} is not a list"),
    ('ids', '', "'' is not an integer"),
    ('mapped', [1], '[1] is not an object'),
    ('mapped', {'a': {1j}}, 'is not a number'),
    ('anything', object, 'is not a number'),
    ('anything', float('inf'), 'is not a finite number'),
]
