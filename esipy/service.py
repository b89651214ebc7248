"""Clients for any REST service, by a table of its endpoints: `ServiceClient`, and what goes with it.

In short::

    from esipy.service import ServiceClient, json_decoder, json_encoder

    service = ServiceClient(
        spec={'get_users': {'path': '/user'}, 'create_user': {'path': '/user', 'method': 'post'}},
        base_path='http://example.com',
        parser=json_decoder,
        serializer=json_encoder,
    )
    service.create_user(payload={'username': 'foobar'})
"""

from esipy._documents.loaders import configuration_loader, json_loader, yaml_loader
from esipy._message.codec import json_decoder, json_encoder
from esipy._service.client import ServiceClient
from esipy._service.model import build_parameter_object

__all__ = [
    'ServiceClient',
    'build_parameter_object',
    'configuration_loader',
    'json_decoder',
    'json_encoder',
    'json_loader',
    'yaml_loader',
]
