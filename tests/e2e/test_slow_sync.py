# SPDX-License-Identifier: Apache-2.0
"""A card that takes 200 ms to sync: acknowledgements wait for it, traffic between local clients does not
wait for more than one of its syncs."""

import collections
import os
import pathlib
import re
import subprocess
import threading
import time

import pytest

from flood import Flood, Publisher, packet, text, unix
from gateway import wait_until

SYNC_MS = 200
SYNCS = 30
OUT = '{ pattern = "#"; direction = "out"; qos = 1; local_prefix = "up/"; }'


@pytest.fixture
def slow_sync(gateway):
    """The environment of a daemon on a slow card, and the file that tells what it did."""
    library = gateway.folder / "slow_sync.so"
    subprocess.run([os.environ.get("CC", "cc"), "-shared", "-fPIC", "-O1", "-o", library,
                    pathlib.Path(__file__).parent / "slow_sync.c", "-ldl"], check=True)
    log = gateway.folder / "slow_sync.log"
    options = ":".join(filter(None, [os.environ.get("ASAN_OPTIONS"), "verify_asan_link_order=0"]))
    return {"LD_PRELOAD": str(library), "SLOW_SYNC_MS": str(SYNC_MS), "SLOW_SYNC_LOG": str(log),
            "ASAN_OPTIONS": options}, log


class Ticker(threading.Thread):
    """QoS 0, a number every few milliseconds. Notes when the daemon's socket had it."""

    def __init__(self, path):
        super().__init__(daemon=True)
        self.socket = unix(path)()
        self.socket.sendall(packet(0x10, text("MQTT") + bytes([4, 2, 0, 0]) + text("ticker")))
        self.socket.recv(4)
        self.sent = []
        self.is_over = False
        self.start()

    def run(self):
        while not self.is_over:
            self.socket.sendall(packet(0x30, text("fast") + b"#%08d" % len(self.sent)))
            self.sent.append(time.monotonic_ns())
            time.sleep(0.005)

    def stop(self):
        self.is_over = True
        self.join()
        self.socket.close()


def syncs_of(log):
    """(begin, end, file) of each."""
    found = [line.split() for line in log.read_text().rpartition("\n")[0].splitlines() if line.startswith("sync ")]
    return [(int(begin), int(end), path) for _, begin, end, path in found]


def of_write_back(syncs):
    """Those that write the log back to the database cost: its own, and the one that begins the log anew."""
    places = [i for i, (_, _, path) in enumerate(syncs) if not path.endswith("-wal")]
    return {syncs[k] for i in places for k in (i, i + 1) if k < len(syncs)}


def test_local_traffic_waits_for_one_sync(gateway, slow_sync):
    """The one that was under way. Two only when the log is written back, once in 4 MB."""
    env, log = slow_sync
    config = '{ name = "plain"; address = "mqtt://plain.example.com"; client_id = "g"; topics: ( ' + OUT + ' ); }'
    daemon = gateway.daemon([config], env=env)
    seen = gateway.subscribe("fast", 0)
    # Large ones, so that the log is written back during the test.
    publishers = [Publisher(f"pub{i}", unix(gateway.local_socket), [f"up/{i}"], pad=6000) for i in range(4)]
    flood = Flood(publishers, [], lambda topic: [], 0)
    wait_until(lambda: flood.acknowledged() > 0, lambda: f"they publish: {daemon.tail()}")
    ticker = Ticker(gateway.local_socket)
    first = len(syncs_of(log))
    wait_until(lambda: len(syncs_of(log)) >= first + SYNCS, "syncs", 60)
    ticker.stop()
    flood.stop()
    wait_until(lambda: len(seen.messages()) == len(ticker.sent), "all of them arrive")
    left = {int(m[2]): int(m[1]) for m in re.finditer(r"^send (\d+) (\d+)$", log.read_text(), re.M)}
    syncs = syncs_of(log)
    extra = of_write_back(syncs[first:])
    counts = collections.Counter()
    for number, sent in enumerate(ticker.sent):
        during = [s for s in syncs if s[0] < left[number] and s[1] > sent]
        counts[len(during)] += 1
        assert len(during) <= 2
        assert sum(s not in extra for s in during) <= 1, f"message {number} waited for {during}"
    print(f"{len(syncs)} syncs, {flood.acknowledged()} acknowledged; messages by how many syncs held them up: "
          f"{dict(counts)}")
    assert extra and counts[1] > SYNCS
