"""What the old Swagger 2.0 document of ESI called things, for apps that still call them so.

Facts about two documents: 1.24 (Swagger 2.0) and the live one (2026-08-04).
"""

#: Request bodies had names of their own once; OpenAPI 3 has none. By (method, path).
BODY_NAMES = {
    ('post', '/characters/affiliation'): 'characters',
    ('post', '/characters/{character_id}/assets/locations'): 'item_ids',
    ('post', '/characters/{character_id}/assets/names'): 'item_ids',
    ('put', '/characters/{character_id}/calendar/{event_id}'): 'response',
    ('post', '/characters/{character_id}/contacts'): 'contact_ids',
    ('put', '/characters/{character_id}/contacts'): 'contact_ids',
    ('post', '/characters/{character_id}/cspa'): 'characters',
    ('post', '/characters/{character_id}/fittings'): 'fitting',
    ('post', '/characters/{character_id}/mail'): 'mail',
    ('post', '/characters/{character_id}/mail/labels'): 'label',
    ('put', '/characters/{character_id}/mail/{mail_id}'): 'contents',
    ('post', '/corporations/{corporation_id}/assets/locations'): 'item_ids',
    ('post', '/corporations/{corporation_id}/assets/names'): 'item_ids',
    ('put', '/fleets/{fleet_id}'): 'new_settings',
    ('post', '/fleets/{fleet_id}/members'): 'invitation',
    ('put', '/fleets/{fleet_id}/members/{member_id}'): 'movement',
    ('put', '/fleets/{fleet_id}/squads/{squad_id}'): 'naming',
    ('put', '/fleets/{fleet_id}/wings/{wing_id}'): 'naming',
    ('post', '/ui/openwindow/newmail'): 'new_mail',
    ('post', '/universe/ids'): 'names',
    ('post', '/universe/names'): 'ids',
}

_BOOKMARKS = 'the server has removed bookmarks from the API; nothing replaces them'
_OPPORTUNITIES = 'the server has removed opportunities from the API; nothing replaces them'
_SOVEREIGNTY = 'the server has removed it; its successor is get_sovereignty_systems (its response has another form)'
_VERIFY = 'the server has removed it; EsiSecurity.verify() reads the token itself'
_DOCUMENT = "the server has retired its Swagger documents; EsiApp() loads today's, and EsiApp().get_latest_swagger too"

#: Operations that the server has removed, and what to use instead.
REMOVED = {
    'get_characters_character_id_bookmarks': _BOOKMARKS,
    'get_characters_character_id_bookmarks_folders': _BOOKMARKS,
    'get_corporations_corporation_id_bookmarks': _BOOKMARKS,
    'get_corporations_corporation_id_bookmarks_folders': _BOOKMARKS,
    'get_characters_character_id_opportunities': _OPPORTUNITIES,
    'get_opportunities_groups': _OPPORTUNITIES,
    'get_opportunities_groups_group_id': _OPPORTUNITIES,
    'get_opportunities_tasks': _OPPORTUNITIES,
    'get_opportunities_tasks_task_id': _OPPORTUNITIES,
    'get_route_origin_destination': (
        'the server has removed it; its successor is post_route_origin_system_id_destination_system_id '
        '(a POST: avoid, connections and flag go into its body)'
    ),
    'get_sovereignty_map': _SOVEREIGNTY,
    'get_sovereignty_structures': _SOVEREIGNTY,
    # Gone before the last Swagger document.
    'get_search': (
        'the server has removed it; post_universe_ids finds whole names, and get_characters_character_id_search, '
        'with a token, parts of them'
    ),
    **{
        f'get_{kind}_names': 'the server has removed it; its successor is post_universe_names (ids=[...])'
        for kind in ('characters', 'corporations', 'alliances')
    },
    # The old meta document.
    'get_verify': _VERIFY,
    'verify': _VERIFY,
    'get_versions': 'the server has removed it; /meta/compatibility-dates (GetMetaCompatibilityDates) lists the dates',
    'get_ping': 'the server has removed it; get_status tells whether it is up',
    'get_status_json': 'the server has removed it; get_status tells whether it is up',
    **{
        f'get_{version}_swagger': _DOCUMENT
        for version in ('latest', '_latest', 'dev', '_dev', 'legacy', '_legacy', 'v1', 'v2', 'v3', 'v4', 'v5', 'v6')
    },
}

#: Old values of headers that the live document does not list, and what they mean there.
VALUES = {('Accept-Language', 'en-us'): 'en'}

#: Old parameters, and the header that took their place.
HEADERS = {'datasource': 'X-Tenant', 'language': 'Accept-Language'}
