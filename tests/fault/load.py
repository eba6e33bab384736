"""Many clients with keep-alive connections, in a process of their own, and what each of them was answered.

The answers are kept as they come and read afterwards, so that checking them costs the clients no time.  A client asks
at its own instants, not when it is done: what was due while it still waited counts as waiting since then.
"""
import gc
import itertools
import multiprocessing
import selectors
import socket
import time
from typing import NamedTuple

ANSWER_SECONDS_MAX = 10.0
CLIENTS = 48
REQUESTS_A_SECOND = 600


class Answer(NamedTuple):
    ask: object      # what was asked, as the caller gave it
    begun: float     # when it was due, of time.monotonic()
    sent: float
    ended: float
    head: bytes      # empty: none came, or the connection was lost
    body: bytes

    @property
    def status(self):
        return int(self.head[9:12]) if self.head else 0

    @property
    def seconds(self):
        return self.ended - self.begun


def length_of(head):
    at = head.lower().index(b"content-length:")
    return int(head[at + 15:].split(b"\r\n", 1)[0])


class Client:
    """One connection, with at most one request under way."""

    def __init__(self, port, selector):
        self.port, self.selector = port, selector
        self.socket = self.ask = None
        self.received = b""
        self.due = self.sent = self.ended = self.next_due = 0.0

    def connect(self):
        self.socket = socket.create_connection(("127.0.0.1", self.port), 5)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.selector.register(self.socket, selectors.EVENT_READ, self)

    def begin(self, ask, due):
        """[an answer] when it is clear at once that there will be none."""
        self.ask, self.due, self.sent, self.received = ask, due, time.monotonic(), b""
        try:
            if self.socket is None:
                self.connect()
            self.socket.send(b"GET %s HTTP/1.1\r\nHost: h\r\n\r\n" % ask.path.encode())
        except OSError:
            return self.end(b"", b"")
        return []

    def end(self, head, body):
        self.ended = time.monotonic()
        answer = Answer(self.ask, self.due, self.sent, self.ended, head, body)
        if not head:
            self.close()
        self.ask = None
        return [answer]

    def receive(self):
        """[the answer] when it is whole."""
        try:
            got = self.socket.recv(1 << 18)
        except BlockingIOError:
            return []
        except OSError:
            got = b""
        if not got:
            if self.ask is not None:
                return self.end(b"", b"")
            self.close()
            return []
        self.received += got
        at = self.received.find(b"\r\n\r\n")
        if at < 0 or len(self.received) < at + 4 + length_of(self.received[:at]):
            return []
        return self.end(self.received[:at], self.received[at + 4:])

    def close(self):
        if self.socket is not None:
            self.selector.unregister(self.socket)
            self.socket.close()
            self.socket = None


def begin_what_is_due(clients, asks, interval):
    """(answers that came at once because the connection is lost, when the next client is due)."""
    failed, soonest = [], time.monotonic() + interval
    for client in clients:
        if client.ask is None:
            now = time.monotonic()
            if client.next_due <= now:
                # One that was free is late because of us, one that still waited because of the server.
                failed += client.begin(next(asks), client.next_due if client.ended > client.next_due else now)
                client.next_due = max(client.next_due + interval, now - interval)
            soonest = min(soonest, client.next_due)
    return failed, soonest


def run_clients(port, asks, rate, pipe):
    """Ask until a word comes through the pipe, then send what was answered back through it."""
    gc.disable()
    selector = selectors.EpollSelector()
    selector.register(pipe, selectors.EVENT_READ)
    interval = CLIENTS / rate
    clients = [Client(port, selector) for _ in range(CLIENTS)]
    for number, client in enumerate(clients):
        client.next_due = time.monotonic() + interval * number / CLIENTS
    answers, asks, end = [], itertools.cycle(asks), None
    while end is None or (any(client.ask for client in clients) and time.monotonic() < end):
        soonest = time.monotonic() + 0.01
        if end is None:
            failed, soonest = begin_what_is_due(clients, asks, interval)
            answers += failed
        for key, _ in selector.select(max(0.0, soonest - time.monotonic())):
            if key.fileobj is pipe:
                pipe.recv()
                selector.unregister(pipe)
                end = time.monotonic() + ANSWER_SECONDS_MAX
            else:
                answers += key.data.receive()
    for client in clients:
        answers += client.end(b"", b"") if client.ask else []
        client.close()
    pipe.send(answers)


class Load:
    def __init__(self, port, asks, rate=REQUESTS_A_SECOND):
        self.pipe, theirs = multiprocessing.Pipe()
        self.process = multiprocessing.get_context("fork").Process(
            target=run_clients, args=(port, asks, rate, theirs), daemon=True)
        self.process.start()
        theirs.close()

    def stop(self):
        """Every answer, in the order of their ends."""
        self.pipe.send("stop")
        answers = self.pipe.recv()
        self.process.join(10)
        return answers
