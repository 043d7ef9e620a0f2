# SPDX-License-Identifier: Apache-2.0
"""Secrets are planted wherever there is room for one, and everything that anybody can read is searched for them."""

import itertools
import subprocess

from gateway import CMQTTCTL, CMQTTD, Process, mosquitto_pub, wait_until

PIN = "73915268"
PASSWORD = "Pa55word-9c1f"
WRONG_PASSWORD = "Wr0ng-pa55-4b"
APN_PASSWORD = "Apn-5ecret-77"
KEY_PASSPHRASE = "Key-phra5e-58"
LOCAL_PASSWORD = "L0cal-9a55-21"
LOCAL_WRONG = "L0cal-wr0ng-83"
WILL, BIRTH = "Wi11-3141", "B1rth-2236"
UP, DOWN, BY_HAND, HELD, TOO_LONG, STRAY = "Up-2718", "D0wn-1618", "Hand-1414", "He1d-1732", "T00-10ng-1202", "5tray-2645"
PAYLOADS = (WILL, BIRTH, UP, DOWN, BY_HAND, HELD, TOO_LONG)
CREDENTIALS = (PIN, PASSWORD, WRONG_PASSWORD, APN_PASSWORD, KEY_PASSPHRASE, LOCAL_PASSWORD, LOCAL_WRONG)

# Everything of cmqttctl that looks; what ends by itself.
LOOKS = [["status"], ["top", "--once"], ["brokers"], ["history"], ["history", "backup"], ["history", "modem"], ["doctor"],
         ["queue"], ["route", "backup/up/x"], ["metrics"], ["version"]]


def forms(text):
    """As it is, and as other outputs would have it."""
    return text, text.encode().hex(), text.encode().hex().upper()


def write_users(gateway):
    r = subprocess.run(["openssl", "passwd", "-6", LOCAL_PASSWORD], capture_output=True, text=True, check=True)
    path = gateway.folder / "users"
    path.write_text(f"tess:{r.stdout}")
    return path


def write_config(gateway, password):
    broker = gateway.backup_config(extra=f'username = "gw"; password = "{password}";')
    broker = broker.replace('payload = "offline"', f'payload = "{WILL}"').replace('payload = "online"', f'payload = "{BIRTH}"')
    text = gateway.config([broker])
    text = text.replace('apn = "internet";', f'apn = "internet"; apn_user = "u"; apn_password = "{APN_PASSWORD}"; pin = "{PIN}";')
    return text.replace("listeners: (", f'listeners: ( {{ address = "unix:{gateway.folder}/auth.sock"; mode = "0600"; '
                                        f'password_file = "{gateway.folder}/users"; }},')


def watch(gateway, daemon):
    """Everybody who looks on while it happens."""
    ctl = [CMQTTCTL, "-S", daemon.control]
    found = [gateway.add(Process(name, [*ctl, *argv], gateway.folder)) for name, argv in {
        "monitor": ["monitor", "--at"], "monitor.json": ["monitor", "--at", "--json"],
        "trace.json": ["trace", "--json"], "trace": ["trace"]}.items()]
    # Connections are served in their order; a command of ours tells that all of them see what passes.
    wait_until(lambda: daemon.ctl("at", "AT+CSQ") and all("+CSQ" in p.text() for p in found), "all look on")
    return found


