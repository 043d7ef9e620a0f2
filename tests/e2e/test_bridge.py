# SPDX-License-Identifier: Apache-2.0
"""The main job: messages between local programs and two real brokers over TLS, through the modem."""

import itertools
import json

import pytest

from gateway import mosquitto_pub, mosquitto_pub_lines, wait_until

HOSTILE = b"\r\nOK\r\n+CMQTTRXEND: 0\r\n>\x00\xff\xfe\r\nERROR\r\n+CMQTTPUB: 0,0\r\nRDY\r\n"


def hostile(size):
    """Any byte values, and everything that looks like the modem's own words."""
    pattern = HOSTILE + bytes(range(256))
    return (pattern * (size // len(pattern) + 1))[:size]


def test_up_on_both_brokers(both):
    for name, broker in (("cloud", both.cloud_broker), ("backup", both.backup_broker)):
        seen = broker.subscribe("site/#")
        mosquitto_pub(both.local(), f"{name}/up/a/b", f"hello {name}")
        seen.wait_for("site/a/b", f"hello {name}")
        seen.stop()
    both.sim.assert_no_violations()


def test_down_on_both_brokers(both):
    seen = both.subscribe("#")
    for name, broker in (("cloud", both.cloud_broker), ("backup", both.backup_broker)):
        broker.publish("cmd/x", f"do {name}")
        seen.wait_for(f"{name}/down/x", f"do {name}")


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_payload_sizes_both_ways(both, qos):
    up = both.cloud_broker.subscribe("site/#", 2)
    down = both.subscribe("cloud/down/#", 2)
    for size in (0, 1, 1500, 1501, 10240):
        payload = hostile(size)
        mosquitto_pub(both.local(), f"cloud/up/{size}", payload, qos)
        up.wait_for(f"site/{size}", payload)
        both.cloud_broker.publish(f"cmd/{size}", payload, qos)
        down.wait_for(f"cloud/down/{size}", payload)
    assert len(up.messages()) == 5 and len(down.messages()) == 5


def test_topic_sizes_both_ways(gateway):
    """Topics of 1 and of 1024 bytes, which is the modem's limit."""
    broker = gateway.plain()
    gateway.modem(gateway.maps(plain=broker))
    route = gateway.broker_config("plain", "mqtt://plain.example.com", topics='''
        { pattern = "+"; direction = "out"; qos = 1; },
        { pattern = "t/#"; direction = "in"; qos = 1; local_prefix = "in/"; }''')
    daemon = gateway.daemon([route])
    daemon.wait_state("plain", "online")
    up = broker.subscribe("+")
    for topic in ("a", "L" * 1024):
        mosquitto_pub(gateway.local(), topic, "x")
        up.wait_for(topic, "x")
    down = gateway.subscribe("in/#")
    for topic in ("t/a", "t/" + "L" * 1022):
        broker.publish(topic, "y")
        down.wait_for("in/" + topic, "y")


def test_states_for_local_programs(both):
    """What $SYS tells of brokers and modem, as it is by now."""
    states = both.subscribe("$SYS/broker/connection/#")
    for name in ("cloud", "backup"):
        states.wait_for(f"$SYS/broker/connection/{name}/state", "1")
    both.cmqttd.ctl("disconnect", "cloud")
    states.wait_for("$SYS/broker/connection/cloud/state", "0")
    told = both.subscribe("$SYS/cmqttd/modem")

    def newest():
        return json.loads(told.messages()[-1][1])

    def is_told():
        """All that is known by now; what changes is told a little later."""
        modem = both.cmqttd.status()["modem"]
        return (told.messages() and newest()["operator"] and (modem["rssi_dbm"] or 0) < 0
                and newest() == {key: modem[key] for key in newest()})

    wait_until(is_told, lambda: f"{told.messages()}, {both.cmqttd.status()['modem']}")


def test_order_and_no_duplicates(both):
    """Many messages at QoS 1 on both brokers at once: all there, in order, once."""
    subs = {n: b.subscribe("site/n") for n, b in
            (("cloud", both.cloud_broker), ("backup", both.backup_broker))}
    for name in subs:
        mosquitto_pub_lines(both.local(), f"{name}/up/n", range(100))
    for name, sub in subs.items():
        sub.wait_count(100)
        assert [int(p) for _, p in sub.messages()] == list(range(100)), name


def test_no_echo_of_our_own(gateway):
    """On a route that goes both ways the broker's echo is not delivered a second time."""
    broker = gateway.plain()
    gateway.modem(gateway.maps(plain=broker))
    config = gateway.broker_config("plain", "mqtt://plain.example.com",
                                   topics='{ pattern = "b/#"; direction = "both"; qos = 1; }')
    daemon = gateway.daemon([config])
    daemon.wait_state("plain", "online")
    local = gateway.subscribe("b/#")
    remote = broker.subscribe("b/#")
    mosquitto_pub(gateway.local(), "b/1", "ours")
    remote.wait_for("b/1", "ours")
    broker.publish("b/2", "theirs")
    local.wait_for("b/2", "theirs")
    remote.wait_for("b/2", "theirs")
    assert local.messages() == [("b/1", b"ours"), ("b/2", b"theirs")]
    assert remote.messages() == [("b/1", b"ours"), ("b/2", b"theirs")]


def test_both_directions_at_once(both):
    """Inbound messages while our own commands run, on both brokers."""
    down = both.subscribe("+/down/#", 1)
    up = {n: b.subscribe("site/#") for n, b in
          (("cloud", both.cloud_broker), ("backup", both.backup_broker))}
    for i, name in itertools.product(range(15), up):
        mosquitto_pub(both.local(), f"{name}/up/{i}", hostile(300 + i))
        broker = both.cloud_broker if name == "cloud" else both.backup_broker
        broker.publish(f"cmd/{i}", hostile(1490 + i))
    for i, name in itertools.product(range(15), up):
        up[name].wait_for(f"site/{i}", hostile(300 + i))
        down.wait_for(f"{name}/down/{i}", hostile(1490 + i))
    both.sim.assert_no_violations()
