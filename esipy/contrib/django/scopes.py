"""Which scopes there are: a misspelt one is an error before anybody is sent to the SSO."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable

from esipy import clock
from esipy._runtime import fork
from esipy._runtime.suggest import closest
from esipy.contrib.django.clients import site_app
from esipy.contrib.django.errors import UnknownScopeError

LOGGER = logging.getLogger(__name__)

#: Seconds for which the description of the API is not asked for again after that failed.
_REST = 600.0

#: How much a name must be like a known one to be a misspelling of it, where newer scopes cannot be known.
_MISSPELT = 0.9


def check_scopes(names: Iterable[str]) -> None:
    """Raise UnknownScopeError, with the nearest names, for scopes that EVE Online does not have.

    Scopes that are newer than this release are looked up in the description of the API.
    """
    unknown = [name for name in names if name not in KNOWN and name not in RETIRED]
    newer = _newer.names() if unknown else frozenset()
    for name in unknown:
        if newer is not None and name in newer:
            continue
        near = closest(name, KNOWN | (newer or frozenset()), n=3, cutoff=0.6 if newer is not None else _MISSPELT)
        if newer is not None or near:
            hint = f'; did you mean {" or ".join(near)}?' if near else ''
            raise UnknownScopeError(f'EVE Online has no scope {name!r}{hint}')


class _Newer:
    """The scopes in the description of the API. It is loaded once; None while that is not possible."""

    def __init__(self) -> None:
        self._rests_until = 0.0
        self._reset_after_fork()
        fork.reset_after_fork(self)

    def _reset_after_fork(self) -> None:
        self._lock = threading.Lock()

    def names(self) -> frozenset[str] | None:
        with self._lock:
            if clock.monotonic() < self._rests_until:
                return None
            try:
                operations = site_app().op.values()
            except Exception as error:  # whatever it is, it must not keep anybody from signing in
                LOGGER.warning('the scopes in the description of the API cannot be read: %s', error)
                self._rests_until = clock.monotonic() + _REST
                return None
            return frozenset(scope for operation in operations for scope in operation.scopes)


_newer = _Newer()

#: Scopes of operations that the API no longer has: sites still ask for them, and the SSO may still give them.
RETIRED = frozenset(
    {
        'esi-bookmarks.read_character_bookmarks.v1',
        'esi-bookmarks.read_corporation_bookmarks.v1',
        'esi-characters.read_chat_channels.v1',
        'esi-characters.read_opportunities.v1',
        'esi-characterstats.read.v1',
        'esi-corporations.read_outposts.v1',
        'esi-corporations.write_structures.v1',
    }
)

#: The scopes of the API of 2026-08-04 (`esipy._documents.live.COMPATIBILITY_DATE`), and the one that no operation
#: needs.
KNOWN = frozenset(
    {
        'publicData',
        'esi-access.read_lists.v1',
        'esi-activities.read_character.v1',
        'esi-alliances.read_contacts.v1',
        'esi-assets.read_assets.v1',
        'esi-assets.read_corporation_assets.v1',
        'esi-calendar.read_calendar_events.v1',
        'esi-calendar.respond_calendar_events.v1',
        'esi-characters.read_agents_research.v1',
        'esi-characters.read_blueprints.v1',
        'esi-characters.read_contacts.v1',
        'esi-characters.read_corporation_roles.v1',
        'esi-characters.read_fatigue.v1',
        'esi-characters.read_freelance_jobs.v1',
        'esi-characters.read_fw_stats.v1',
        'esi-characters.read_loyalty.v1',
        'esi-characters.read_medals.v1',
        'esi-characters.read_notifications.v1',
        'esi-characters.read_standings.v1',
        'esi-characters.read_titles.v1',
        'esi-characters.write_contacts.v1',
        'esi-clones.read_clones.v1',
        'esi-clones.read_implants.v1',
        'esi-contracts.read_character_contracts.v1',
        'esi-contracts.read_corporation_contracts.v1',
        'esi-corporations.read_blueprints.v1',
        'esi-corporations.read_contacts.v1',
        'esi-corporations.read_container_logs.v1',
        'esi-corporations.read_corporation_membership.v1',
        'esi-corporations.read_divisions.v1',
        'esi-corporations.read_facilities.v1',
        'esi-corporations.read_freelance_jobs.v1',
        'esi-corporations.read_fw_stats.v1',
        'esi-corporations.read_medals.v1',
        'esi-corporations.read_projects.v1',
        'esi-corporations.read_standings.v1',
        'esi-corporations.read_starbases.v1',
        'esi-corporations.read_structures.v1',
        'esi-corporations.read_titles.v1',
        'esi-corporations.track_members.v1',
        'esi-fittings.read_fittings.v1',
        'esi-fittings.write_fittings.v1',
        'esi-fleets.read_fleet.v1',
        'esi-fleets.write_fleet.v1',
        'esi-industry.read_character_jobs.v1',
        'esi-industry.read_character_mining.v1',
        'esi-industry.read_corporation_jobs.v1',
        'esi-industry.read_corporation_mining.v1',
        'esi-killmails.read_corporation_killmails.v1',
        'esi-killmails.read_killmails.v1',
        'esi-location.read_location.v1',
        'esi-location.read_online.v1',
        'esi-location.read_ship_type.v1',
        'esi-mail.organize_mail.v1',
        'esi-mail.read_mail.v1',
        'esi-mail.send_mail.v1',
        'esi-markets.read_character_orders.v1',
        'esi-markets.read_corporation_orders.v1',
        'esi-markets.structure_markets.v1',
        'esi-planets.manage_planets.v1',
        'esi-planets.read_customs_offices.v1',
        'esi-search.search_structures.v1',
        'esi-skills.read_skillqueue.v1',
        'esi-skills.read_skills.v1',
        'esi-structures.read_character.v1',
        'esi-structures.read_corporation.v1',
        'esi-ui.open_window.v1',
        'esi-ui.write_waypoint.v1',
        'esi-universe.read_structures.v1',
        'esi-wallet.read_character_wallet.v1',
        'esi-wallet.read_corporation_wallets.v1',
        'esi.activity.char:read',
        'esi.cosmetic.char:read',
    }
)
