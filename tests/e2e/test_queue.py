# SPDX-License-Identifier: Apache-2.0
"""What waits for the brokers, and the dead letters, by hand: cmqttctl queue and route."""

import json
import os

from gateway import mosquitto_pub, mosquitto_pub_lines, wait_until

POISON = 12  # a refusal of the modem that is for good
TRIES = 3


def queue(daemon, *args):
    """All messages of "queue list", of all its pages."""
    out = daemon.ctl("queue", "list", "--json", *args).stdout
    return [m for page in out.splitlines() for m in json.loads(page)["messages"]]


def show(daemon, number, *args):
    return json.loads(daemon.ctl("queue", "show", "--json", number, *args).stdout)


def wait_queue(daemon, count):
    """Wait until so many messages are there, no more; returns them."""
    found = []

    def are_there():
        found[:] = queue(daemon)
        return len(found) == count

    wait_until(are_there, lambda: f"{count} in the queue: {found}\n{daemon.tail()}")
    return found


def test_list_show_drop(both):
    daemon = both.cmqttd
    daemon.ctl("disconnect", "cloud")
    daemon.wait_state("cloud", "disabled")
    mosquitto_pub(both.local(), "cloud/up/first", "one", 1)
    mosquitto_pub(both.local(), "cloud/up/second", b"\x00\xff", 2)
    mosquitto_pub(both.local(), "cloud/up/third", "three", 0)
    got = wait_queue(daemon, 3)
    assert [(m["broker"], m["state"], m["topic"], m["size"], m["qos"], m["in_memory"])
            for m in got] == [
        ("cloud", "waiting", "site/first", 3, 1, False),
        ("cloud", "waiting", "site/second", 2, 2, False),
        ("cloud", "waiting", "site/third", 5, 0, True)]
    first, second, third = (m["id"] for m in got)
    assert first < second < third
    assert queue(daemon, "-b", "backup") == []
    assert "in memory" in daemon.ctl("queue").stdout

    assert show(daemon, first)["payload"] == "one"
    assert show(daemon, second)["payload_base64"] == "AP8="
    text = daemon.ctl("queue", "show", third, "-b", "cloud").stdout
    assert "site/third" in text and text.endswith("\n\nthree\n")

    daemon.ctl("queue", "drop", first)
    daemon.ctl("queue", "drop", third)
    assert [m["id"] for m in queue(daemon)] == [second]
    assert daemon.broker("cloud")["dropped"] == 2
    assert f"drop {first} of cloud (uid {os.getuid()}, pid " in daemon.text()
    r = daemon.ctl("queue", "drop", first, check=False)
    assert r.returncode == 1 and f"no message {first}" in r.stderr

    seen = both.cloud_broker.subscribe("site/#")
    daemon.ctl("connect", "cloud")
    seen.wait_for("site/second", b"\x00\xff")
    wait_until(lambda: queue(daemon) == [], lambda: f"nothing waits: {queue(daemon)}")
    assert seen.messages() == [("site/second", b"\x00\xff")]


def test_too_large_is_dead_for_good(both):
    daemon = both.cmqttd
    mosquitto_pub(both.local(), "cloud/up/big", "x" * 10241, 1)
    (dead,) = wait_queue(daemon, 1)
    assert dead["state"] == "dead" and "10240" in dead["reason"] and dead["size"] == 10241
    assert "x" * 10241 in daemon.ctl("queue", "show", dead["id"]).stdout
    r = daemon.ctl("queue", "retry", dead["id"], check=False)
    assert r.returncode == 1 and "at most 1024 bytes, payloads 10240" in r.stderr
    assert queue(daemon) == [dead]
    daemon.ctl("queue", "drop", dead["id"])
    assert queue(daemon) == []
    assert daemon.broker("cloud")["dead_letters"] == 0


def test_poison_is_retried(both):
    """Refused until it is a dead letter, those behind it pass; by hand it gets another chance."""
    daemon = both.cmqttd
    seen = both.cloud_broker.subscribe("site/#")
    daemon.ctl("disconnect", "cloud")
    daemon.wait_state("cloud", "disabled")
    mosquitto_pub(both.local(), "cloud/up/poison", "p", 1)
    mosquitto_pub(both.local(), "cloud/up/good", "g", 1)
    # The message of birth is the first one after a connect.
    assert both.sim.say(f"fault +CMQTTPUB=#2*{TRIES} result-err {POISON}").startswith("ok")
    daemon.ctl("connect", "cloud")
    seen.wait_for("site/good", "g")
    (dead,) = wait_queue(daemon, 1)
    assert dead["state"] == "dead" and dead["topic"] == "site/poison"
    assert f"refused {TRIES} times" in dead["reason"] and dead["tries"] >= TRIES - 1
    assert seen.messages() == [("site/good", b"g")]
    daemon.ctl("queue", "retry", dead["id"])
    seen.wait_for("site/poison", "p")
    wait_until(lambda: queue(daemon) == [], lambda: f"nothing waits: {queue(daemon)}")
    assert f"retry {dead['id']} of cloud" in daemon.text()


