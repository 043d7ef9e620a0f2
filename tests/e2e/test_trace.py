# SPDX-License-Identifier: Apache-2.0
"""cmqttctl trace: what it records can be played."""

from conftest import Gateway
from gateway import CMQTTCTL, SIM7600, WAIT_S, Daemon, Process, wait_until


def test_trace_is_played(certs):
    """What cmqttctl trace has recorded brings another daemon online, with no broker behind it."""
    g = Gateway(certs)
    try:
        plain = g.plain(users={"gw": "planted-secret"})
        sim = g.modem(g.maps(plain=plain))
        config = g.config([g.broker_config(
            "plain", "mqtt://plain.example.com", extra='username = "gw"; password = "planted-secret";')])
        one = g.add(Daemon(g.folder, config))
        one.wait_state("plain", "online")
        path = g.folder / "site.at"
        trace = g.add(Process("trace", [CMQTTCTL, "-S", one.control, "trace", "-o", path], g.folder))
        wait_until(lambda: path.exists() and "# modem: " in path.read_text(), "the head of the trace")
        # behind the head it has another connection
        wait_until(lambda: one.ctl("at", "AT+CSQ") and "+CSQ" in path.read_text(), path.read_text)
        sim.say("reset")
        wait_until(lambda: "+CMQTTCONNECT: 0,0" in path.read_text(), path.read_text)
        one.wait_state("plain", "online")
        one.stop()
        trace.popen.wait(WAIT_S)  # it has all then
        sim.stop()
        plain.stop()
        text = path.read_text()
        assert "planted-secret" not in text and "***" in text
        played = g.add(Process("played", [SIM7600, "--link", g.folder / "modem", "--play", path], g.folder))
        wait_until((g.folder / "modem").exists, played.tail)
        two = g.add(Daemon(g.folder, config))
        two.wait_state("plain", "online")
    finally:
        g.close()


def test_trace_ends_in_time(certs):
    g = Gateway(certs)
    try:
        one = g.add(Daemon(g.folder, g.config([g.broker_config("plain", "mqtt://plain.example.com")])))
        text = one.ctl("trace", "--seconds", "1").stdout
        assert text.startswith("# ") and "# config: recorded" in text
        r = one.ctl("trace", "-o", "/nonexistent/file", "--seconds", "1", check=False)
        assert r.returncode == 1 and "/nonexistent/file: No such file" in r.stderr
    finally:
        g.close()
