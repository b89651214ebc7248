"""The search finds a leak in every place where one could be."""

from __future__ import annotations

import base64
import logging
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import requests

from esipy.cache import DictCache
from esipy.events import API_CALL_STATS
from esipy.exceptions import (
    TokenError,
)
from tests.integration.secrets.planted import (
    ACCESS,
    CODE,
    NEW_ACCESS,
    NEW_REFRESH,
    REFRESH,
    SECRET,
    SECRETS,
    VERIFIER,
)
from tests.leaks import Watch, WatchedCache


def leak_in_log() -> None:
    logging.getLogger('esipy.anything').debug('the form: %s', {'code': CODE})


def leak_in_log_of_others() -> None:
    logging.getLogger('urllib3.connectionpool').debug('GET /?token=%s', requests.utils.quote(ACCESS))  # type: ignore[attr-defined]


def leak_in_traceback_of_log() -> None:
    try:
        raise ValueError(REFRESH)
    except ValueError:
        logging.getLogger('esipy').exception('it failed')


def leak_in_extra_of_log() -> None:
    logging.getLogger('esipy').info('nothing', extra={'headers': {'Authorization': f'Bearer {ACCESS}'}})


def leak_in_warning() -> None:
    warnings.warn(f'cannot send {VERIFIER}', stacklevel=2)


def leak_in_signal() -> None:
    API_CALL_STATS.send(url='x', headers={'Authorization': f'Basic {base64.b64encode(SECRET.encode()).decode()}'})


def raising(error: Exception) -> Callable[[], None]:
    def leak() -> None:
        raise error

    return leak


def leak_in_context() -> None:
    try:
        raise ValueError(CODE)
    except ValueError:
        raise TokenError('clean') from None


def with_attribute(error: Exception, name: str, value: Any) -> Exception:
    setattr(error, name, value)
    return error


def noted(error: Exception, text: str) -> Exception:
    error.add_note(text)
    return error


class Deep:
    def __init__(self) -> None:
        self.list = [{'a': (NEW_REFRESH.encode(),)}]


LEAKS: dict[str, Callable[[], None]] = {
    'a log record': leak_in_log,
    'a log record of urllib3': leak_in_log_of_others,
    'the traceback of a log record': leak_in_traceback_of_log,
    'the extra of a log record': leak_in_extra_of_log,
    'a warning': leak_in_warning,
    'a signal': leak_in_signal,
    'the text of an error': raising(TokenError(f'no {SECRET}')),
    'a part of a token': raising(TokenError(f'no {ACCESS[-40:]}…')),
    'the start of a token': raising(TokenError(f'no {REFRESH}'[:20] + REFRESH)),
    'an attribute of an error': raising(with_attribute(TokenError('clean'), 'response', CODE.encode())),
    'deep in an error': raising(with_attribute(TokenError('clean'), 'thing', Deep())),
    'a note': raising(noted(TokenError('clean'), REFRESH)),
    'a cause': raising(with_attribute(TokenError('clean'), '__cause__', ValueError(NEW_ACCESS))),
    'a context': leak_in_context,
    'an error in a form': raising(TokenError(requests.utils.quote(CODE, safe=''))),  # type: ignore[attr-defined]
}


@pytest.mark.parametrize('leak', LEAKS.values(), ids=LEAKS)
def test_the_search_finds(leak: Callable[[], None]) -> None:
    with Watch(SECRETS) as watch:
        try:
            leak()
        except TokenError as error:
            watch.error(error)
    assert watch.leaks()


def test_the_search_finds_in_caches_and_texts() -> None:
    with Watch(SECRETS) as watch:
        cache = WatchedCache(watch, DictCache())
        cache.get(('x', f'Bearer {ACCESS}'))
        cache.set('key', {'a': [REFRESH]})
        cache.invalidate(CODE)
        watch.text('output', f'… {VERIFIER} …')
    assert [one.partition(':')[0] for one in watch.leaks()] == ['a key', 'a cache', 'a key', 'output']


def test_the_search_finds_nothing_where_nothing_is() -> None:
    with Watch(SECRETS) as watch:
        logging.getLogger('esipy').info('planted, but no secret')
        watch.error(TokenError('planted'))
    assert watch.leaks() == []
