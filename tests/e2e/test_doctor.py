# SPDX-License-Identifier: Apache-2.0
"""cmqttctl doctor: what is made ill on purpose is found, and nothing else is called failed."""

import json
import os
import subprocess

from gateway import CMQTTCTL, free_port, wait_until


def examine(daemon, *args):
    """Exit status, and the findings by (check, broker)."""
    r = daemon.ctl("--json", "doctor", "-c", str(daemon.config), *args, check=False)
    found = json.loads(r.stdout)["checks"]
    return r.returncode, {(c["check"], c["broker"]): c for c in found}


def failed(findings):
    return {key for key, c in findings.items() if c["result"] == "fail"}


def wait_failed(daemon, key):
    def is_found():
        status, findings = examine(daemon)
        return status == 1 and key in failed(findings) and findings
    findings = wait_until(is_found, f"{key} among what failed")
    assert findings[key]["advice"]
    return findings


def test_all_is_well(both):
    status, findings = examine(both.cmqttd)
    assert status == 0 and not failed(findings)
    for key in (("port", None), ("sim", None), ("network", None), ("apn", None), ("broker", "cloud"),
                ("certificate", "backup"), ("store", None), ("configuration", None), ("daemon", None)):
        assert findings[key]["result"] == "ok", findings[key]
    text = both.cmqttd.ctl("doctor", "-c", str(both.cmqttd.config)).stdout
    assert "FAIL" not in text and "ok" in text


def test_no_port(gateway):
    daemon = gateway.daemon([gateway.cloud_config()])
    wait_until(lambda: daemon.status()["modem"]["state"] == "absent", "no port")
    findings = wait_failed(daemon, ("port", None))
    assert "no such port" in findings[("port", None)]["text"]
    # what stands on it is not called wrong
    assert failed(findings) == {("port", None)}
    assert findings[("broker", "cloud")]["result"] == "warn"


def test_port_held_by_another_process(gateway):
    """Ours keeps the slave end open and locked, as a terminal program would."""
    master, slave = os.openpty()
    os.symlink(os.ttyname(slave), gateway.folder / "modem")
    holder = subprocess.Popen(
        ["/usr/bin/python3", "-c",
         "import fcntl, sys; fcntl.flock(0, fcntl.LOCK_EX); fcntl.ioctl(0, 0x540C); "
         "print('held', flush=True); sys.stdin.buffer.raw.read(1)"],
        stdin=slave, stdout=subprocess.PIPE, text=True)
    os.close(slave)
    try:
        assert holder.stdout.readline() == "held\n"
        daemon = gateway.daemon([gateway.cloud_config()])

        def is_named():
            _, findings = examine(daemon)
            return findings.get(("port user", None))
        found = wait_until(is_named, "who has the port")
        assert f"(pid {holder.pid})" in found["text"] and found["result"] == "fail"
    finally:
        os.close(master)
        holder.kill()
        holder.wait()


def test_sim_needs_a_pin(gateway):
    gateway.modem({}, extra=["--pin", "1234"])
    daemon = gateway.daemon([gateway.cloud_config()])
    findings = wait_failed(daemon, ("pin", None))
    assert "none is configured" in findings[("pin", None)]["text"]


def test_no_sim(gateway):
    gateway.modem({}, extra=["--no-sim"])
    findings = wait_failed(gateway.daemon([gateway.cloud_config()]), ("sim", None))
    assert "SIM" in findings[("sim", None)]["advice"]
    assert failed(findings) == {("sim", None)}


def test_sim_is_locked(gateway):
    """A wrong PIN has been tried too often."""
    gateway.modem({}, extra=["--pin", "1234", "--puk", "12345678"])
    daemon = gateway.daemon([gateway.cloud_config()])
    wait_failed(daemon, ("pin", None))
    for _ in range(3):
        daemon.ctl("at", 'AT+CPIN="0000"', check=False)
    daemon.ctl("at", "AT+CRESET")
    wait_until(lambda: "PUK" in wait_failed(daemon, ("pin", None))[("pin", None)]["text"], daemon.tail)


def with_setting(gateway, setting):
    """A modem that is like this from its start on."""
    scenario = gateway.folder / "modem.scenario"
    scenario.write_text(f"# {setting}\nset {setting}\n")
    return ["--scenario", scenario]


def test_network_denies_us(gateway):
    gateway.modem({}, extra=with_setting(gateway, "register_stat 3"))
    findings = wait_failed(gateway.daemon([gateway.cloud_config()]), ("network", None))
    assert "paid" in findings[("network", None)]["advice"]


