# SPDX-License-Identifier: Apache-2.0
"""cmqttctl import: what it makes of bridges of mosquitto passes cmqttd -t, and works."""

import subprocess

import pytest

from gateway import CMQTTCTL, CMQTTD

PLAIN = """
connection site-17
address broker.example.com
topic telemetry/# out 1
remote_clientid site-17
notifications false
"""

TLS = """
# as in many tutorials
per_listener_settings false
allow_anonymous true
listener 1883 localhost
persistence true
persistence_location /var/lib/mosquitto/
log_dest file /var/log/mosquitto/mosquitto.log

connection awsiot
address xyz.iot.example.com:8883
bridge_attempt_unsubscribe false
bridge_cafile {ca}
bridge_certfile {cert}
bridge_keyfile {key}
bridge_insecure false
bridge_protocol_version mqttv311
bridge_tls_version tlsv1.2
cleansession true
clientid bridgeawsiot
start_type automatic
notifications false
log_type all
topic awsiot_to_localgateway in 1
topic localgateway_to_awsiot out 1
topic both_directions both 1
"""

TWO = """
connection One.Bridge
address a.example.com:1883 b.example.com:1883
round_robin false
topic # both 2 local/ remote/
topic "" in 1 local/alarm there/alarm
remote_username user
remote_password pass\\word with things
restart_timeout 10 30
try_private false
keepalive_interval 45

connection two
address 192.0.2.1:8884
topic status/+ out 0 "" sites/17/
bridge_cafile {ca}
notification_topic sites/17/state
"""


@pytest.mark.parametrize("text, complained", [(PLAIN, 1), (TLS, None), (TWO, None)])
def test_passes_the_check(tmp_path, certs, text, complained):
    source, made = tmp_path / "mosquitto.conf", tmp_path / "cmqttd.conf"
    source.write_text(text.format(ca=certs.path("ca.pem"), cert=certs.path("gateway.pem"),
                                  key=certs.path("gateway.key")))
    r = subprocess.run([CMQTTCTL, "import", source], capture_output=True, text=True, timeout=30)
    assert r.returncode == 0, r.stderr
    made.write_text(r.stdout)
    made.chmod(0o600)
    complaints = r.stderr.splitlines()
    assert complaints and all(line.startswith(f"{source}:") for line in complaints)
    assert complained is None or len(complaints) == complained, r.stderr
    check = subprocess.run([CMQTTD, "-t", "-c", made], capture_output=True, text=True, timeout=30)
    assert check.returncode == 0, check.stderr + r.stdout
    assert check.stderr == ""


def test_nothing_to_import(tmp_path):
    source = tmp_path / "mosquitto.conf"
    source.write_text("listener 1883\n")
    r = subprocess.run([CMQTTCTL, "import", source], capture_output=True, text=True, timeout=30)
    assert r.returncode == 1 and r.stdout == "" and "no bridge" in r.stderr
    r = subprocess.run([CMQTTCTL, "import", tmp_path / "none"], capture_output=True, text=True, timeout=30)
    assert r.returncode == 1 and "No such file" in r.stderr


@pytest.mark.parametrize("arguments", [["import", "no\x1b[2J\nsuch"], ["no\x1b[2J\nsuch"], ["help", "no\x1b[2J\nsuch"]])
def test_what_was_typed_plays_with_no_terminal(arguments):
    """It may have come from the names of files, or a page that somebody copied it from."""
    r = subprocess.run([CMQTTCTL, *arguments], capture_output=True, text=True, timeout=30)
    assert r.returncode != 0 and "no\\x1b[2J\\x0asuch" in r.stderr


def test_bridge_as_before(gateway):
    """The topics of a bridge that ran under mosquitto pass as they did."""
    source = gateway.folder / "mosquitto.conf"
    source.write_text("""
connection plain
address plain.example.com
remote_clientid gw
topic up/# out 1 "" site/17/
topic cmd/# in 1 here/ site/17/
topic "" out 1 local/alarm there/alarm
""")
    plain = gateway.plain()
    gateway.modem(gateway.maps(plain=plain))
    r = subprocess.run([CMQTTCTL, "import", source], capture_output=True, text=True, timeout=30)
    assert r.returncode == 0
    brokers = r.stdout[r.stdout.index("brokers: (") + len("brokers: ("):r.stdout.index("\n);")]
    daemon = gateway.daemon([brokers])
    daemon.wait_state("plain", "online")
    there, here = plain.subscribe("#"), gateway.subscribe("#")
    daemon.ctl("publish", "-t", "up/x", "-m", "one", "-q", "1", "--wait")
    daemon.ctl("publish", "-t", "local/alarm", "-m", "two", "-q", "1", "--wait")
    there.wait_for("site/17/up/x", "one")
    there.wait_for("there/alarm", "two")
    plain.publish("site/17/cmd/go", "three")
    here.wait_for("here/cmd/go", "three")