def test_payload_that_the_modem_never_takes(gateway):
    """It costs three tries, the one behind it passes, and the broker is told of the gap."""
    broker = gateway.cloud()
    sim = gateway.modem(gateway.maps(broker))
    daemon = gateway.daemon([gateway.cloud_config(extra='gap_topic = "gw/gap";')])
    daemon.wait_state("cloud", "online")
    seen = broker.subscribe("#")
    assert sim.say("fault +CMQTTPAYLOAD=0,777*3 no-answer").startswith("ok")
    mosquitto_pub(gateway.local(), "cloud/up/jam", "j" * 777, 1)
    mosquitto_pub(gateway.local(), "cloud/up/good", "g", 1)
    wait_until(lambda: ("site/good", b"g") in seen.messages(), lambda: f"the good one: {daemon.tail()}", 120)
    (dead,) = wait_queue(daemon, 1)
    assert (dead["state"], dead["topic"], dead["reason"]) == ("dead", "site/jam", "the modem does not take it")
    told = wait_until(lambda: [p for t, p in seen.messages() if t == "gw/gap"], lambda: f"it is told: {daemon.tail()}")
    gap = json.loads(told[0])
    assert (gap["route"], gap["reason"], gap["count"]) == ("#", "dead_letter", 1)
    assert gap["first"] == gap["last"] and gap["first"].endswith("Z")
    (loss,) = daemon.broker("cloud")["losses"]
    assert (loss["pattern"], loss["reason"], loss["count"]) == ("#", "dead_letter", 1)


def two_brokers(gateway):
    """Nothing is up, and both brokers want topics that begin with x."""
    topics = '{ pattern = "x/#"; direction = "out"; qos = 1; remote_prefix = "r/"; priority = 3; }'
    gateway.modem({})
    return gateway.daemon([
        gateway.broker_config("one", "mqtt://one.example.com", topics=topics),
        gateway.broker_config("two", "mqtt://two.example.com", topics=topics)])


def test_one_message_for_two_brokers(gateway):
    daemon = two_brokers(gateway)
    mosquitto_pub(gateway.local(), "x/a", "both", 1)
    got = wait_queue(daemon, 2)
    assert [m["broker"] for m in got] == ["one", "two"]
    number = got[0]["id"]
    assert got[1]["id"] == number
    for command in ("show", "drop"):
        r = daemon.ctl("queue", command, number, check=False)
        assert r.returncode == 1 and "name one with -b" in r.stderr
    daemon.ctl("queue", "drop", number, "-b", "one")
    assert [m["broker"] for m in queue(daemon)] == ["two"]
    r = daemon.ctl("queue", "retry", number, check=False)
    assert r.returncode == 1 and "no dead letter" in r.stderr
    daemon.ctl("queue", "drop", number)
    assert queue(daemon) == []


def test_list_of_many(gateway):
    """More than a page of them: all are listed, in order, once."""
    daemon = two_brokers(gateway)
    mosquitto_pub_lines(gateway.local(), "x/n", range(200))
    out = daemon.ctl("queue", "list", "--json").stdout
    assert len(out.splitlines()) > 2
    got = [(m["id"], m["broker"]) for m in queue(daemon)]
    assert len(got) == 400 and got == sorted(set(got))
    assert len(daemon.ctl("queue", "list", "-b", "two").stdout.splitlines()) == 1 + 200


def test_route(gateway):
    daemon = two_brokers(gateway)
    routes = json.loads(daemon.ctl("route", "x/a", "--json").stdout)["routes"]
    assert [(r["broker"], r["goes"], r["remote_topic"], r["priority"]) for r in routes] == [
        ("one", True, "r/x/a", 3), ("two", True, "r/x/a", 3)]
    assert all("it waits" in r["why"] for r in routes)
    text = daemon.ctl("route", "y").stdout
    assert text.count("no route out matches") == 2
    r = daemon.ctl("route", "x/#", check=False)
    assert r.returncode == 1 and "cannot be used here" in r.stderr


def test_usage(gateway):
    daemon = two_brokers(gateway)
    for args in (["queue", "show"], ["queue", "drop", "x"], ["queue", "lst"], ["route"],
                 ["queue", "list", "5"], ["queue", "drop", "0"]):
        r = daemon.ctl(*args, check=False)
        assert r.returncode == 64, args
    assert 'did you mean "queue list"' in daemon.ctl("queue", "lst", check=False).stderr
    for args in (["help", "queue"], ["queue", "--help"], ["queue", "drop", "--help"]):
        assert daemon.ctl(*args).stdout.count("Usage:") == 4, args


def test_members_of_the_group_may_only_look(gateway):
    daemon = two_brokers(gateway)
    if os.geteuid() != 0:
        return
    mosquitto_pub(gateway.local(), "x/a", "v", 1)
    number = str(wait_queue(daemon, 2)[0]["id"])
    as_nobody = daemon.ctl_as_nobody
    assert "r/x/a" in as_nobody("queue").stdout
    assert as_nobody("queue", "show", number, "-b", "one").returncode == 0
    for command in ("drop", "retry"):
        r = as_nobody("queue", command, number, "-b", "one")
        assert r.returncode == 1 and "only root" in r.stderr, r.stderr
    assert len(queue(daemon)) == 2
