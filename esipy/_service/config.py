"""From a plain mapping, as a configuration file holds it, to a client's options: what it names is found and made."""

from __future__ import annotations

import logging
import pkgutil
from collections.abc import Mapping
from typing import Any

from esipy._runtime.suggest import closest
from esipy._spec.refs import shown
from esipy.exceptions import ConfigError, SpecError

#: Entries that are data, whatever they hold.
_DATA = frozenset({'spec', 'config', 'headers'})


def made(config: Mapping[str, Any]) -> dict[str, Any]:
    """The options that a configuration stands for.

    `parser` and `serializer` name functions: 'package.module.name'. `plugins` is a list of classes, each a name or
    {'type': name, …} with its arguments; any other option may be such a mapping too. `spec_loader` makes the `spec`.
    `logger` is the name of one. Raises ConfigError, with the entry's name, for what cannot be found or made.
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
            raise ConfigError(f'plugins: a list belongs here, not {shown(listed)}')
        options['plugins'] = [_called(_value(one, f'plugins[{n}]'), f'plugins[{n}]') for n, one in enumerate(listed)]
    if isinstance(options.get('logger'), str):
        options['logger'] = logging.getLogger(options['logger'])
    return options


def named(path: str, where: str) -> Any:
    """What a dotted path names: 'package.module.name', or 'package.module:name'. Raises ConfigError."""
    if '.' not in path and ':' not in path:
        raise ConfigError(f'{where}: {shown(path)} is not the path of something: package.module.name')
    try:
        return pkgutil.resolve_name(path)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(f'{where}: {path!r} is not there: {error}{_hint(path)}') from None


def _hint(path: str) -> str:
    module, _, name = path.replace(':', '.').rpartition('.')
    try:
        nearest = closest(name, dir(pkgutil.resolve_name(module)))
    except (ImportError, AttributeError, ValueError):
        return ''
    return f'; did you mean {module}.{nearest[0]}?' if nearest else ''


def _value(value: Any, where: str) -> Any:
    """What an entry stands for: itself, or what its `type` makes of its other entries."""
    if not isinstance(value, Mapping) or not isinstance(value.get('type'), str):
        return value
    arguments = {name: _value(item, f'{where}.{name}') for name, item in value.items() if name != 'type'}
    if isinstance(arguments.get('logger'), str):
        arguments['logger'] = logging.getLogger(arguments['logger'])
    return _call(named(value['type'], where), arguments, where, value['type'])


def _called(value: Any, where: str) -> Any:
    """What was made already, or a class or function by its path alone."""
    return _call(named(value, where), {}, where, value) if isinstance(value, str) else value


def _call(function: Any, arguments: dict[str, Any], where: str, path: str) -> Any:
    try:
        return function(**arguments)
    except SpecError:  # of a loader, which names the file
        raise
    except (TypeError, ValueError) as error:
        raise ConfigError(f'{where}: {path} does not take this: {error}') from None
