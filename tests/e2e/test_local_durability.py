# SPDX-License-Identifier: Apache-2.0
"""Sessions of local clients and what is retained outlive a daemon that is killed."""

import random
import signal
import subprocess
import threading
import time

import paho.mqtt.client as paho
import pytest

from gateway import Daemon, mosquitto_pub, wait_until

KILLS = 8
MESSAGES = 300


@pytest.fixture
def local(gateway):
    """Daemons on one store, without modem and brokers."""
    config = gateway.local_config()
    gateway.start = lambda: gateway.add(Daemon(gateway.folder, config))
    return gateway


def kill(daemon):
    daemon.stop(signal.SIGKILL)


def sleeper(local, *args):
    """mosquitto_sub with a session that outlives its connection."""
    return subprocess.run(
        ["mosquitto_sub", *local.local(), "-c", "-i", "sleeper", "-q", "1", "-t", "p/#", *args],
        check=True, timeout=60, capture_output=True, text=True).stdout.split()


def test_absent_subscriber(local):
    daemon = local.start()
    sleeper(local, "-E")
    kill(daemon)
    daemon = local.start()
    for i in range(5):
        mosquitto_pub(local.local(), f"p/{i}", str(i), 1)
    assert daemon.status()["store"]["messages"] == 5
    kill(daemon)
    daemon = local.start()
    assert daemon.status()["store"]["messages"] == 5
    assert sleeper(local, "-C", "5") == ["0", "1", "2", "3", "4"]
    wait_until(lambda: daemon.status()["store"]["messages"] == 0, "the store is empty")
    assert daemon.stop() == 0
    assert local.start().status()["store"]["messages"] == 0


def test_retained(local):
    daemon = local.start()
    for value in ("old", "new"):
        mosquitto_pub(local.local(), "keep/1", value, 1, retain=True)
    mosquitto_pub(local.local(), "keep/2", "gone", 1, retain=True)
    mosquitto_pub(local.local(), "keep/2", b"", 1, retain=True)
    mosquitto_pub(local.local(), "keep/3", b"\x00\xff" * 500, 1, retain=True)
    kill(daemon)
    daemon = local.start()
    # What is retained waits for nobody.
    assert daemon.status()["store"]["messages"] == 0
    sub = local.subscribe("keep/#")
    sub.wait_for("keep/3", b"\x00\xff" * 500)
    assert sub.messages() == [("keep/1", b"new"), ("keep/3", b"\x00\xff" * 500)]


class Client:
    """Its session outlives its connection. It connects when it is told to, and to a daemon that is there: after two
    attempts in a row that failed, Paho 1.6 publishes anew what it has sent PUBREL for already, and a new message it is
    then [MQTT-4.3.3-1]."""

    def __init__(self, name, port):
        self.paho = paho.Client(name, clean_session=False, reconnect_on_failure=False)
        self.paho.max_inflight_messages_set(20)
        self.paho.connect("127.0.0.1", port)
        self.paho.loop_start()
        self.wait_connected()

    def wait_connected(self):
        wait_until(self.paho.is_connected, "a client is connected")

    def reconnect(self):
        """The daemon is another one."""
        self.paho.loop_stop()
        self.paho.reconnect()
        self.paho.loop_start()
        self.wait_connected()

    def stop(self):
        self.paho.disconnect()
        self.paho.loop_stop()


def test_qos2_is_exactly_once(local):
    """Publisher and subscriber do QoS 2 by the book; the daemon dies again and again under them."""
    rng = random.Random(5)
    got = []
    daemon = local.start()
    sub = Client("receiver", local.port)
    ready = threading.Event()
    sub.paho.on_message = lambda _c, _u, m: got.append(int(m.payload))
    sub.paho.on_subscribe = lambda *_: ready.set()
    sub.paho.subscribe("q/#", 2)
    assert ready.wait(30)
    pub = Client("sender", local.port)
    for i in range(MESSAGES):
        pub.paho.publish("q/n", str(i), 2)
        if i % (MESSAGES // KILLS) == 10:
            time.sleep(rng.uniform(0, 0.05))  # the moment is what is tested
            kill(daemon)
            daemon = local.start()
            sub.reconnect()
            pub.reconnect()
    wait_until(lambda: len(set(got)) == MESSAGES, lambda: f"{len(got)} of them\n{daemon.tail()}", 120)
    wait_until(lambda: daemon.status()["store"]["messages"] == 0, "all are done with")
    for c in (pub, sub):
        c.stop()
    assert got == list(range(MESSAGES))
