# SPDX-License-Identifier: Apache-2.0
"""MQTT 5.0 at the local socket, spoken by Paho and by mosquitto's clients."""

import queue
import signal
import socket
import subprocess
import time

import paho.mqtt.client as paho
import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from gateway import Daemon, can_connect, wait_until

V5 = ["-V", "mqttv5"]


def start(gateway, before="", after=""):
    """A daemon whose broker is out of reach: what is for it waits. A part of its configuration can be
    replaced."""
    config = gateway.local_config()
    assert before in config
    config = config.replace(before, after) if before else config
    gateway.cmqttd = gateway.add(Daemon(gateway.folder, config))
    return gateway


@pytest.fixture
def local(gateway):
    return start(gateway)


class Client:
    """A Paho client whose callbacks end up in queues."""

    def __init__(self, local, client_id="", clean_start=True, will=None, will_properties=None, **properties):
        self.messages = queue.Queue()
        self.connected = queue.Queue()
        self.disconnected = queue.Queue()
        self.subscribed = queue.Queue()
        self.paho = paho.Client(client_id, protocol=paho.MQTTv5, reconnect_on_failure=False)
        self.paho.on_message = lambda c, u, m: self.messages.put(m)
        self.paho.on_connect = lambda c, u, flags, rc, p: self.connected.put((flags, rc, p))
        self.paho.on_disconnect = lambda c, u, rc, p=None: self.disconnected.put(rc)
        self.paho.on_subscribe = lambda c, u, mid, codes, p: self.subscribed.put(codes)
        if will:
            self.paho.will_set(*will, properties=will_properties)
        self.paho.connect("127.0.0.1", local.port, clean_start=clean_start,
                          properties=props(PacketTypes.CONNECT, **properties))
        self.paho.loop_start()
        flags, self.rc, self.hello = self.connected.get(timeout=30)
        self.is_present = bool(flags["session present"])

    def subscribe(self, topic, qos=1, identifier=None, **options):
        p = props(PacketTypes.SUBSCRIBE, SubscriptionIdentifier=identifier) if identifier else None
        self.paho.subscribe(topic, options=SubscribeOptions(qos, **options), properties=p)
        return [c.value for c in self.subscribed.get(timeout=30)]

    def publish(self, topic, payload=b"", qos=1, retain=False, **properties):
        info = self.paho.publish(topic, payload, qos, retain,
                                 props(PacketTypes.PUBLISH, **properties))
        info.wait_for_publish(30)
        assert info.is_published()

    def next(self):
        return self.messages.get(timeout=30)

    def nothing_before(self, topic):
        """The next message is the one of this topic."""
        m = self.next()
        assert m.topic == topic, (m.topic, m.payload)
        return m

    def close(self):
        self.paho.disconnect()
        self.paho.loop_stop()

    def lose(self):
        """The connection breaks, and it does not come back by itself."""
        self.paho._sock.shutdown(socket.SHUT_RDWR)
        self.disconnected.get(timeout=30)
        self.paho.disconnect()
        self.paho.loop_stop()


def props(packet, **values):
    p = Properties(packet)
    for name, value in values.items():
        setattr(p, name, value)
    return p


def mosquitto_pub(local, topic, payload, qos=1, extra=()):
    """What mosquitto_pub says about it, reason codes among it."""
    r = subprocess.run(
        ["mosquitto_pub", *local.local(), *V5, "-t", topic, "-q", str(qos), "-s", "-d", *extra],
        input=payload, capture_output=True, timeout=30)
    return r.stdout.decode() + r.stderr.decode()


def test_what_the_server_says_of_itself(local):
    client = Client(local)
    assert client.hello.AssignedClientIdentifier.startswith("auto-")
    assert client.hello.MaximumPacketSize == 262144
    assert client.hello.ReceiveMaximum > 0
    assert client.hello.TopicAliasMaximum > 0
    assert client.hello.SharedSubscriptionAvailable == 0
    client.close()


@pytest.mark.parametrize("qos", [0, 1, 2])
@pytest.mark.parametrize("sub_version", ["mqttv311", "mqttv5"])
@pytest.mark.parametrize("pub_version", ["mqttv311", "mqttv5"])
def test_mosquitto_clients_of_both_versions(local, qos, pub_version, sub_version):
    sub = local.subscribe("t/#", qos, ["-V", sub_version])
    subprocess.run(
        ["mosquitto_pub", *local.local(), "-V", pub_version, "-t", "t/x", "-q", str(qos), "-m", "hello"],
        check=True, timeout=30)
    sub.wait_for("t/x", "hello")


