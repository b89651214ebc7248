"""python examples/service.py

A small REST service, and a client for it that needs only a table of its endpoints.
"""

import io
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from esipy.service import ServiceClient, json_decoder, json_encoder

USERS = {12: 'foo', 13: 'bar'}
TABLE = {
    'get_users': {'path': '/user'},
    'get_user_detail': {'path': '/user/{user_id}'},
    'create_user': {'path': '/user', 'method': 'post'},
    'set_picture': {'path': '/user/{user_id}/picture', 'method': 'put', 'stream_request': True},
}


class Service(BaseHTTPRequestHandler):
    """The service: users, and the sizes of their pictures."""

    protocol_version = 'HTTP/1.1'

    def do_GET(self):
        number = self.path.removeprefix('/user').strip('/')
        if not number:
            self.send([{'user_id': user_id, 'username': name} for user_id, name in USERS.items()])
        elif int(number) in USERS:
            self.send({'user_id': int(number), 'username': USERS[int(number)]})
        else:
            self.send({'error': 'no such user'}, 404)

    def do_POST(self):
        user_id = max(USERS) + 1
        USERS[user_id] = json.loads(self.body())['username']
        self.send({'user_id': user_id, 'username': USERS[user_id]}, 201)

    def do_PUT(self):
        self.send({'bytes': len(self.body())})

    def body(self):
        return self.rfile.read(int(self.headers['Content-Length']))

    def send(self, value, status=200):
        raw = json.dumps(value).encode()
        self.send_response(status)
        self.send_header('Content-Type', 'application/json')
        self.send_header('Cache-Control', 'max-age=60')
        self.send_header('Content-Length', str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *arguments):
        pass


def main():
    server = ThreadingHTTPServer(('127.0.0.1', 0), Service)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with ServiceClient(
        name='users',
        spec=TABLE,
        base_path=f'http://127.0.0.1:{server.server_port}',
        parser=json_decoder,
        serializer=json_encoder,
    ) as service:
        for user in service.get_users().data:
            print(f'{user["user_id"]}: {user["username"]}')
        print('asked again, from the cache:', service.get_users().from_cache)

        made = service.create_user(payload={'username': 'foobar'})
        print(f'{made.status}: {made.data}')
        print('now there are', len(service.get_users().data))  # a write makes the cached response stale

        missing = service.get_user_detail(user_id=99)
        print(f'{missing.status}: {missing.data["error"]}')
        picture = service.set_picture(io.BytesIO(bytes(100_000)), user_id=12)
        print(f'a picture of {picture.data["bytes"]} bytes')
        try:
            service.get_user(user_id=12)
        except AttributeError as error:
            print(error)
    server.shutdown()
    server.server_close()


if __name__ == '__main__':
    main()