def meet_everything(gateway, daemon, broker, sim, monitor):
    """Each secret passes wherever it can."""
    # A modem that knows nothing of us: PIN, access point, certificates and key are sent.
    sim.stop()
    for path in (gateway.folder / "flash").iterdir():
        path.unlink()
    daemon.wait_state("backup", "waiting")
    sim.start()
    daemon.wait_state("backup", "online")
    auth = ["--unix", str(gateway.folder / "auth.sock"), "-u", "tess"]
    seen = broker.subscribe("site/#")
    mosquitto_pub([*auth, "-P", LOCAL_PASSWORD], "backup/up/a", UP)
    seen.wait_for("site/a", UP)
    r = subprocess.run(["mosquitto_pub", *auth, "-P", LOCAL_WRONG, "-t", "a", "-n"], capture_output=True, check=False)
    assert r.returncode != 0
    here = gateway.subscribe("backup/down/#")
    broker.publish("cmd/a", DOWN)
    here.wait_for("backup/down/a", DOWN)
    daemon.ctl("publish", "-t", "backup/up/b", "-m", BY_HAND, "-q", "1", "--wait")
    mosquitto_pub(gateway.local(), "backup/up/c", TOO_LONG + "x" * 10240)
    # The rest of a message, behind a byte that was lost; in the middle of a command it would be an answer.
    before = monitor.text().count(f"<{len(STRAY)} bytes>")
    sim.say(f"urc {STRAY}")
    wait_until(lambda: monitor.text().count(f"<{len(STRAY)} bytes>") > before, monitor.tail)
    for command in (f'AT+CPIN="{PIN}"', f"at+cpin={PIN}", f'AT+CMEE=2;+CPIN="{PIN}"', f'AT+CLCK="SC",0,"{PIN}"', f'AT+CPWD="SC","{PIN}","{PIN}"',
                    f'AT+CGAUTH=1,1,"u","{APN_PASSWORD}"', f'AT+CSSLCFG="keypwd",0,"{KEY_PASSPHRASE}"',
                    f'AT+CMQTTCONNECT=1,"tcp://h:1883",60,1,"gw","{PASSWORD}"'):
        daemon.ctl("at", command, check=False)


def test_no_output_shows_a_secret(gateway, certs):
    write_users(gateway)
    broker = gateway.backup(users={"gw": PASSWORD})
    sim = gateway.modem(gateway.maps(backup=broker), extra=["--pin", PIN])
    daemon = gateway.daemon([], extra=["-v"], config=write_config(gateway, PASSWORD))
    daemon.wait_state("backup", "online")
    watching = watch(gateway, daemon)
    meet_everything(gateway, daemon, broker, sim, watching[0])

    # The broker refuses us, and a message waits.
    daemon.config.write_text(write_config(gateway, WRONG_PASSWORD))
    said = {"reload --dry-run": daemon.ctl("reload", "--dry-run"), "reload": daemon.ctl("reload")}
    daemon.wait_error("backup")
    mosquitto_pub(gateway.local(), "backup/up/d", HELD)
    for argv, more in itertools.product(LOOKS, ([], ["--json"])):
        said[" ".join(argv + more)] = daemon.ctl(*argv, *more, check=False)
    said["cmqttd -t"] = subprocess.run([CMQTTD, "-t", "-c", daemon.config], capture_output=True, text=True, check=True)
    said = {name: r.stdout + r.stderr for name, r in said.items()}
    wait_until(lambda: all("+CMQTTCONNECT: 0,31" in p.text() for p in watching), "all have seen the refusal")
    for process in watching:
        process.stop()
        said[process.name] = process.text()
    said["log"] = daemon.text()
    said["record of the modem"] = (gateway.folder / "dialogue.log").read_text(errors="replace") + sim.text()

    for name in ("monitor", "monitor.json", "trace", "trace.json", "log", "record of the modem"):
        for command in ("AT+CMQTTCONNECT=", "AT+CPIN=", "AT+CGAUTH=", "AT+CCERTDOWN=", "AT+CMQTTPAYLOAD=", "AT+CMQTTWILLMSG="):
            assert command in said[name], (name, command)
    assert all(said.values()), [name for name, text in said.items() if not text]
    key = [line for line in certs.path("gateway.key").read_text().splitlines() if "PRIVATE KEY" not in line]
    for name, text in said.items():
        for secret in (*CREDENTIALS, *PAYLOADS, *key):
            assert not any(form in text for form in forms(secret)), f"{secret} in {name}"
        assert STRAY not in text or name == "record of the modem"  # which was told to say it
    kept = b"".join(path.read_bytes() for path in gateway.folder.glob("store.db*"))
    assert HELD.encode() in kept
    assert not any(secret.encode() in kept for secret in CREDENTIALS)
