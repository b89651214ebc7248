"""Routes that reject (429, 520) by limits that neither the description nor the headers mention.
https://developers.eveonline.com/docs/services/esi/best-practices/

`MemoryLimits(undocumented={'GET /markets/{region_id}/history': '300/1m'})` replaces this table.
"""

from __future__ import annotations

from collections.abc import Mapping

#: Method and path, and how many requests in what time the server accepts from one address.
UNDOCUMENTED: Mapping[str, str] = {
    'GET /markets/{region_id}/history': '300/1m',
    'GET /characters/{character_id}/corporationhistory': '300/1m',
    'GET /corporations/{corporation_id}/alliancehistory': '300/1m',
}