def test_not_registered_and_no_signal(gateway):
    """Doubtful for a minute, wrong then: test_doctor.c has the rest of the time."""
    gateway.modem({}, extra=[*with_setting(gateway, "register_stat 2"), "--fault", "AT+CSQ*0 error"])
    daemon = gateway.daemon([gateway.cloud_config()])

    def is_found():
        _, findings = examine(daemon)
        return findings.get(("network", None), {}).get("result") == "warn" and findings
    findings = wait_until(is_found, daemon.tail)
    assert "not registered" in findings[("network", None)]["text"]
    assert findings[("signal", None)]["result"] == "warn" and "antenna" in findings[("signal", None)]["advice"]


def test_access_point(gateway):
    gateway.modem({"plain.example.com:1883": free_port()}, extra=["--fault", "AT+CMQTTCONNECT*0 result-err 9"])
    findings = wait_failed(gateway.daemon([gateway.broker_config("plain", "mqtt://plain.example.com")]), ("apn", None))
    assert "modem.apn" in findings[("apn", None)]["advice"] and "internet" in findings[("apn", None)]["text"]


def test_clock_of_the_modem(gateway):
    """It lost the time, does not let itself be set, and the network does not tell it."""
    cloud = gateway.cloud()
    gateway.modem(gateway.maps(cloud), extra=[
        *with_setting(gateway, "nitz 0"), "--clock", "unset", "--fault", "AT+CCLK=*0 error"])
    daemon = gateway.daemon([gateway.cloud_config()])
    daemon.wait_state("cloud", "online")
    _, findings = examine(daemon)
    assert findings[("clock", None)]["result"] == "warn" and "NTP" in findings[("clock", None)]["advice"]


def test_certificates_that_do_not_belong_together(gateway):
    """The daemon refuses them, and the doctor says why it does not run."""
    tls = f'ca = "{gateway.certs.path("ca.pem")}"; cert = "{gateway.certs.path("gateway.pem")}"; ' \
          f'key = "{gateway.certs.path("cloud.key")}";'
    config = gateway.folder / "mixed.conf"
    config.write_text(gateway.config([gateway.backup_config(tls=tls)]))
    r = subprocess.run([CMQTTCTL, "-S", str(gateway.folder / "control.sock"), "doctor", "-c", str(config)],
                       capture_output=True, text=True, timeout=30, check=False)
    assert r.returncode == 1
    assert f"{config}:" in r.stdout and '"key" does not belong to "cert"' in r.stdout, r.stdout


def test_disk_is_full(gateway, small_disk):
    config = gateway.config([gateway.broker_config("plain", "mqtt://plain.example.com")])
    daemon = gateway.daemon([], config=config.replace("store.db", "disk/store.db"))
    assert ("disk", None) not in failed(examine(daemon)[1])
    (small_disk / "other").write_bytes(b"x" * (12 << 20))
    findings = wait_failed(daemon, ("disk", None))
    assert "free" in findings[("disk", None)]["text"]


def test_credentials_refused(gateway):
    plain = gateway.plain(users={"gw": "right"})
    gateway.modem(gateway.maps(plain=plain))
    daemon = gateway.daemon([gateway.broker_config(
        "plain", "mqtt://plain.example.com", extra='username = "gw"; password = "wrong";')])
    findings = wait_failed(daemon, ("credentials", "plain"))
    assert "password" in findings[("credentials", "plain")]["advice"]


def test_handshake_refused(gateway):
    """The broker's certificate is signed by somebody else than we were told."""
    cloud = gateway.cloud()
    gateway.modem(gateway.maps(cloud))
    daemon = gateway.daemon([gateway.cloud_config(tls=f'ca = "{gateway.certs.path("other-ca.pem")}";')])
    wait_failed(daemon, ("handshake", "cloud"))


def test_broker_unreachable(gateway):
    gateway.modem({"plain.example.com:1883": free_port()})
    daemon = gateway.daemon([gateway.broker_config("plain", "mqtt://plain.example.com")])
    wait_failed(daemon, ("reach", "plain"))


def test_no_daemon(gateway):
    """What can be seen without it."""
    config = gateway.folder / "gone.conf"
    config.write_text(gateway.config([gateway.broker_config("plain", "mqtt://plain.example.com")]))

    def run():
        r = subprocess.run([CMQTTCTL, "-S", str(gateway.folder / "control.sock"), "--json", "doctor", "-c",
                            str(config)], capture_output=True, text=True, timeout=30)
        return r.returncode, {(c["check"], c["broker"]): c for c in json.loads(r.stdout)["checks"]}
    status, findings = run()
    assert status == 1 and failed(findings) == {("daemon", None), ("port", None)}
    assert "systemctl start" in findings[("daemon", None)]["advice"]
    config.write_text(config.read_text().replace("brokers:", "brokerz:"))
    status, findings = run()
    assert ("configuration", None) in failed(findings)
    assert f"{config}:" in findings[("configuration", None)]["text"]
