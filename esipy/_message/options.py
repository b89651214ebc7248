"""CallOptions: what a caller chose for one execution of a call."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any, Final, NamedTuple

from esipy.exceptions import CallError

#: Seconds to connect and between two bytes: one number for both, or a pair. None: wait for ever.
Timeouts = tuple[float | None, float | None] | float | None


class Unset(Enum):
    """The type of UNSET: not given, where None has a meaning."""

    UNSET = 'UNSET'


UNSET: Final = Unset.UNSET


class CallOptions(NamedTuple):
    """The options of one execution, given by keyword. What is not given is taken from the client."""

    #: HEAD in place of the operation's own method.
    method: str | None = None
    #: `url_netloc` and `url_scheme` of EsiPy 1.x: where the request is sent instead.
    opt: Mapping[str, str] | None = None
    #: Signs the request; None: it is not signed.
    security: Any = UNSET
    #: Seconds to connect and between two bytes; None: wait for ever, without a deadline.
    timeout: Timeouts | Unset = UNSET
    raw_body_only: bool | None = None
    #: YYYY-MM-DD: the date whose API is called.
    compatibility_date: Any = None
    #: Of the calls that wait for a rate limit, those with a higher priority go first.
    priority: float = 0.0
    #: Fetch from the server as if nothing had been stored.
    bypass_cache: bool = False
    #: Store the response, if it may be stored.
    store_response: bool = True
    #: After a 304 return the stored response, even if the client returns bare 304s (`no_etag_body`).
    resolve_304: bool = False
    #: What the client's plugins accept for one call.
    plugin_options: Mapping[str, Any] | None = None

    @classmethod
    def of(cls, options: Mapping[str, Any], **more: Any) -> CallOptions:
        """Return the CallOptions of keyword arguments, of which the unknown ones are those of plugins."""
        own = {name: value for name, value in options.items() if name in OPTION_NAMES}
        return cls(**own, **more, plugin_options={name: options[name] for name in options if name not in own})


#: The options that a caller gives by these names.
OPTION_NAMES = frozenset({'opt', 'security', 'timeout', 'compatibility_date', 'priority'})


def checked_timeout(operation: str, value: Any) -> Timeouts:
    """Return a timeout in the form of `Timeouts`; a list, as in a configuration file, is taken for a pair.

    Raises CallError for anything else.
    """
    timeout: Timeouts = tuple(value) if isinstance(value, list) else value
    if not is_timeout(timeout):
        fault = f'{value!r} is neither a number of seconds nor a pair of them (connect, between two bytes)'
        raise CallError(operation, [('timeout', fault)])
    return timeout


def is_timeout(value: Any) -> bool:
    """Return whether a value has the form of `Timeouts`."""
    seconds = value if isinstance(value, tuple) and len(value) == 2 else (value,)
    return all(one is None or (isinstance(one, (int, float)) and type(one) is not bool and one > 0) for one in seconds)


def checked_signer(where: str, security: Any) -> Any:
    """Return what signs a call; None for False and the like, which 1.x did not call either.

    Raises TypeError for what is neither an EsiSecurity nor a function.
    """
    if security and not callable(security):
        raise TypeError(f'{where}: security must be an EsiSecurity or a function, not {type(security).__name__}')
    return security or None
