"""python examples/assets_of_many.py

The assets of forty characters: each list whole and in one state, several characters at a time.

It runs against a local ESI. Without the last block it would run against the real one.
"""

from collections import Counter

from esipy import EsiApp, EsiClient, EsiSecurity
from esipy.stores import MemoryTokens, Tokens

ME = 'assets_of_many/1.0 (me@example.com)'
CLIENT_ID = 'my client id'


def main(store):
    """Print what the characters own. `store` has the tokens of everybody who has signed in."""
    security = EsiSecurity(
        'http://localhost/callback', CLIENT_ID, 'its secret key', store=store, headers={'User-Agent': ME}
    )
    assets = EsiApp().op['get_characters_character_id_assets']
    with EsiClient(security, user_agent=ME, retry_requests=True, raise_on_error=True) as client:
        owned = client.for_each(store.characters(CLIENT_ID), assets, all_pages=True)

        quantities = Counter()
        for stacks in owned.results.values():
            for stack in stacks:
                quantities[stack.type_id] += stack.quantity
        names = client.names(quantities)

    stacks = sum(map(len, owned.results.values()))
    pages = sum(result.pages for result in owned.results.values())
    print(f'{stacks} stacks of {len(owned.results)} characters, on {pages} pages')
    for character_id, error in owned.failures.items():  # one that fails does not stop the others
        print(f'{character_id}: {error}')
    for type_id, quantity in quantities.most_common(3):
        print(f'{quantity:>12} × {names[type_id].name if type_id in names else type_id}')
    return owned


if __name__ == '__main__':
    from esipy.sandbox import Sandbox

    with Sandbox(records=300, page_size=100) as esi, esi.redirect():
        signed_in = MemoryTokens()
        for character in range(90000001, 90000041):
            grant = esi.sso.grant(character, client_id=CLIENT_ID)
            signed_in.set(Tokens(CLIENT_ID, character, grant['refresh_token'], None, 0.0, ()))
        assert not main(signed_in).failures
