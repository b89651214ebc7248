"""What 40 characters own, each list whole, several characters at a time, and where all of it lies.

It runs against a local ESI here; without the last block it would run against the real one.
"""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from esipy import EsiApp, EsiClient, EsiSecurity
from esipy.exceptions import APIException, WalkError

#: Characters at the same time, and threads for the pages of each.
CHARACTERS, PAGES = 8, 4


def signed_in(tokens):
    """A character's security object, as an app makes it of the tokens that it has kept."""
    security = EsiSecurity(
        redirect_uri='http://localhost/callback',
        client_id='sandbox',
        secret_key='secret',
        headers={'User-Agent': 'assets_of_many/1.0 (me@example.com)'},
    )
    security.update_token(tokens)
    return security


def assets(app, client, character_id, security):
    """All that a character owns, in one state."""
    call = app.op['get_characters_character_id_assets'](character_id=character_id)
    return client.all(call, security=security, threads=PAGES)


def main(grants):
    app = EsiApp()
    owned, failed = {}, {}
    with (
        EsiClient(user_agent='assets_of_many/1.0 (me@example.com)', retry_requests=True) as client,
        ThreadPoolExecutor(CHARACTERS) as pool,
    ):
        found = {
            character: pool.submit(assets, app, client, character, signed_in(tokens))
            for character, tokens in grants.items()
        }
        for character, future in found.items():
            try:
                owned[character] = future.result()
            except (APIException, WalkError) as error:  # one of them loses nothing of the others
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


if __name__ == '__main__':
    from esipy.sandbox import Sandbox

    with Sandbox(records=300, page_size=100) as esi, esi.redirect():
        main({character: esi.sso.grant(character) for character in range(90000001, 90000041)})
