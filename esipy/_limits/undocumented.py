"""Routes that refuse (429, 520) from deeper down than the limits that ESI tells of: neither description nor headers
know of it. https://developers.eveonline.com/docs/services/esi/best-practices/

`MemoryLimits(hidden={'GET /markets/{region_id}/history': '300/1m'})` replaces this table.
"""

from __future__ import annotations

from collections.abc import Mapping

#: Method and path, and how many requests in which time are taken from one address.
UNDOCUMENTED: Mapping[str, str] = {
    'GET /markets/{region_id}/history': '300/1m',
    'GET /characters/{character_id}/corporationhistory': '300/1m',
    'GET /corporations/{corporation_id}/alliancehistory': '300/1m',
}
