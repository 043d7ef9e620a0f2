# SPDX-License-Identifier: Apache-2.0
"""Many MQTT 3.1.1 clients in one thread: publishers at full rate, and watchers at the brokers.

They speak MQTT themselves, so that every message, acknowledgement and arrival has its place on one
clock, and so that nothing between socket and test sends again, holds back or forgets. A publisher
sends each number once, whatever happens; a watcher has a persistent session and tells what its broker
repeats (DUP, same packet identifier, same message) from what came to the broker twice.
"""

import collections
import select
import socket
import struct
import threading
import time

CONNACK, PUBLISH, PUBACK, SUBACK = 0x20, 0x30, 0x40, 0x90
AGAIN_S = 0.03  # between two attempts to connect


def packet(first, body):
    length, head = len(body), bytes([first])
    while True:
        head += bytes([length % 128 | (128 if length > 127 else 0)])
        length //= 128
        if length == 0:
            return head + body


def text(value):
    data = value.encode()
    return struct.pack("!H", len(data)) + data


class Client:
    """One connection that is made again whenever it ends. `connect` gives a connected socket."""

    def __init__(self, client_id, connect, is_clean):
        self.client_id = client_id
        self.connect = connect
        self.is_clean = is_clean
        self.socket = None
        self.is_online = False
        self.unread = b""
        self.unsent = b""
        self.again_at = 0.0
        self.is_held = False

    def open(self):
        try:
            self.socket = self.connect()
        except OSError:
            self.again_at = time.monotonic() + AGAIN_S
            return
        self.socket.setblocking(False)
        self.unread = b""
        self.unsent = packet(0x10, text("MQTT") + bytes([4, 2 if self.is_clean else 0, 0, 0]) +
                             text(self.client_id))

    def close(self):
        self.socket.close()
        self.socket = None
        self.is_online = False
        self.again_at = time.monotonic() + AGAIN_S
        self.on_lost()

    def read(self):
        """False: the connection has ended."""
        try:
            data = self.socket.recv(1 << 16)
        except BlockingIOError:
            return True
        except OSError:
            return False
        self.unread += data
        while (size := self._packet_size()) and size <= len(self.unread):
            whole, self.unread = self.unread[:size], self.unread[size:]
            at = 2
            while whole[at - 1] & 128:
                at += 1
            self._on_packet(whole[0], whole[at:])
        return bool(data)

    def _packet_size(self):
        size, shift = 0, 0
        for at, byte in enumerate(self.unread[1:5]):
            size |= (byte & 127) << shift
            shift += 7
            if not byte & 128:
                return 2 + at + size
        return 0

    def _on_packet(self, first, body):
        if first == CONNACK:
            assert body[1] == 0, f"{self.client_id} was refused: {body[1]}"
            self.is_online = True
            self.on_online()
        else:
            self.on_packet(first, body)

    def write(self):
        """False: the connection has ended."""
        try:
            self.unsent = self.unsent[self.socket.send(self.unsent):] if self.unsent else b""
        except BlockingIOError:
            pass
        except OSError:
            return False
        return True

    def on_online(self):
        pass

    def on_lost(self):
        pass

    def produce(self):
        pass


class Publisher(Client):
    """Numbers 1, 2, 3, ... at QoS 1 to each of its topics in turn, `window` of them in flight."""

    def __init__(self, client_id, connect, topics, window=20, pad=0):
        super().__init__(client_id, connect, True)
        self.topics = topics
        self.window = window
        self.pad = pad
        self.number = 0
        self.flights = collections.OrderedDict()  # packet identifier: (topic, number)
        self.sent = {}  # (topic, number): when
        self.acknowledged = {}  # (topic, number): when
        self.counts = collections.Counter()  # of the acknowledged, by topic
        self.left = None  # messages, None: no end

    def produce(self):
        out = []
        while len(self.flights) < self.window and not self.is_held and self.left != 0:
            topic = self.topics[self.number % len(self.topics)]
            self.number += 1
            ident = self.number % 65535 + 1
            self.flights[ident] = (topic, self.number)
            self.sent[topic, self.number] = time.monotonic()
            self.left = self.left and self.left - 1
            payload = str(self.number).rjust(self.pad, "0").encode()
            out.append(packet(PUBLISH | 2, text(topic) + struct.pack("!H", ident) + payload))
        self.unsent += b"".join(out)

    def on_packet(self, first, body):
        assert first == PUBACK, f"{self.client_id} got a packet {first:02x}"
        message = self.flights.pop(struct.unpack("!H", body)[0])
        self.acknowledged[message] = time.monotonic()
        self.counts[message[0]] += 1

    def on_lost(self):
        self.flights.clear()


