"""Which ledgers the calls of an operation and a user use. Learns from the server's headers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from esipy._http import RawResponse
from esipy._limits import buckets, headers
from esipy._limits.buckets import BUCKET, ERRORS, REQUESTS, BucketUse
from esipy._limits.ledger import Rule
from esipy._limits.queue import Keys
from esipy._limits.undocumented import UNDOCUMENTED
from esipy._message.exchange import Exchange
from esipy._spec.model import Operation

#: Seconds to stay away after a rejection without Retry-After, at most; also the window of a limit that was not known.
DEFAULT_RETRY_AFTER = 60.0

#: What stands for a limit of unknown height: only its rejections count.
_UNKNOWN = Rule(10**9, DEFAULT_RETRY_AFTER)

#: Routes, plans and users are remembered; if there are so many, all are forgotten.
_MANY = 10_000


class ChargePlan:
    """Which ledgers the calls of one operation and one user use, and what each call reserves of them.

    `route`: method and path. `keys`: calls with the same keys wait in the same queue. `error_limit`: that of the
    server; while it blocks, no call is sent. `costs`: what is reserved of each of `uses`, at most what a window has.
    `expected_costs`: what most calls cost of each.
    """

    __slots__ = (
        'costs',
        'error_limit',
        'expected_costs',
        'groups',
        'keys',
        'ledgers',
        'operation',
        'owner',
        'redis_keys',
        'route',
        'server',
        'uses',
    )

    def __init__(
        self,
        server: str,
        operation: Operation,
        owner: str,
        route: str,
        uses: tuple[BucketUse, ...],
        error_limit: BucketUse,
    ) -> None:
        self.server = server
        self.operation = operation
        self.owner = owner
        self.route = route
        self.uses = uses
        self.error_limit = error_limit
        self.keys: Keys = frozenset((server, use.key) for use in uses)
        #: The groups of `uses`, for logs and plugins.
        self.groups = ', '.join(use.group for use in uses)
        self.costs = tuple(use.max_cost for use in uses)
        self.expected_costs = tuple(min(use.kind.expected_cost, use.rule.tokens) for use in uses)
        #: What stores keep with it: the ledgers in memory, the keys of those in Redis.
        self.ledgers: Any = None
        self.redis_keys: list[str] | None = None


class Plans:
    """Makes and remembers the plans. Its dicts are read and written by many threads; each access is atomic."""

    def __init__(self, undocumented: Mapping[str, str] | None, address: str) -> None:
        self._address = address
        self._undocumented: dict[str, Rule] = {}
        for route, text in (UNDOCUMENTED if undocumented is None else undocumented).items():
            rule = headers.parse_rule(text)
            if rule is None:
                raise ValueError(f'undocumented[{route!r}]: {text!r} is not a limit; write one as 300/1m')
            self._undocumented[route] = rule
        self.forget()

    def forget(self) -> None:
        """Forget all plans and what was learned from headers."""
        #: Group and rule of a route by the server's headers, or None for the error limit.
        self._learned: dict[tuple[str, str], tuple[str, Rule] | None] = {}
        self._plans: dict[Any, ChargePlan] = {}

    def clear(self) -> None:
        """Make all plans anew: they refer to ledgers that are gone, or to old rules."""
        self._plans.clear()

    def of(self, exchange: Exchange, authorization: str | None) -> ChargePlan:
        """Return the plan of an exchange that is signed with `authorization`."""
        operation = exchange.request.operation
        owner = self._address
        if authorization:
            owner = buckets.bucket_owner(authorization, not operation.security, self._address)
        netloc = exchange.opt.get('url_netloc') if exchange.opt else None
        key = operation, netloc, owner
        plan = self._plans.get(key)
        if plan is None:
            if len(self._plans) >= _MANY:
                self._plans.clear()
            server = (netloc or urlsplit(operation.base_url).netloc).rpartition('@')[2].lower()
            plan = self._plans[key] = self._make(server, operation, owner)
        return plan

    def learn(
        self, plan: ChargePlan, rate_limit_headers: headers.RateLimitHeaders, raw: RawResponse
    ) -> ChargePlan | None:
        """Compare a response with the plan of its call. The server's headers replace the description, from the next
        call on.

        Returns a plan of the ledgers that this call should have used and did not, or None if it used the right ones.
        """
        first = plan.uses[0]
        group, rule = rate_limit_headers.group, rate_limit_headers.rule
        if first.kind is BUCKET and first.group == group and first.rule == rule:
            return None
        if group is not None and rule is not None:
            self._remember(self._learned, (plan.server, plan.route), (group[:100], rule))
        elif first.kind is BUCKET and rate_limit_headers.errors_left is not None and raw.status not in (420, 429):
            self._remember(self._learned, (plan.server, plan.route), None)
        elif raw.status == 429 and len(plan.uses) == 1 and first.kind is ERRORS:
            self._remember(self._undocumented, plan.route, _UNKNOWN)
        else:
            return None
        used = {use.key for use in plan.uses}
        new = self._make(plan.server, plan.operation, plan.owner)
        missed = tuple(use for use in new.uses if use.key not in used)
        if not missed:
            return None
        return ChargePlan(plan.server, plan.operation, plan.owner, plan.route, missed, plan.error_limit)

    def _make(self, server: str, operation: Operation, owner: str) -> ChargePlan:
        route = f'{operation.method} {operation.path.rstrip("/")}'
        error_limit = BucketUse(f'errors {self._address}', ERRORS, headers.ERRORS, 'errors', self._address)
        described = operation.rate_limit
        bucket = described and (described.group, Rule(described.tokens, described.window))
        bucket = self._learned.get((server, route), bucket)
        uses = [error_limit]
        if bucket is not None:
            uses = [BucketUse(f'group {bucket[0]} {owner}', BUCKET, bucket[1], bucket[0], owner)]
        undocumented = self._undocumented.get(route)
        if undocumented is not None:
            uses.append(BucketUse(f'route {route} {self._address}', REQUESTS, undocumented, route, self._address))
        return ChargePlan(server, operation, owner, route, tuple(uses), error_limit)

    def _remember(self, known: dict[Any, Any], name: Any, value: Any) -> None:
        if len(known) >= _MANY:
            known.clear()
        known[name] = value
        self._plans.clear()