def test_request_and_response(local):
    """Response topic, correlation data, content type, user properties: unaltered, in order."""
    server, client = Client(local), Client(local)
    assert server.subscribe("ask/#", 1) == [1]
    assert client.subscribe("answer/me", 1) == [1]
    users = [("b", "2"), ("a", "1"), ("b", "2")]
    client.publish("ask/time", "when?", ResponseTopic="answer/me", CorrelationData=b"\x00\xff",
                   ContentType="text/plain", PayloadFormatIndicator=1, UserProperty=users)
    m = server.next()
    assert (m.topic, m.payload) == ("ask/time", b"when?")
    assert m.properties.CorrelationData == b"\x00\xff"
    assert m.properties.ContentType == "text/plain"
    assert m.properties.PayloadFormatIndicator == 1
    assert m.properties.UserProperty == users
    server.publish(m.properties.ResponseTopic, "now", CorrelationData=m.properties.CorrelationData)
    assert client.next().properties.CorrelationData == b"\x00\xff"
    server.close()
    client.close()


def test_subscription_options(local):
    client = Client(local)
    client.publish("kept/1", "old", retain=True)
    assert client.subscribe("kept/#", 1, 7, retainAsPublished=True, retainHandling=2) == [1]
    assert client.subscribe("kept/+", 0, 9, noLocal=True) == [0]
    retained = client.next()
    assert retained.retain and retained.properties.SubscriptionIdentifier == [9]
    client.publish("kept/1", "own", retain=True)
    own = client.next()
    assert own.payload == b"own" and own.retain
    assert own.properties.SubscriptionIdentifier == [7]
    other = Client(local)
    other.publish("kept/1", "other")
    m = client.next()
    assert m.payload == b"other" and not m.retain and m.qos == 1
    assert sorted(m.properties.SubscriptionIdentifier) == [7, 9]
    assert client.subscribe("$share/group/kept/#") == [0x9e]
    other.close()
    client.close()


def test_session_expiry(local):
    first = Client(local, "sleeper", SessionExpiryInterval=3600)
    first.subscribe("s/#", 1)
    first.lose()
    pub = Client(local)
    pub.publish("s/1", "1")
    again = Client(local, "sleeper", clean_start=False, SessionExpiryInterval=1)
    assert again.is_present and again.next().payload == b"1"
    again.lose()

    wait_until(lambda: not is_present(local, "sleeper"), "the session is over")
    pub.close()


def test_killed_and_started_again(local):
    """What a session of MQTT 5.0 consists of outlives the process: its time, options and identifiers of
    subscriptions, properties of what waits, retained messages with theirs."""
    sleeper = Client(local, "sleeper", SessionExpiryInterval=3600)
    assert sleeper.subscribe("s/#", 2, 7, noLocal=True, retainAsPublished=True) == [2]
    short = Client(local, "short", SessionExpiryInterval=1)
    short.lose()
    pub = Client(local)
    pub.publish("s/1", "1", 2, retain=True, UserProperty=[("k", "v")], MessageExpiryInterval=3000)
    first = sleeper.next()
    assert first.properties.SubscriptionIdentifier == [7]
    sleeper.lose()
    pub.publish("s/2", "2", 1, retain=True, UserProperty=[("k", "v")], MessageExpiryInterval=3000)
    local.cmqttd.stop(signal.SIGKILL)
    pub.paho.loop_stop()
    local.cmqttd.start()
    wait_until(lambda: can_connect(local.port), "the daemon listens")
    sleeper = Client(local, "sleeper", clean_start=False, SessionExpiryInterval=3600)
    assert sleeper.is_present
    m = sleeper.nothing_before("s/2")
    assert m.retain and m.qos == 1 and m.properties.SubscriptionIdentifier == [7]
    assert m.properties.UserProperty == [("k", "v")]
    # Time that no daemon ran, and what the store's clock had not noted yet, may not be counted.
    assert 2900 < m.properties.MessageExpiryInterval < 3100
    sleeper.publish("s/own", "x")
    pub = Client(local)
    pub.publish("s/3", "3")
    sleeper.nothing_before("s/3")
    pub.subscribe("s/1")
    m = pub.next()
    assert m.retain and m.properties.UserProperty == [("k", "v")]
    wait_until(lambda: not is_present(local, "short"), "the session is over")
    sleeper.close()
    pub.close()


def is_present(local, client_id):
    """Whether there is such a session; each look begins its second anew."""
    client = Client(local, client_id, clean_start=False, SessionExpiryInterval=1)
    client.lose()
    if client.is_present:
        time.sleep(1.1)
    return client.is_present


def test_message_expiry(local):
    sleeper = Client(local, "sleeper", SessionExpiryInterval=3600)
    sleeper.subscribe("s/#", 1)
    sleeper.lose()
    pub = Client(local)
    pub.publish("s/short", "x", MessageExpiryInterval=1)
    pub.publish("s/long", "x", MessageExpiryInterval=1000)
    pub.publish("s/clock", "x", retain=True, MessageExpiryInterval=1)

    def is_old():
        """The clock by which messages grow old, seen from outside: a retained one goes."""
        look = Client(local)
        look.subscribe("s/clock")
        look.publish("s/end")
        look.subscribe("s/end")
        look.publish("s/end")
        topic = look.next().topic
        look.close()
        return topic == "s/end"

    wait_until(is_old, "a second has passed")
    again = Client(local, "sleeper", clean_start=False, SessionExpiryInterval=0)
    m = again.nothing_before("s/long")
    assert 900 < m.properties.MessageExpiryInterval < 1000
    again.close()
    pub.close()