class Watcher(Client):
    """What comes to a broker, in order: (when, topic, number)."""

    def __init__(self, client_id, connect, topic):
        super().__init__(client_id, connect, False)
        self.topic = topic
        self.is_subscribed = False
        self.arrivals = []
        self.seen = set()
        self.known = {}  # packet identifier: its last message

    def on_online(self):
        self.unsent += packet(0x82, struct.pack("!H", 1) + text(self.topic) + b"\x01")

    def on_packet(self, first, body):
        if first == SUBACK:
            self.is_subscribed = True
            return
        assert first & 0xf6 == PUBLISH | 2, f"{self.client_id} got a packet {first:02x}"
        end = 2 + struct.unpack("!H", body[:2])[0]
        topic, ident, payload = body[2:end].decode(), body[end:end + 2], body[end + 2:]
        message = (topic, int(payload))
        self.unsent += packet(PUBACK, ident)
        if first & 8 and self.known.get(ident) == message:
            return
        self.known[ident] = message
        self.arrivals.append((time.monotonic(), *message))
        self.seen.add(message)


def unix(path):
    """A connect function for a Unix socket."""
    def connect():
        s = socket.socket(socket.AF_UNIX)
        try:
            s.connect(str(path))
        except OSError:
            s.close()
            raise
        return s

    return connect


def loopback(port):
    """A connect function for a port of this machine."""
    def connect():
        s = socket.create_connection(("127.0.0.1", port), timeout=5)
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return s

    return connect


class Flood:
    """All of them, in a thread of their own. `targets` says where a topic of the publishers comes out:
    a list of (watcher, topic there). Publishers are held while a watcher lacks more than `backlog_max` of
    the acknowledged messages."""

    def __init__(self, publishers, watchers, targets, backlog_max):
        self.publishers = publishers
        self.watchers = watchers
        self.targets = targets
        self.backlog_max = backlog_max
        self.is_held = False
        self.is_over = False
        self.failure = None
        self.wake, self.woken = socket.socketpair()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def acknowledged(self):
        return sum(len(p.acknowledged) for p in self.publishers)

    def missing(self):
        """Acknowledged messages that a watcher lacks, as (watcher, topic there, number)."""
        return [(w, there, number) for p in self.publishers for topic, number in list(p.acknowledged)
                for w, there in self.targets(topic) if (there, number) not in w.seen]

    def raise_failure(self):
        if self.failure:
            raise self.failure

    def stop(self):
        self.is_over = True
        self.wake.send(b"x")
        self.thread.join()
        for s in [self.wake, self.woken, *(c.socket for c in self._clients() if c.socket)]:
            s.close()
        self.raise_failure()

    def _clients(self):
        return [*self.publishers, *self.watchers]

    def _run(self):
        try:
            while not self.is_over:
                self._turn()
        except Exception as e:  # pylint: disable=broad-except
            self.failure = e  # raised again by whoever waits

    def _is_far_behind(self):
        wanted = collections.Counter()
        for p in self.publishers:
            for topic, count in p.counts.items():
                wanted.update({w: count for w, _ in self.targets(topic)})
        return any(wanted[w] - len(w.seen) > self.backlog_max for w in self.watchers)

    def _turn(self):
        now = time.monotonic()
        is_held = self.is_held or self._is_far_behind()
        there = {}
        for c in self._clients():
            if c.socket is None and now >= c.again_at:
                c.open()
            if c.socket is None:
                continue
            c.is_held = is_held
            if c.is_online:
                c.produce()
            there[c.socket] = c
        writing = [s for s, c in there.items() if c.unsent]
        readable, writable, _ = select.select([self.woken, *there], writing, [], AGAIN_S)
        for s in {*readable, *writable} - {self.woken}:
            is_open = s not in writable or there[s].write()
            if s in readable:
                is_open &= there[s].read()
            if not is_open:
                there[s].close()
