"""Accepts or rejects requests by the rate limits of the description, the error limit, and undocumented limits.

`admit` is called when a request arrives; `settle` counts what its response cost and returns the rate limit headers.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from esipy import clock
from esipy._sandbox.errors import SandboxError
from esipy._sandbox.http_messages import Response, error_response
from esipy._sandbox.limits.windows import Fixed, Rule, Sliding, cost
from esipy._sandbox.routes import normal
from esipy._sandbox.sso.tokens import Grant
from esipy._spec.model import Operation

#: The name of the error limit among those of the groups.
ERRORS = 'errors'

#: The error limit: how many responses other than 2xx and 3xx are allowed in a minute.
_ERRORS = Rule(100, 60)

#: Routes with a limit of which neither the description nor the headers of a response say anything.
_UNDOCUMENTED = frozenset(
    {
        '/markets/{region_id}/history',
        '/characters/{character_id}/corporationhistory',
        '/corporations/{corporation_id}/alliancehistory',
    }
)
_UNDOCUMENTED_RULE = Rule(300, 60)


@dataclass(slots=True)
class Charge:
    """The counters that the response to one request is counted in."""

    bucket: Sliding | None = None
    group: str = ''
    undocumented: Sliding | None = None
    errors: Fixed | None = None
    #: The limit that rejected it: a group, 'errors', or the id of an operation with an undocumented limit.
    rejected: str | None = None


class RateLimiter:
    """All limits of one sandbox. One lock guards all of its counters."""

    def __init__(self, operations: Collection[Operation], *, on: bool = True) -> None:
        self._is_on = on
        self._rules: dict[str, Rule] = {}
        self._undocumented_rules: dict[str, Rule] = {}
        for operation in operations:
            limit = operation.rate_limit
            if limit is not None:
                self._rules.setdefault(limit.group, Rule(limit.tokens, limit.window))
            elif normal(operation.path) in _UNDOCUMENTED:
                self._undocumented_rules[label(operation)] = _UNDOCUMENTED_RULE
        self._error_rule = _ERRORS
        self._lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        """Forget all that was counted."""
        with self._lock:
            self._buckets: dict[tuple[str, str], Sliding] = {}
            self._undocumented: dict[tuple[str, str], Sliding] = {}
            self._errors: dict[str, Fixed] = {}

    def switch(self, on: bool) -> None:
        self._is_on = on

    @property
    def groups(self) -> Collection[str]:
        return self._rules.keys()

    def set(self, name: str, tokens: int | None = None, window: float | None = None) -> None:
        """Change the limit of a group, of errors, or of one operation. Tokens that are used already count, too."""
        with self._lock:
            if name == ERRORS:
                rule = self._error_rule = _changed(self._error_rule, tokens, window)
            elif name in self._rules:
                rule = self._rules[name] = _changed(self._rules[name], tokens, window)
            else:
                rule = self._undocumented_rules[name] = _changed(
                    self._undocumented_rules.get(name, _UNDOCUMENTED_RULE), tokens, window
                )
            for of, _, counter in self._counters():
                if of == name:
                    counter.rule = rule

    def scale(self, factor: float) -> None:
        """Multiply the windows of all groups by `factor`, in whole seconds."""
        for group, rule in self._rules.items():
            self.set(group, window=max(1, round(rule.window * factor)))

    def _counters(self) -> list[tuple[str, str, Sliding | Fixed]]:
        return [
            *((group, user, bucket) for (group, user), bucket in self._buckets.items()),
            *((ERRORS, address, errors) for address, errors in self._errors.items()),
            *((name, address, undocumented) for (name, address), undocumented in self._undocumented.items()),
        ]

    def counts(self) -> list[dict[str, Any]]:
        """Return what was counted so far, for each limit and user, as plain values."""
        now = clock.time()
        with self._lock:
            return [
                {
                    'limit': name,
                    'user': user,
                    'tokens': counter.rule.tokens,
                    'window': counter.rule.window,
                    'used': counter.look(now),
                    'spent': counter.spent,
                    'peak': counter.peak,
                    'refused': counter.refused,
                }
                for name, user, counter in self._counters()
            ]

    def admit(self, charge: Charge, operation: Operation | None, address: str, grant: Grant | None) -> Response | None:
        """Accept a request and return None, or return the response that rejects it."""
        if not self._is_on:
            return None
        now = clock.time()
        with self._lock:
            errors = self._counter(self._errors, address, Fixed, self._error_rule)
            if errors.is_over(now):
                charge.rejected = ERRORS
                return error_response(
                    420, 'This software has exceeded the error limit for ESI.', _error_headers(errors, now)
                )
            if operation is None or operation.rate_limit is None:
                charge.errors = errors
            else:
                rejection = self._hold(charge, operation, user_of(operation, address, grant), now)
                if rejection is not None:
                    return rejection
            return self._undocumented_rejection(charge, operation, address, now) if self._undocumented_rules else None

    def _hold(self, charge: Charge, operation: Operation, user: str, now: float) -> Response | None:
        limit = operation.rate_limit
        assert limit is not None
        bucket = self._counter(self._buckets, (limit.group, user), Sliding, self._rules[limit.group])
        wait = bucket.hold(now)
        if wait:
            charge.rejected = limit.group
            headers = {**_bucket_headers(limit.group, bucket), 'Retry-After': str(math.ceil(wait))}
            return error_response(429, f'Too many requests: the tokens of {limit.group} are spent.', headers)
        charge.bucket, charge.group = bucket, limit.group
        return None

    def _undocumented_rejection(
        self, charge: Charge, operation: Operation | None, address: str, now: float
    ) -> Response | None:
        name = label(operation) if operation is not None else ''
        rule = self._undocumented_rules.get(name)
        if rule is None:
            return None
        undocumented = self._counter(self._undocumented, (name, address), _Requests, rule)
        if undocumented.hold(now):
            charge.rejected = name
            return error_response(429, 'Too many requests')
        charge.undocumented = undocumented
        return None

    @staticmethod
    def _counter(counters: dict[Any, Any], key: Any, kind: Any, rule: Rule) -> Any:
        found = counters.get(key)
        if found is None:
            found = counters[key] = kind(rule)
        return found

    def settle(self, charge: Charge, status: int) -> dict[str, str]:
        """Count a response (status 0: none is sent) and return its rate limit headers.

        A 420 or 429 that is counted here comes from a fault, not from these limits, and has no such headers.
        """
        now = clock.time()
        with self._lock:
            if charge.undocumented is not None:
                charge.undocumented.spend(1, now)
            if charge.bucket is not None:
                charge.bucket.spend(cost(status), now)
            elif charge.errors is not None and status and not 200 <= status < 400:
                charge.errors.spend(now)
            return {} if status in (420, 429) else _limit_headers(charge, now)


class _Requests(Sliding):
    """A sliding window in which each request counts one."""

    def __init__(self, rule: Rule) -> None:
        super().__init__(rule, held=1)


def label(operation: Operation) -> str:
    """Return the name of an operation in the log and among the limits."""
    return operation.id or f'{operation.method} {operation.path}'


def user_of(operation: Operation, address: str, grant: Grant | None) -> str:
    """Return whose bucket a request uses; a token that the SSO did not sign counts for nobody."""
    if grant is None:
        return address
    if not operation.security or {} in operation.security:
        return f'{address} {grant.client_id}'
    return f'{grant.client_id} {grant.character_id}'


def _changed(rule: Rule, tokens: int | None, window: float | None) -> Rule:
    rule = Rule(rule.tokens if tokens is None else tokens, rule.window if window is None else window)
    if rule.tokens < 1 or rule.window < 1 or rule.window != int(rule.window):
        raise SandboxError(
            f'{rule.tokens} tokens in {rule.window} seconds is not a limit: use at least 1 token, and whole seconds'
        )
    return rule


def _limit_headers(charge: Charge, now: float) -> dict[str, str]:
    if charge.bucket is not None:
        return _bucket_headers(charge.group, charge.bucket)
    return _error_headers(charge.errors, now) if charge.errors is not None else {}


def _bucket_headers(group: str, bucket: Sliding) -> dict[str, str]:
    return {
        'X-Ratelimit-Group': group,
        'X-Ratelimit-Limit': f'{bucket.rule.tokens}/{span(bucket.rule.window)}',
        'X-Ratelimit-Remaining': str(bucket.left),
        'X-Ratelimit-Used': str(bucket.used),
    }


def _error_headers(errors: Fixed, now: float) -> dict[str, str]:
    errors.look(now)
    return {
        'X-ESI-Error-Limit-Remain': str(errors.left),
        'X-ESI-Error-Limit-Reset': str(math.ceil(errors.until(now))),
    }


def span(window: float) -> str:
    """900 -> '15m'."""
    seconds = int(window)
    for length, unit in ((3600, 'h'), (60, 'm')):
        if seconds % length == 0:
            return f'{seconds // length}{unit}'
    return f'{seconds}s'