def test_will_delay(local):
    watch = Client(local)
    watch.subscribe("will/#", 1)
    delay = props(PacketTypes.WILLMESSAGE, WillDelayInterval=1, ContentType="text/plain")
    args = dict(clean_start=False, SessionExpiryInterval=3600)
    dying = Client(local, "dying", will=("will/dying", "gone", 1), will_properties=delay, **args)
    dying.lose()
    m = watch.next()
    assert m.payload == b"gone" and m.properties.ContentType == "text/plain"
    long = props(PacketTypes.WILLMESSAGE, WillDelayInterval=3600)
    dying = Client(local, "dying", will=("will/dying", "gone", 1), will_properties=long, **args)
    dying.lose()
    # The session ends: its will does not wait any longer.
    Client(local, "dying").close()
    assert watch.next().payload == b"gone"
    watch.close()


def test_topic_alias(local):
    sub, pub = Client(local), Client(local)
    sub.subscribe("a/#", 1)
    pub.publish("a/long/name", "1", TopicAlias=3)
    # Paho itself refuses an empty topic: its own check is passed by.
    info = paho.MQTTMessageInfo(pub.paho._mid_generate())
    pub.paho._send_publish(info.mid, b"", b"2", 1, False, False, info,
                           props(PacketTypes.PUBLISH, TopicAlias=3))
    assert [(m.topic, m.payload) for m in (sub.next(), sub.next())] == [
        ("a/long/name", b"1"), ("a/long/name", b"2")]
    sub.close()
    pub.close()


def test_taken_over_and_shut_down(local):
    first = Client(local, "same")
    second = Client(local, "same")
    assert first.disconnected.get(timeout=30) == 0x8e
    first.paho.disconnect()
    first.paho.loop_stop()
    local.cmqttd.stop()
    assert second.disconnected.get(timeout=30) == 0x8b
    second.paho.disconnect()
    second.paho.loop_stop()


def test_qos2_round_trip(local):
    sub = Client(local, "receiver", SessionExpiryInterval=3600, ReceiveMaximum=5)
    sub.subscribe("q2/#", 2)
    pub = Client(local)
    for i in range(100):
        pub.paho.publish("q2/n", str(i), 2)
    got = [sub.next() for _ in range(100)]
    assert [int(m.payload) for m in got] == list(range(100))
    assert {m.qos for m in got} == {2}
    pub.close()
    sub.close()


def test_store_full_is_told(gateway):
    """overflow = "block": a publisher of MQTT 5.0 is told and goes on; nobody is held."""
    local = start(gateway, 'store.db"; }', 'store.db"; max_bytes = 1048576; overflow = "block"; }')
    for _ in range(200):
        said = mosquitto_pub(local, "plain/up/x", b"x" * 10000)
        if "RC:0)" not in said:
            break
    assert "RC:151" in said, said
    assert "RC:0)" in mosquitto_pub(local, "elsewhere", b"x" * 10000)


def test_too_large_for_the_modem_is_told(local):
    assert "RC:131" in mosquitto_pub(local, "plain/up/x", b"x" * 10241)
    assert "Topic Name invalid" in mosquitto_pub(local, "plain/up/" + "t" * 1024, b"x", 2)
    assert "RC:0)" in mosquitto_pub(local, "plain/up/x", b"x" * 10240)
    assert "RC:0)" in mosquitto_pub(local, "elsewhere", b"x" * 20000)
    assert local.cmqttd.broker("plain")["dead_letters"] == 0
    # MQTT 3.1.1 cannot be told: acknowledged, and a dead letter.
    subprocess.run(["mosquitto_pub", *local.local(), "-t", "plain/up/x", "-q", "1", "-s"],
                   input=b"x" * 10241, check=True, timeout=30)
    wait_until(lambda: local.cmqttd.broker("plain")["dead_letters"] == 1, "a dead letter")


def test_no_right_to_publish_is_told(gateway):
    acl = gateway.folder / "acl"
    acl.write_text("topic read #\n")
    local = start(gateway, 'mqtt.sock"; mode = "0600";', f'mqtt.sock"; mode = "0600"; acl_file = "{acl}";')
    assert "RC:135" in mosquitto_pub(local, "t", b"x", 1)
    assert "Not authorized" in mosquitto_pub(local, "t", b"x", 2)


def test_carried_to_the_broker(both):
    """Up and down, from and to clients of MQTT 5.0; properties end at the modem, which has none."""
    up = both.cloud_broker.subscribe("site/#")
    assert "RC:0)" in mosquitto_pub(
        both, "cloud/up/x", b"up", 1, ["-D", "publish", "user-property", "k", "v"])
    up.wait_for("site/x", "up")
    down = both.subscribe("cloud/down/#", 1, V5)
    both.cloud_broker.publish("cmd/x", "down")
    down.wait_for("cloud/down/x", "down")
