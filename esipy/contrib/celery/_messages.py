"""The message of a task, as it lies in a queue of Celery's Redis broker, and the key of that queue."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from kombu import serialization
from kombu.utils.json import dumps

#: The header of a message that notes how often its task has waited, and which slots it has.
HEADER = 'esipy_wait'


class Waits(NamedTuple):
    """What the header of a message says about the waits of its task."""

    #: How often this run of the task has waited. A retry is another run.
    times: int = 0
    #: The slots of its buckets, in microseconds of Redis's clock.
    slots: Mapping[str, int] = {}
    #: The server that was down when it waited the last time; '' if it waited for something else.
    server: str = ''


def waits_of(headers: Mapping[str, Any], retries: int) -> Waits:
    """Return what the header says about this run; nothing if it was written in an earlier run."""
    noted = headers.get(HEADER)
    if not isinstance(noted, Mapping) or noted.get('retries') != retries:
        return Waits()
    return Waits(noted['times'], noted['slots'], noted['server'])


def header(waits: Waits, retries: int) -> dict[str, Any]:
    """Return the header for these waits, as a part of a message's headers."""
    return {HEADER: {'retries': retries, **waits._asdict()}}


def run_of(task_id: str, retries: int) -> str:
    """Return the name of a run of a task. A retry is another run."""
    return f'{task_id}:{retries}'


class TaskMessage(NamedTuple):
    """A task's message that can be put back into its queue as it is."""

    run: str
    queue_key: str
    text: str
    #: How often the run has waited, with the wait that the message is made for.
    times: int
    #: The broker has delivered the message before.
    is_redelivered: bool


def of_delivered(message: Any, waits: Waits) -> TaskMessage:
    """Return the message that a worker has just received. `waits`: its new header."""
    payload = message.serializable()
    headers, properties = payload['headers'], payload['properties']
    is_redelivered = bool(headers.pop('redelivered', False))
    headers.update(header(waits, headers['retries']))
    properties['delivery_info'] = {
        name: value for name, value in properties['delivery_info'].items() if name != 'redelivered'
    }
    route = message.delivery_info
    key = _queue_key(message.channel, route['exchange'], route['routing_key'], properties.get('priority'))
    run = run_of(headers['id'], headers['retries'])
    return TaskMessage(run, key, dumps(payload), waits.times, is_redelivered)


def of_running(channel: Any, task: Any, waits: Waits) -> TaskMessage:
    """Return the message with which the running task comes again: the same id, retries, queue and priority.

    It is made here and not by `Task.apply_async`, which subclasses replace: celery-once would lock a second time.
    """
    request = task.request
    options = request.as_execution_options()
    own_headers = options.pop('headers') or {}
    made = task.app.amqp.create_task_message(
        options.pop('task_id'),
        task.name,
        request.args,
        request.kwargs,
        callbacks=options.pop('link'),
        errbacks=options.pop('link_error'),
        **options,
    )
    content_type, encoding, body = serialization.dumps(made.body, task.serializer)
    headers = {**made.headers, **own_headers, **header(waits, request.retries)}
    route = request.delivery_info or {}
    priority = route.get('priority')
    payload = channel.prepare_message(body, priority, content_type, encoding, headers, dict(made.properties))
    payload['body'], body_encoding = channel.encode_body(payload['body'], channel.body_encoding)
    exchange, routing_key = route.get('exchange') or '', route['routing_key']
    payload['properties'].update(
        body_encoding=body_encoding,
        delivery_mode=2,
        delivery_tag=f'{run_of(request.id, request.retries)}:{waits.times}',
        delivery_info={'exchange': exchange, 'routing_key': routing_key},
    )
    key = _queue_key(channel, exchange, routing_key, priority)
    run = run_of(request.id, request.retries)
    return TaskMessage(run, key, dumps(payload), waits.times, bool(route.get('redelivered')))


def _queue_key(channel: Any, exchange: str, routing_key: str, priority: int | None) -> str:
    """Return the key of the Redis list that holds the queue's messages of that priority.

    https://docs.celeryq.dev/en/stable/userguide/routing.html#redis-message-priorities
    """
    queue = routing_key
    if exchange:
        table = channel.get_table(exchange)
        queues = channel.typeof(exchange).lookup(table, exchange, routing_key, None)
        queue = next(iter(queues or [routing_key]))
    steps = [step for step in channel.priority_steps if step <= (priority or 0)]
    step = max(steps, default=0)
    return f'{channel.global_keyprefix}{queue}' + (f'{channel.sep}{step}' if step else '')
