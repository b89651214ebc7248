"""What 40 characters own, each list whole, several characters at a time, and what there is most of.

It runs against a local ESI here; without the last block it would run against the real one.
"""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from esipy import EsiApp, EsiClient, EsiSecurity
from esipy.exceptions import APIException, PaginationError, TokenError
from esipy.stores import MemoryTokens, Tokens

ME = 'assets_of_many/1.0 (me@example.com)'
CLIENT_ID = 'sandbox'

#: Characters at the same time, and threads for the pages of each.
CHARACTERS, PAGES = 8, 4


def main(store):
    """`store`: holds the tokens of everybody who signed in."""
    security = EsiSecurity(
        'http://localhost/callback', CLIENT_ID, 'its secret key', store=store, headers={'User-Agent': ME}
    )
    app = EsiApp()
    operation = app.op['get_characters_character_id_assets']
    owned, failed = {}, {}

    with EsiClient(security, user_agent=ME, retry_requests=True) as client, ThreadPoolExecutor(CHARACTERS) as pool:

        def assets(character_id):
            """All that a character owns, in one state."""
            return client.as_character(character_id).all(operation(character_id=character_id), threads=PAGES)

        found = {character: pool.submit(assets, character) for character in store.characters(CLIENT_ID)}
        for character, future in found.items():
            try:
                owned[character] = future.result()
            except (APIException, TokenError, PaginationError) as error:  # one of them loses nothing of the others
                failed[character] = error

        things = Counter()
        for stacks in owned.values():
            for stack in stacks:
                things[stack.type_id] += stack.quantity
        names = client.names(things)

    pages = sum(stacks.pages for stacks in owned.values())
    print(f'{sum(map(len, owned.values()))} stacks of {len(owned)} characters, {pages} pages; {len(failed)} failed')
    for type_id, quantity in things.most_common(3):
        print(f'{quantity:>12} × {names[type_id].name if type_id in names else type_id}')
    return failed


if __name__ == '__main__':
    from esipy.sandbox import Sandbox

    with Sandbox(records=300, page_size=100) as esi, esi.redirect():
        signed_in = MemoryTokens()
        for character in range(90000001, 90000041):
            grant = esi.sso.grant(character, client_id=CLIENT_ID)
            signed_in.set(Tokens(CLIENT_ID, character, grant['refresh_token'], None, 0.0, ()))
        assert not main(signed_in)
