# SPDX-License-Identifier: Apache-2.0
"""kill -9 at random moments, modem resets and broker restarts between them: what was acknowledged
arrives, in order, and what is sent again has a loss of the link to blame.

With CMQTTD_TEST_ALL=1 in the environment the daemon dies 200 times instead of 30.
"""

import collections
import os
import random
import signal
import time

from flood import Flood, Publisher, Watcher, loopback, unix
from gateway import CMQTTD, Process, wait_until

KILLS = 200 if os.environ.get("CMQTTD_TEST_ALL") else 30
BACKLOG_MAX = 300
SEED = 20260
ALL = ("one", "two")
PREFIXES = {"one": ["one"], "two": ["two"], "both": ["one", "two"]}


class Losses:
    """When the link to a broker was cut, and by what."""

    def __init__(self):
        self.spans = []  # (begin, end, brokers)
        self.counts = collections.Counter()

    def during(self, what, brokers, action):
        begin = time.monotonic()
        action()
        self.spans.append((begin, time.monotonic(), brokers))
        self.counts[what] += 1

    def between(self, broker, begin, end):
        """How many there were at that broker, those included that were under way."""
        return sum(broker in b and first <= end and last >= begin for first, last, b in self.spans)


def make_broker(gateway, name):
    """It keeps its watcher's session when it is restarted."""
    place = gateway.folder / f"{name}-db"
    place.mkdir()
    return gateway.plain(name, extra=f"persistence true\npersistence_location {place}/\n"
                                     "max_queued_messages 0\n")


def section(name):
    return f'''{{ name = "{name}"; address = "mqtt://{name}.example.com"; client_id = "gw-{name}";
  reconnect: {{ min = 0.1; max = 0.5; }};
  topics: ( {{ pattern = "{name}/#"; direction = "out"; qos = 1; remote_prefix = "site/"; }},
            {{ pattern = "both/#"; direction = "out"; qos = 1; remote_prefix = "site/"; }} ); }}'''


class Setting:
    def __init__(self, gateway):
        self.gateway = gateway
        self.rng = random.Random(SEED)
        self.losses = Losses()
        self.brokers = {name: make_broker(gateway, name) for name in ALL}
        maps = {f"{name}.example.com:1883": b.port for name, b in self.brokers.items()}
        self.modem = gateway.modem(maps, extra=["--latency", "0"])
        self.config = gateway.folder / "cmqttd.conf"
        self.config.write_text(gateway.config([section(name) for name in ALL]))
        self.daemon = None
        self.watchers = {name: Watcher(f"watch-{name}", loopback(b.watch_port), "site/#")
                         for name, b in self.brokers.items()}
        self.publishers = [
            Publisher(f"pub{i}", unix(gateway.local_socket), [f"{to}/{i}/{k}" for to in PREFIXES for k in "ab"])
            for i in range(4)]
        self.flood = Flood(self.publishers, list(self.watchers.values()), self.targets, BACKLOG_MAX)
        wait_until(lambda: all(w.is_subscribed for w in self.watchers.values()), "the watchers are there")

    def targets(self, topic):
        return [(self.watchers[name], f"site/{topic}") for name in PREFIXES[topic.partition("/")[0]]]

    def start(self):
        """Without waiting for anything: it may be killed while it starts."""
        self.daemon = self.gateway.add(Process("cmqttd", [CMQTTD, "-c", self.config], self.gateway.folder))

    def kill(self):
        assert self.daemon.is_alive(), self.daemon.tail()
        self.losses.during("kill", ALL, lambda: self.daemon.stop(signal.SIGKILL))

    def restart_broker(self):
        name = self.rng.choice(ALL)

        def restart():
            self.brokers[name].stop()
            self.brokers[name].start()
            self.brokers[name].wait_ready()

        self.losses.during("broker restart", (name,), restart)

    def reset_modem(self):
        self.losses.during("modem reset", ALL, lambda: self.modem.say("reset"))

    def live(self):
        """From the start to the death, with or without trouble in between."""
        self.start()
        # The moment is what is tested: in the middle of the start, of the recovery, of the work.
        time.sleep(self.rng.choice([self.rng.uniform(0, 0.15), self.rng.uniform(0.1, 1.5)]))
        chance = self.rng.random()
        if chance < 0.15:
            self.restart_broker()
        elif chance < 0.3:
            self.reset_modem()
        if chance < 0.3:
            time.sleep(self.rng.uniform(0, 1))
        self.kill()


def check_order(watcher):
    """By topic: first arrivals in the order of publishing."""
    newest = {}
    for message in dict.fromkeys((topic, number) for _, topic, number in watcher.arrivals):
        topic, number = message
        assert number > newest.get(topic, 0), f"{message} came behind {newest[topic]}"
        newest[topic] = number


def check_duplicates(setting, name, watcher):
    """A message comes once, and once more at most for each loss of the link between the moment it was
    published and its last arrival. Returns how many came more than once."""
    sent = {(f"site/{topic}", n): when for p in setting.publishers for (topic, n), when in p.sent.items()}
    arrived = collections.defaultdict(list)
    for when, topic, number in watcher.arrivals:
        arrived[topic, number].append(when)
    for message, times in arrived.items():
        losses = setting.losses.between(name, sent[message], times[-1])
        assert len(times) <= 1 + losses, f"{message} came {len(times)} times, {losses} losses of the link"
    return sum(len(times) > 1 for times in arrived.values())


def test_killed_again_and_again(gateway):
    s = Setting(gateway)
    lives = 0
    # On a busy machine less is done in a life: it has more of them.
    while lives < KILLS or (s.flood.acknowledged() <= 20 * KILLS and lives < 4 * KILLS):
        s.live()
        s.flood.raise_failure()
        lives += 1
    s.flood.is_held = True
    s.start()
    wait_until(lambda: not s.flood.missing(),
               lambda: f"all that was acknowledged: {s.flood.missing()[:10]} of {s.flood.acknowledged()}\n"
                       f"{s.daemon.tail()}", 120)
    acknowledged = s.flood.acknowledged()
    s.flood.stop()
    again = {}
    for name, watcher in s.watchers.items():
        check_order(watcher)
        again[name] = check_duplicates(s, name, watcher)
    s.modem.assert_no_violations()
    print(f"{dict(s.losses.counts)}; acknowledged {acknowledged}, lost 0; arrived "
          f"{ {n: len(w.seen) for n, w in s.watchers.items()} }, more than once {again}")
    # It was a test at all: much was under way when the daemon died.
    assert acknowledged > 20 * KILLS
    assert sum(again.values()) > 0
