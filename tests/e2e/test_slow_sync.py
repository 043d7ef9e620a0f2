# SPDX-License-Identifier: Apache-2.0
"""A card that takes its time to sync: acknowledgements wait for it, and nothing else does.

Each sync is held until the test has seen what goes on meanwhile, so that no time need be measured."""

import os
import pathlib
import select
import subprocess

import pytest

from flood import Flood, Publisher, packet, text, unix
from gateway import WAIT_S, wait_until

SYNCS = 30
CONFIG = """{ name = "plain"; address = "mqtt://plain.example.com"; client_id = "g"; topics: (
  { pattern = "#"; direction = "out"; qos = 1; local_prefix = "up/"; } ); }"""


class Card:
    """The daemon's syncs, each of which lasts until it is released."""

    def __init__(self, folder):
        library = folder / "slow_sync.so"
        subprocess.run([os.environ.get("CC", "cc"), "-shared", "-fPIC", "-O1", "-o", library,
                        pathlib.Path(__file__).parent / "slow_sync.c", "-ldl"], check=True)
        self.log = folder / "slow_sync.log"
        self.log.touch()
        self.hold = folder / "hold"
        self.seen = 0
        self.number = 0
        options = ":".join(filter(None, [os.environ.get("ASAN_OPTIONS"), "verify_asan_link_order=0"]))
        self.env = {"LD_PRELOAD": str(library), "SLOW_SYNC_LOG": str(self.log), "SLOW_SYNC_HOLD": str(self.hold),
                    "ASAN_OPTIONS": options}

    def lines(self, what):
        """(number, file) of each."""
        found = [line.split() for line in self.log.read_text().rpartition("\n")[0].splitlines()]
        return [(int(number), path) for word, number, path in found if word == what]

    def _allow(self, number):
        new = self.hold.with_suffix(".new")
        new.write_text(str(number))
        new.rename(self.hold)

    def begin_to_hold(self):
        """The next that begins, and all after it: one that is under way may end yet."""
        self._allow(0)

    def wait_sync(self):
        """The file of the next sync that is held."""
        wait_until(lambda: len(self.lines("held")) > self.seen, f"sync {self.seen + 1} that is held")
        self.number, path = self.lines("held")[self.seen]
        self.seen += 1
        return path

    def is_held(self):
        return all(number != self.number for number, _ in self.lines("sync"))

    def release(self):
        """The one that is held: the next one is."""
        self._allow(self.number)

    def let_go(self):
        self.hold.unlink(missing_ok=True)


@pytest.fixture
def card(gateway):
    card = Card(gateway.folder)
    yield card
    card.let_go()


class Client:
    """A connection that asks and waits for the answer."""

    def __init__(self, path, client_id):
        self.socket = unix(path)()
        self.socket.settimeout(WAIT_S)
        self.exchange(packet(0x10, text("MQTT") + bytes([4, 2, 0, 0]) + text(client_id)), b"\x20\x02\0\0")

    def expect(self, answer):
        got = b""
        while len(got) < len(answer):
            data = self.socket.recv(len(answer) - len(got))
            assert data, got
            got += data
        assert got == answer

    def exchange(self, question, answer):
        self.socket.sendall(question)
        self.expect(answer)

    def has_nothing(self):
        return not select.select([self.socket], [], [], 0)[0]

    def publish(self, number):
        """At QoS 1, for the store."""
        self.socket.sendall(packet(0x32, text("up/x") + bytes([0, number]) + b"payload"))


class Talker(Client):
    """Sends to itself, and waits until it comes."""

    def __init__(self, path):
        super().__init__(path, "talker")
        self.exchange(packet(0x82, b"\0\1" + text("fast") + b"\0"), b"\x90\x03\0\1\0")

    def talk(self, number):
        message = packet(0x30, text("fast") + str(number).encode())
        self.exchange(message, message)
        self.exchange(b"\xc0\0", b"\xd0\0")


def test_local_traffic_waits_for_no_sync(gateway, card):
    """Not even for those by which the log is written back to the database."""
    daemon = gateway.daemon([CONFIG], env=card.env)
    talker = Talker(gateway.local_socket)
    publishers = [Publisher(f"pub{i}", unix(gateway.local_socket), [f"up/{i}"], pad=9000) for i in range(8)]
    flood = Flood(publishers, [], lambda topic: [], 0)
    wait_until(lambda: flood.acknowledged() > 0, lambda: f"they publish: {daemon.tail()}")
    card.begin_to_hold()
    files = []
    # The log is begun anew by the sync after the one that ends in the database.
    while len(files) < SYNCS or all(path.endswith("-wal") for path in files[:-2]):
        files.append(card.wait_sync())
        talker.talk(len(files))
        if len(files) == 1 or not files[-1].endswith("-wal"):
            assert daemon.status()["brokers"]
        assert card.is_held(), f"sync {len(files)} of {files[-1]} did not last"
        card.release()
    card.let_go()
    flood.stop()
    print(f"{len(files)} syncs, {sum(not path.endswith('-wal') for path in files)} of the database; "
          f"{flood.acknowledged()} acknowledged")


@pytest.fixture
def held(gateway, card):
    """A daemon, what talks there, and two that have published: one before the sync that is held, one after."""
    daemon = gateway.daemon([CONFIG], env=card.env)
    talker = Talker(gateway.local_socket)
    clients = [Client(gateway.local_socket, name) for name in ("first", "second")]
    # What the start has left to be synced goes with this one.
    clients[0].publish(9)
    clients[0].expect(b"\x40\x02\0\x09")
    card.begin_to_hold()
    clients[0].publish(1)
    card.wait_sync()
    clients[1].publish(2)
    talker.talk(1)
    return daemon, talker, *clients


def test_acknowledged_after_the_sync(card, held):
    """What came meanwhile: after the next one."""
    _, talker, first, second = held
    assert first.has_nothing() and second.has_nothing()
    card.release()
    first.expect(b"\x40\x02\0\1")
    card.wait_sync()
    talker.talk(2)
    assert second.has_nothing()
    card.release()
    second.expect(b"\x40\x02\0\2")


def test_the_end_waits_for_the_sync(card, held):
    daemon, talker, _, _ = held
    daemon.popen.terminate()
    assert talker.socket.recv(1) == b""  # it stops
    assert daemon.popen.poll() is None
    card.let_go()
    assert daemon.popen.wait(WAIT_S) == 0
