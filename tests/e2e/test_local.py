# SPDX-License-Identifier: Apache-2.0
"""The local MQTT server, driven by clients that others wrote."""

import errno
import socket
import subprocess
import threading

import paho.mqtt.client as paho
import pytest

from gateway import Daemon, mosquitto_pub, wait_until


@pytest.fixture
def local(gateway):
    """A daemon without modem and brokers at hand: local clients reach each other all the same."""
    gateway.cmqttd = gateway.add(Daemon(gateway.folder, gateway.local_config()))
    return gateway


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_mosquitto_clients(local, qos):
    unix = local.subscribe("t/+/x", qos)
    for payload in (b"", b"1", b"\x00\xff" * 3000):
        mosquitto_pub(["-h", "127.0.0.1", "-p", local.port], "t/a/x", payload, qos)
        unix.wait_for("t/a/x", payload)


def test_retained(local):
    mosquitto_pub(local.local(), "keep/1", "v1", 1, retain=True)
    sub = local.subscribe("keep/#")
    sub.wait_for("keep/1", "v1")
    mosquitto_pub(local.local(), "keep/1", b"", 1, retain=True)
    mosquitto_pub(local.local(), "keep/2", "v2", 1, retain=True)
    later = local.subscribe("keep/#")
    later.wait_for("keep/2", "v2")
    assert later.messages() == [("keep/2", b"v2")]


def test_last_will(local):
    sub = local.subscribe("will/#")
    client = paho.Client("dying")
    client.will_set("will/dying", "gone", qos=1)
    client.connect("127.0.0.1", local.port)
    client.loop_start()
    wait_until(client.is_connected, "connected")
    client._sock.shutdown(socket.SHUT_RDWR)
    sub.wait_for("will/dying", "gone")
    client.loop_stop()


def test_persistent_session(local):
    extra = ["-c", "-i", "sleeper"]
    subprocess.run(["mosquitto_sub", *local.local(), "-t", "p/#", "-q", "1", *extra, "-E"],
                   check=True, timeout=30)
    for i in range(5):
        mosquitto_pub(local.local(), f"p/{i}", str(i), 1)
    out = subprocess.run(
        ["mosquitto_sub", *local.local(), "-t", "p/#", "-q", "1", *extra, "-C", "5"],
        check=True, timeout=30, capture_output=True, text=True)
    assert out.stdout.split() == ["0", "1", "2", "3", "4"]


def test_paho_qos2_round_trip(local):
    got = []
    done = threading.Event()

    def on_message(client, userdata, m):
        got.append((m.topic, m.payload, m.qos))
        if len(got) == 200:
            done.set()

    sub = paho.Client("receiver", clean_session=False)
    ready = threading.Event()
    sub.on_message = on_message
    sub.on_subscribe = lambda *a: ready.set()
    sub.connect("127.0.0.1", local.port)
    sub.subscribe("q2/#", 2)
    sub.loop_start()
    assert ready.wait(30)
    pub = paho.Client("sender")
    pub.connect("127.0.0.1", local.port)
    pub.loop_start()
    wait_until(pub.is_connected, "connected")
    for i in range(200):
        pub.publish("q2/n", str(i), qos=2)
    assert done.wait(60), len(got)
    assert [int(p) for _, p, _ in got] == list(range(200))
    assert {q for _, _, q in got} == {2}
    for client in (pub, sub):
        client.disconnect()
        client.loop_stop()


def test_garbage_costs_its_own_connection_only(local):
    sub = local.subscribe("ok/#")
    for garbage in (b"\x00" * 64, b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 200,
                    b"\x10\xff\xff\xff\x7f", b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x0a\x00\x00\xf7"):
        with socket.create_connection(("127.0.0.1", local.port), timeout=30) as s:
            try:
                s.sendall(garbage)
                s.shutdown(socket.SHUT_WR)
                while s.recv(4096):
                    pass
            except OSError as e:  # it may be closed at any moment
                assert e.errno in (errno.ECONNRESET, errno.EPIPE, errno.ENOTCONN), e
    mosquitto_pub(local.local(), "ok/1", "fine")
    sub.wait_for("ok/1", "fine")
    assert local.cmqttd.is_alive()
