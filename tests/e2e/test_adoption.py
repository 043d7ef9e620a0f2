# SPDX-License-Identifier: Apache-2.0
"""The daemon dies, the modem does not: its sessions are taken over if they are the configured ones,
and closed in good order if they are not. The brokers are the witnesses."""

import signal

import pytest

from gateway import Daemon, mosquitto_pub, wait_until

NAMES = ("cloud", "backup")


def broker_of(both, name):
    return both.cloud_broker if name == "cloud" else both.backup_broker


def connects(broker):
    """How often the gateway connected."""
    return broker.text().count(f"as gw-{broker.name} (")


def commands(both, text):
    return (both.folder / "dialogue.log").read_text(errors="replace").count(text)


def start_again(both, config=None):
    return both.add(Daemon(both.folder, config or both.cmqttd.config.read_text()))


def passes(both, name, text):
    """A message at QoS 1 each way."""
    seen = broker_of(both, name).subscribe("site/#")
    down = both.subscribe(f"{name}/down/#")
    mosquitto_pub(both.local(), f"{name}/up/{text}", text, 1)
    seen.wait_for(f"site/{text}", text)
    broker_of(both, name).publish(f"cmd/{text}", text)
    down.wait_for(f"{name}/down/{text}", text)
    seen.stop()
    down.stop()


def no_will(both, watch, name):
    """A message behind it proves that a will would have been here by now."""
    broker_of(both, name).publish(f"gw/{name}/end", "end")
    watch[name].wait_for(f"gw/{name}/end", "end")
    assert (f"gw/{name}/state", b"offline") not in watch[name].messages()


def test_sessions_are_taken_over(both):
    """Neither broker notices that the daemon was killed: no connect, no last will, no birth message."""
    watch = {name: broker_of(both, name).subscribe("gw/#") for name in NAMES}
    for life in range(3):
        both.cmqttd.stop(signal.SIGKILL)
        both.cmqttd = start_again(both)
        for name in NAMES:
            both.cmqttd.wait_state(name, "online")
            assert "taken over" in both.cmqttd.ctl("history", name).stdout
            passes(both, name, f"life{life}")
    for name in NAMES:
        no_will(both, watch, name)
        assert (f"gw/{name}/state", b"online") not in watch[name].messages()
        assert connects(broker_of(both, name)) == 1
    assert commands(both, "AT+CMQTTCONNECT=") == 2
    assert commands(both, "AT+CCERTDOWN") == commands(both, "AT+CCERTDELE") + 4
    both.sim.assert_no_violations()


CHANGES = {
    "will": ('payload = "offline"', 'payload = "away"'),
    "client id": ('client_id = "gw-cloud"', 'client_id = "gw-cloud-2"'),
    "keepalive": ('client_id = "gw-cloud";', 'client_id = "gw-cloud"; keepalive = 77;'),
    "check_time": ('tls: { ca =', "tls: { check_time = false; ca ="),
}


@pytest.mark.parametrize("change", CHANGES)
def test_other_settings_are_another_session(both, change):
    """What the modem does not tell counts as well: such a session is closed, with a DISCONNECT."""
    watch = {"cloud": both.cloud_broker.subscribe("gw/#")}
    both.cmqttd.stop(signal.SIGKILL)
    old, new = CHANGES[change]
    config = both.cmqttd.config.read_text()
    assert old in config
    both.cmqttd = start_again(both, config.replace(old, new, 1))
    both.cmqttd.wait_state("cloud", "online")
    wait_until(lambda: "Received DISCONNECT from gw-cloud" in both.cloud_broker.text(), "DISCONNECT")
    assert both.cloud_broker.text().count("as gw-cloud") == 2
    no_will(both, watch, "cloud")
    passes(both, "cloud", "after")
    both.sim.assert_no_violations()


def test_an_unplugged_port_costs_no_session(both):
    both.sim.say("vanish")
    wait_until(lambda: both.cmqttd.status()["modem"]["state"] == "absent", "modem absent")
    both.sim.say("appear")
    for name in NAMES:
        both.cmqttd.wait_state(name, "online", 60)
        passes(both, name, "again")
        assert connects(broker_of(both, name)) == 1


def test_a_modem_that_started_anew_has_nothing_to_take_over(both):
    both.cmqttd.stop(signal.SIGKILL)
    both.sim.say("power-cycle 100")
    both.cmqttd = start_again(both)
    for name in NAMES:
        both.cmqttd.wait_state(name, "online", 60)
        passes(both, name, "again")
        assert connects(broker_of(both, name)) == 2
    both.sim.assert_no_violations()
