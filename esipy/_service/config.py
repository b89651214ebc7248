"""Turns a configuration, as a file of JSON or YAML contains it, into options: names are imported, objects created."""

from __future__ import annotations

import logging
import pkgutil
from collections.abc import Mapping
from typing import Any

from esipy._runtime.suggest import closest
from esipy._spec.refs import shown
from esipy.exceptions import ConfigError, SpecError

#: Entries that are always data, also with a key `type`.
_DATA = frozenset({'spec', 'config', 'headers'})


def options_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that a configuration describes.

    `parser` and `serializer` name functions: 'package.module.name'. `plugins` is a list of classes, each a name or
    {'type': name, …} with its arguments; any other option may be such a mapping too. `spec_loader` returns the `spec`.
    `logger` is the name of a logger. Raises ConfigError, with the entry's name, if a name cannot be imported or an
    object cannot be created.
    """
    options = {name: value if name in _DATA else _value(value, name) for name, value in config.items()}
    for name in ('parser', 'serializer'):
        if isinstance(options.get(name), str):
            options[name] = named(options[name], name)
    if 'spec_loader' in config:
        options['spec'] = _called(options.pop('spec_loader'), 'spec_loader')
    if 'plugins' in config:
        listed = config['plugins'] or []
        if not isinstance(listed, (list, tuple)):
            raise ConfigError(f'plugins: must be a list, not {shown(listed)}')
        options['plugins'] = [_called(_value(one, f'plugins[{n}]'), f'plugins[{n}]') for n, one in enumerate(listed)]
    if isinstance(options.get('logger'), str):
        options['logger'] = logging.getLogger(options['logger'])
    return options


def named(path: str, where: str) -> Any:
    """Import what a dotted path names: 'package.module.name', or 'package.module:name'. Raises ConfigError."""
    if '.' not in path and ':' not in path:
        raise ConfigError(f'{where}: {shown(path)} is not a dotted path; write package.module.name')
    try:
        return pkgutil.resolve_name(path)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(f'{where}: {path!r} cannot be imported: {error}{_hint(path)}') from None


def _hint(path: str) -> str:
    module, _, name = path.replace(':', '.').rpartition('.')
    try:
        nearest = closest(name, dir(pkgutil.resolve_name(module)))
    except (ImportError, AttributeError, ValueError):
        return ''
    return f'; did you mean {module}.{nearest[0]}?' if nearest else ''


def _value(value: Any, where: str) -> Any:
    """Return the value of an entry: itself, or the object that its `type` creates with its other entries."""
    if not isinstance(value, Mapping) or not isinstance(value.get('type'), str):
        return value
    arguments = {name: _value(item, f'{where}.{name}') for name, item in value.items() if name != 'type'}
    if isinstance(arguments.get('logger'), str):
        arguments['logger'] = logging.getLogger(arguments['logger'])
    return _call(named(value['type'], where), arguments, where, value['type'])


def _called(value: Any, where: str) -> Any:
    """Return an object; a text is the path of the class or function that creates it."""
    return _call(named(value, where), {}, where, value) if isinstance(value, str) else value


def _call(function: Any, arguments: dict[str, Any], where: str, path: str) -> Any:
    try:
        return function(**arguments)
    except SpecError:  # raised by a loader; it names the file
        raise
    except (TypeError, ValueError) as error:
        raise ConfigError(f'{where}: {path} does not accept this: {error}') from None
