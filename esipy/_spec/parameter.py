"""Parameter: one thing that an operation takes, and how it is written into a request."""

from __future__ import annotations

import keyword
import re
from functools import cached_property
from typing import Any, NamedTuple

from esipy._spec.media import Content
from esipy._spec.schema import Schema


class ParameterStyle(NamedTuple):
    """How a parameter is written into a request (OpenAPI 3.1, "Style Values")."""

    #: 'delimited' is the style of Swagger 2.0, one text with `separators` in it; 'json' is `content: application/json`.
    name: str = 'delimited'
    #: Whether each item of a list, and each field of an object, is written for itself.
    exploded: bool = False
    #: Whether characters such as `/` and `:` are not percent-encoded in the query.
    allows_reserved: bool = False
    #: Whether an empty text is sent in a query or a form, whatever the schema says.
    allows_empty: bool = False


_DEFAULT_STYLE = ParameterStyle()


class Parameter:
    """One thing that an operation takes. `location` (also under the name `in`): path, query, header, cookie, body, or
    formData (a field of a form in Swagger 2.0).

    `style`, `exploded` and `allows_reserved` are those of its ParameterStyle.
    """

    def __init__(
        self,
        name: str,
        location: str,
        schema: Schema,
        *,
        required: bool = False,
        style: ParameterStyle = _DEFAULT_STYLE,
        description: str = '',
    ) -> None:
        self.name = name
        #: The name of the argument: the parameter's own, unless another parameter of the operation has it.
        self.argument = name
        self.location = location
        self.schema = schema
        self.required = required or location == 'path'
        self.style, self.exploded, self.allows_reserved, allows_empty = style
        self.allows_empty = allows_empty and location in ('query', 'formData')
        self.description = description or str(schema.raw.get('description', ''))
        #: Of a body, or a field of a form: the media types in which it can be sent, the preferred one first.
        self.contents: tuple[Content, ...] = ()
        self.has_default = 'default' in schema.keywords
        self.default = schema.keywords.get('default')

    @property
    def type(self) -> str | None:
        """The first declared type, as in 1.x."""
        return self.schema.types[0] if self.schema.types else None

    @property
    def format(self) -> str | None:
        return self.schema.format

    @property
    def enum(self) -> list[Any] | None:
        return self.schema.enum

    @cached_property
    def separators(self) -> tuple[str, ...]:
        """What stands between the items of a list, between the items of a list in that list, and so on."""
        found = [self.schema.separator]
        item = self.schema.items
        while item is not None and item.types == ('array',) and len(found) < 5:
            found.append(item.separator)
            item = item.items
        return tuple(found)

    @property
    def python_name(self) -> str:
        """The name of the argument as an identifier: `X-Compatibility-Date` can be given as `x_compatibility_date`."""
        if keyword.iskeyword(self.argument):
            return f'{self.argument}_'
        return self.argument if self.argument.isidentifier() else re.sub(r'\W', '_', self.argument).lower()

    def __repr__(self) -> str:
        need = 'required ' if self.required else ''
        return f'<{need}{self.location} parameter {self.name}: {self.type}>'


# EsiPy 1.x read it as getattr(parameter, 'in'), a name that a class body cannot spell.
setattr(Parameter, 'in', property(lambda self: self.location))
