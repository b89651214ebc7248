"""What a character owns: money, things, fittings."""

from __future__ import annotations

from esipy._sandbox.description.commons import (
    FLAG,
    INTEGER,
    NUMBER,
    TEXT,
    TIME,
    Node,
    Operations,
    array,
    choice,
    operation,
    query,
    record,
)

WALLET = '/characters/{character_id}/wallet'
FITTINGS = '/characters/{character_id}/fittings'

_SLOTS = [f'{kind}Slot{number}' for kind in ('Hi', 'Med', 'Lo') for number in range(8)]
_RIGS = [f'{kind}{number}' for kind in ('RigSlot', 'SubSystemSlot') for number in range(3)]
_FLAGS = choice('Cargo', 'DroneBay', 'FighterBay', *_SLOTS, *_RIGS, 'Invalid')
_ITEM = record({'flag': _FLAGS, 'quantity': {**INTEGER, 'minimum': 1}, 'type_id': INTEGER})
_REFERENCES = choice(
    'agent_mission_reward', 'bounty_prizes', 'brokers_fee', 'contract_price', 'insurance', 'market_escrow',
    'market_transaction', 'player_donation', 'player_trading', 'transaction_tax',
)  # fmt: skip


def operations() -> Operations:
    yield from _wallet()
    yield operation(
        'get',
        '/characters/{character_id}/assets',
        'The things that a character owns',
        array(
            record(
                {
                    'is_singleton': FLAG,
                    'item_id': INTEGER,
                    'location_flag': choice('Cargo', 'DroneBay', 'Hangar', 'Deliveries', 'AssetSafety'),
                    'location_id': INTEGER,
                    'location_type': choice('station', 'solar_system', 'item', 'other'),
                    'quantity': {**INTEGER, 'minimum': 1},
                    'type_id': INTEGER,
                },
                {'is_blueprint_copy': FLAG},
            )
        ),
        id='GetCharactersCharacterIdAssets',
        tag='Assets',
        group='char-asset',
        tokens=1800,
        cache=3600,
        scope='esi-assets.read_assets.v1',
        pages=True,
    )
    yield from _fittings()


def _wallet() -> Operations:
    common: Node = {
        'tag': 'Wallet',
        'group': 'char-wallet',
        'tokens': 150,
        'scope': 'esi-wallet.read_character_wallet.v1',
    }
    yield operation(
        'get', WALLET, 'How much money a character has', NUMBER, id='GetCharactersCharacterIdWallet',
        cache=120, **common,
    )  # fmt: skip
    yield operation(
        'get',
        f'{WALLET}/journal',
        'The bookings on the account of a character',
        array(
            record(
                {'date': TIME, 'description': TEXT, 'id': INTEGER, 'ref_type': _REFERENCES},
                {'amount': NUMBER, 'balance': NUMBER, 'first_party_id': INTEGER, 'second_party_id': INTEGER},
            )
        ),
        id='GetCharactersCharacterIdWalletJournal',
        cache=3600,
        pages=True,
        **common,
    )
    yield operation(
        'get',
        f'{WALLET}/transactions',
        'What a character bought and sold, newest first',
        array(
            record(
                {
                    'client_id': INTEGER,
                    'date': TIME,
                    'is_buy': FLAG,
                    'is_personal': FLAG,
                    'journal_ref_id': INTEGER,
                    'location_id': INTEGER,
                    'quantity': INTEGER,
                    'transaction_id': INTEGER,
                    'type_id': INTEGER,
                    'unit_price': NUMBER,
                }
            )
        ),
        id='GetCharactersCharacterIdWalletTransactions',
        cache=3600,
        parameters=[query('from_id', INTEGER, 'This one and older ones.')],
        **common,
    )


def _fittings() -> Operations:
    common: Node = {'tag': 'Fittings', 'group': 'fitting', 'tokens': 150}
    write: Node = {'scope': 'esi-fittings.write_fittings.v1', **common}
    yield operation(
        'get',
        FITTINGS,
        'The saved fittings of a character',
        array(
            record(
                {
                    'description': TEXT,
                    'fitting_id': INTEGER,
                    'items': array(_ITEM),
                    'name': TEXT,
                    'ship_type_id': INTEGER,
                }
            )
        ),
        id='GetCharactersCharacterIdFittings',
        cache=300,
        scope='esi-fittings.read_fittings.v1',
        **common,
    )
    yield operation(
        'post',
        FITTINGS,
        'Save a fitting',
        record({'fitting_id': INTEGER}),
        id='PostCharactersCharacterIdFittings',
        body=record(
            {
                'description': {**TEXT, 'maxLength': 500},
                'items': array(_ITEM, minItems=1, maxItems=512),
                'name': {**TEXT, 'minLength': 1, 'maxLength': 50},
                'ship_type_id': INTEGER,
            }
        ),
        **write,
    )
    yield operation(
        'delete', f'{FITTINGS}/{{fitting_id}}', 'Throw a fitting away', None,
        id='DeleteCharactersCharacterIdFittingsFittingId', **write,
    )  # fmt: skip
