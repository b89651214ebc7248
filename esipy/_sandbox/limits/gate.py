"""Who is let in: the buckets of `x-rate-limit`, the error limit for every other operation, and what says nothing.

A request calls `enter`; when its answer goes out, `settle` counts what that cost and gives the headers that tell so.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from esipy import clock
from esipy._sandbox.errors import SandboxError
from esipy._sandbox.limits.windows import Fixed, Rule, Sliding, cost
from esipy._sandbox.routes import normal
from esipy._sandbox.sso.tokens import Grant
from esipy._sandbox.wire import Reply, error_reply
from esipy._spec.model import Operation

#: The name of the error limit among those of the groups.
ERRORS = 'errors'

#: The error limit: so many answers other than 2xx and 3xx in a minute.
_ERRORS = Rule(100, 60)

#: Routes that answer 429 from deeper down, without a word about it in the description or in headers.
_HIDDEN = frozenset(
    {
        '/markets/{region_id}/history',
        '/characters/{character_id}/corporationhistory',
        '/corporations/{corporation_id}/alliancehistory',
    }
)
_HIDDEN_RULE = Rule(300, 60)


@dataclass(slots=True)
class Visit:
    """One request at the gate: where its answer is counted."""

    bucket: Sliding | None = None
    group: str = ''
    hidden: Sliding | None = None
    errors: Fixed | None = None
    #: The limit that refused it: a group, 'errors', or the name of an operation with a limit that it does not tell.
    refused: str | None = None


class Gate:
    """All limits of one sandbox. One lock: between two questions nothing else is counted."""

    def __init__(self, operations: Collection[Operation], *, on: bool = True) -> None:
        self._is_on = on
        self._rules: dict[str, Rule] = {}
        self._hidden_rules: dict[str, Rule] = {}
        for operation in operations:
            limit = operation.rate_limit
            if limit is not None:
                self._rules.setdefault(limit.group, Rule(limit.tokens, limit.window))
            elif normal(operation.path) in _HIDDEN:
                self._hidden_rules[label(operation)] = _HIDDEN_RULE
        self._error_rule = _ERRORS
        self._lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        """Forget all that was counted."""
        with self._lock:
            self._buckets: dict[tuple[str, str], Sliding] = {}
            self._hidden: dict[tuple[str, str], Sliding] = {}
            self._errors: dict[str, Fixed] = {}

    def switch(self, on: bool) -> None:
        self._is_on = on

    @property
    def groups(self) -> Collection[str]:
        return self._rules.keys()

    def set(self, name: str, tokens: int | None = None, window: float | None = None) -> None:
        """Change a limit, for what is spent already too: of a group, of errors, or of an operation that hides it."""
        with self._lock:
            if name == ERRORS:
                rule = self._error_rule = _changed(self._error_rule, tokens, window)
            elif name in self._rules:
                rule = self._rules[name] = _changed(self._rules[name], tokens, window)
            else:
                rule = self._hidden_rules[name] = _changed(self._hidden_rules.get(name, _HIDDEN_RULE), tokens, window)
            for of, _, counter in self._counters():
                if of == name:
                    counter.rule = rule

    def scale(self, factor: float) -> None:
        """Make the windows of all groups so many times as long, in whole seconds."""
        for group, rule in self._rules.items():
            self.set(group, window=max(1, round(rule.window * factor)))

    def _counters(self) -> list[tuple[str, str, Sliding | Fixed]]:
        return [
            *((group, user, bucket) for (group, user), bucket in self._buckets.items()),
            *((ERRORS, address, errors) for address, errors in self._errors.items()),
            *((name, address, hidden) for (name, address), hidden in self._hidden.items()),
        ]

    def counts(self) -> list[dict[str, Any]]:
        """What was counted so far, per limit and user, as plain values."""
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

    def enter(self, visit: Visit, operation: Operation | None, address: str, grant: Grant | None) -> Reply | None:
        """Let a request in and give None, or the refusal."""
        if not self._is_on:
            return None
        now = clock.time()
        with self._lock:
            errors = self._counter(self._errors, address, Fixed, self._error_rule)
            if errors.is_over(now):
                visit.refused = ERRORS
                return error_reply(
                    420, 'This software has exceeded the error limit for ESI.', _error_headers(errors, now)
                )
            if operation is None or operation.rate_limit is None:
                visit.errors = errors
            else:
                refusal = self._hold(visit, operation, user_of(operation, address, grant), now)
                if refusal is not None:
                    return refusal
            return self._hidden_refusal(visit, operation, address, now) if self._hidden_rules else None

    def _hold(self, visit: Visit, operation: Operation, user: str, now: float) -> Reply | None:
        limit = operation.rate_limit
        assert limit is not None
        bucket = self._counter(self._buckets, (limit.group, user), Sliding, self._rules[limit.group])
        wait = bucket.hold(now)
        if wait:
            visit.refused = limit.group
            headers = {**_bucket_headers(limit.group, bucket), 'Retry-After': str(math.ceil(wait))}
            return error_reply(429, f'Too many requests: the tokens of {limit.group} are spent.', headers)
        visit.bucket, visit.group = bucket, limit.group
        return None

    def _hidden_refusal(self, visit: Visit, operation: Operation | None, address: str, now: float) -> Reply | None:
        name = label(operation) if operation is not None else ''
        rule = self._hidden_rules.get(name)
        if rule is None:
            return None
        hidden = self._counter(self._hidden, (name, address), _Requests, rule)
        if hidden.hold(now):
            visit.refused = name
            return error_reply(429, 'Too many requests')
        visit.hidden = hidden
        return None

    @staticmethod
    def _counter(counters: dict[Any, Any], key: Any, kind: Any, rule: Rule) -> Any:
        found = counters.get(key)
        if found is None:
            found = counters[key] = kind(rule)
        return found

    def settle(self, visit: Visit, status: int) -> dict[str, str]:
        """Count an answer (0: there is none) when it goes out; what its headers say of the limits.

        A 420 or 429 that comes here was not said by one of them, but deeper down, where headers are unknown.
        """
        now = clock.time()
        with self._lock:
            if visit.hidden is not None:
                visit.hidden.spend(1, now)
            if visit.bucket is not None:
                visit.bucket.spend(cost(status), now)
            elif visit.errors is not None and status and not 200 <= status < 400:
                visit.errors.spend(now)
            return {} if status in (420, 429) else _told(visit, now)


class _Requests(Sliding):
    """Where each request counts one."""

    def __init__(self, rule: Rule) -> None:
        super().__init__(rule, held=1)


def label(operation: Operation) -> str:
    """What an operation is called in the log and among the limits."""
    return operation.id or f'{operation.method} {operation.path}'


def user_of(operation: Operation, address: str, grant: Grant | None) -> str:
    """Whose bucket a call draws from; a token that the SSO did not sign counts for none."""
    if grant is None:
        return address
    if not operation.security or {} in operation.security:
        return f'{address} {grant.client_id}'
    return f'{grant.client_id} {grant.character_id}'


def _changed(rule: Rule, tokens: int | None, window: float | None) -> Rule:
    rule = Rule(rule.tokens if tokens is None else tokens, rule.window if window is None else window)
    if rule.tokens < 1 or rule.window < 1 or rule.window != int(rule.window):
        raise SandboxError(f'{rule.tokens} tokens in {rule.window} seconds: at least 1, and whole seconds')
    return rule


def _told(visit: Visit, now: float) -> dict[str, str]:
    if visit.bucket is not None:
        return _bucket_headers(visit.group, visit.bucket)
    return _error_headers(visit.errors, now) if visit.errors is not None else {}


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
