# SPDX-License-Identifier: Apache-2.0
"""Whatever a modem's manners are, both brokers come online and messages pass both ways.

Each test has a modem and a daemon of its own, on brokers that all share (see bench.py). Where time-outs of
the daemon's have to pass, that happens in the background, all at the same time (see long_runs).
"""

import concurrent.futures
import os
import stat
import termios
import tty

import pytest

from bench import SLOW_S, Bench
from conftest import Gateway
from gateway import mosquitto_pub, wait_until

@pytest.fixture
def bench(brokers, certs):
    made = []

    def make(*args, **kwargs):
        made.append(Bench(brokers, certs, *args, **kwargs))
        return made[-1]

    yield make
    for one in made:
        one.close()


def faults(kind, *commands):
    """Options of the modem: each of these commands meets it once."""
    return [part for command in commands for part in ("--fault", f"{command} {kind}")]


# What a modem may not know, and what not even its maker's manual promises for all.
UNKNOWN = ["+CMEE?*0", "+SPIC*0", "+CTZU*0", "+CREG=*0", "+CGREG=*0", "+CEREG=*0", "+CGREG?*0",
           "+CGMM*0", "+CGMR*0", "+CGSN*0", "+COPS*0", "+CPSI*0", "+CSQ*0", "+CCLK*0", "+NETOPEN*0",
           "+CGAUTH*0", '+CSSLCFG="ciphersuites"*0', '+CSSLCFG="keypwd"*0',
           '+CSSLCFG="negotiatetime"*0', '+CMQTTCFG="optimeout"*0']

MANNERS = {
    "result-first": ["--start-order", "result-first", "--disc-order", "result-first"],
    "ok-first": ["--start-order", "ok-first", "--disc-order", "ok-first"],
    "byte-by-byte": ["--chunk", 1],
    "seven-bytes": ["--chunk", 7],
    "uart": ["--baud", 115200],
    "slow-answers": ["--latency", 30, "--jitter", 60],
    "prompt-with-blank": ["--prompt", "blank"],
    "prompt-on-a-line": ["--prompt", "line"],
    "echo-stays": ["--fault", "E0*0 error"],
    "echo-of-commands-stays": ["--fault", "E0*0 error", "--no-data-echo"],
    "echo-stays-with-blank": ["--fault", "E0*0 error", "--prompt", "blank", "--chunk", 3],
    "clock-unset": ["--clock", "unset"],
    "no-rdy": ["--no-rdy"],
    "warm": ["--warm"],
    "data-mode": ["--mode", "data"],
    "ppp": ["--mode", "ppp"],
    "multiplexed": ["--mode", "cmux"],
    "quiet": ["--quiet"],
    "other-speed": ["--warm", "--uart-baud", 9600],
    "tied-to-another-network": ["--tied-to", "22210", "--radio-off"],
    "a7672": ["--model", "a7672"],
    "sim7670": ["--model", "sim7670"],
    "files-overwritten-not": ["--certdown-existing-fails", "--missing-file-early"],
    "blocks-far-apart": ["--rx-gap", 30, "--rx-interleave"],
    "knows-little": faults("error", *UNKNOWN),
}


# ---- what goes wrong ----

BRING_UP = ["+CPIN?", "+CGDCONT", "+CREG?", "+CEREG?", "+CCLK?", "+CMQTTACCQ?", "+CMQTTDISC?",
            "+CCERTLIST", "+CCERTDOWN", '+CSSLCFG="authmode"', '+CSSLCFG="cacert"', "+CMQTTACCQ=0",
            '+CMQTTCFG="checkUTF8"', "+CMQTTSSLCFG", "+CMQTTWILLTOPIC", "+CMQTTWILLMSG",
            "+CMQTTCONNECT", "+CMQTTSUBTOPIC", "+CMQTTTOPIC", "+CMQTTPAYLOAD", "+CMQTTPUB"]
MQTT = [c for c in BRING_UP if c.startswith("+CMQTT") and not c.endswith("?")]

FAULTS = {
    "error": faults("error", *BRING_UP, "+CMQTTSUB=", "+CMQTTSTART"),
    "cme": faults("cme 14", *BRING_UP),
    "err-1": faults("err 1", *MQTT, "+CMQTTSUB=", "+CMQTTSTART"),
    "err-11": faults("err 11", *MQTT, "+CMQTTSUB="),
    "busy": faults("busy", *MQTT, "+CMQTTSUB="),
    "late": faults("late 700", *BRING_UP, "+CMQTTSUB=", "+CMQTTSTART"),
    "result-err": faults("result-err 3", "+CMQTTCONNECT", "+CMQTTSUB=", "+CMQTTPUB"),
    "error-result": faults("error-result 3", "+CMQTTCONNECT", "+CMQTTSUB=", "+CMQTTPUB"),
    "line-between": faults("urc +CREG: 1", *BRING_UP, "+CMQTTSUB=", "+CMQTTSTART"),
    "netopen-error": ["--netopen-error", *faults("error", "+CMQTTSTART")],
    # from here on time-outs of the daemon's have to pass
    "ok-only": ["--start-order", "ok-only", "--disc-order", "ok-only"],
    "answer-lost": faults("answer-lost", "+CREG?", "+CMQTTDISC?", '+CSSLCFG="authmode"'),
    "final-lost": faults("final-lost", "+CPIN?", "+CCERTLIST", "+CMQTTACCQ=1"),
    "no-answer": faults("no-answer", "+CMEE=2", "+CMQTTACCQ=0", "+CMQTTTOPIC"),
    "prompt-lost": faults("prompt-lost", "+CMQTTWILLTOPIC", "+CMQTTTOPIC"),
    "body-byte-lost": faults("lose-body-byte 2", "+CMQTTWILLMSG", "+CMQTTSUBTOPIC"),
    "reset": faults("reset", "+CMQTTCONNECT", "+CMQTTPUB"),
    "reset-in-body": faults("reset-in-body 2", "+CMQTTTOPIC"),
}


def comes_up(one, extra):
    """It gets over the faults, all of which happened, and stays well."""
    one.start().passes(SLOW_S).passes()
    assert one.faults() >= extra.count("--fault")
    if not extra.count("--fault") or any(f in " ".join(map(str, extra)) for f in ("late", "urc")):
        one.polite()


def comes_back_from_hanging(one, _):
    """The last step of recovery is to have its power cut; after it everything works again."""
    one.give_power_hook().start().passes()
    one.sim.say("hang")
    mosquitto_pub(one.gateway.local(), "plain/up/after", "kept", 1)
    wait_until(lambda: "power_cycle: done" in one.cmqttd.text(), one.cmqttd.tail, SLOW_S)
    one.brokers.seen["plain"].wait_for("site/after", "kept", SLOW_S)
    one.passes(SLOW_S)


LONG = {**{name: (comes_up, extra) for name, extra in FAULTS.items()},
        "hang": (comes_back_from_hanging, [])}


@pytest.fixture(scope="module")
def long_runs(brokers, certs):
    """One gateway for each fault, in the background while other tests run. A future for each."""
    benches = {name: Bench(brokers, certs, extra) for name, (_, extra) in LONG.items()}
    pool = concurrent.futures.ThreadPoolExecutor(len(LONG))
    yield {name: pool.submit(run, benches[name], extra) for name, (run, extra) in LONG.items()}
    pool.shutdown()
    with concurrent.futures.ThreadPoolExecutor(len(LONG)) as closing:
        list(closing.map(Bench.close, benches.values()))


# ---- manners ----


@pytest.mark.parametrize("manner", MANNERS)
def test_manner(bench, long_runs, manner):
    """It comes up, carries messages, stops cleanly, and breaks no rule in all of that."""
    assert long_runs  # they go on beside
    one = bench(MANNERS[manner]).start().passes().stops().polite()
    # An A76xx, or who does not say what it is, may start anew when it is asked to stop.
    service = 1 if manner in ("knows-little", "a7672") else 0
    assert f"service={service} client0=free client1=free" in one.sim.say("status")


def test_right_pin(bench):
    bench(["--pin", "1234"], 'pin = "1234";').start().passes().stops().polite()


def test_wrong_pin(bench):
    """It is tried once, not again by the next daemon, and another one is."""
    one = bench(["--pin", "4321"], 'pin = "1234";')
    for daemons in range(1, 4):
        one.start()
        # All of them write to one log.
        wait_until(lambda: one.cmqttd.text().count("the SIM refused the PIN") >= daemons, one.cmqttd.tail)
        wait_until(lambda: one.cmqttd.status()["modem"]["state"] == "sim", one.cmqttd.tail)
        assert one.dialogue().count("AT+CPIN=") == 1
        one.stops()
    note = one.gateway.folder / "pin-tried"
    assert "1234" not in note.read_text() and stat.S_IMODE(note.stat().st_mode) == 0o600
    one.modem_config = 'pin = "4321";'
    one.start().passes().stops().polite()
    assert not note.exists()


# ---- what an earlier program left ----

STARTED = ["ATE0", "AT+CMQTTSTART"]
HELD = [*STARTED, 'AT+CMQTTACCQ=0,"old",0,4', 'AT+CMQTTACCQ=1,"older",0,4']
CONNECTED = [*HELD, 'AT+CMQTTCONNECT=1,"tcp://plain.example.com:1883",60,1']
LEFTOVERS = {
    "started": STARTED,
    "held": HELD,
    "connected": CONNECTED,
    "numeric": ["ATV0"],
    "topic-staged": [*CONNECTED, "AT+CMQTTTOPIC=1,3", "a/b"],
    "entry-open": [*CONNECTED, "AT+CMQTTTOPIC=1,900", "a/"],
    "list-staged": [*CONNECTED, "AT+CMQTTSUBTOPIC=1,3,1", "a/b"],
}


def converse(device, lines):
    """Be a program that says all this to the modem and goes away."""
    fd = os.open(device, os.O_RDWR | os.O_NOCTTY)
    tty.setraw(fd, termios.TCSANOW)
    os.set_blocking(fd, False)
    try:
        for line in lines:
            os.write(fd, line.encode() + (b"\r" if line.startswith("AT") else b""))
            # The last thing may be a body that is too short: nothing comes then.
            is_short = line == lines[-1] and not line.startswith("AT") and len(line) < 3
            answers = {"AT+CMQTTSTART": [b"+CMQTTSTART: 0", b"OK"], "ATV0": [b"0\r"]}
            wanted = answers.get(line, [] if is_short else [b"OK"])
            if line.startswith("AT+CMQTTCONNECT"):
                wanted = [b"+CMQTTCONNECT: 1,0"]
            if "TOPIC=" in line:
                wanted = [b">"]
            got = bytearray()

            def has_come():
                try:
                    got.extend(os.read(fd, 4096))
                except BlockingIOError:
                    pass
                return all(text in got for text in wanted)

            wait_until(has_come, lambda: f"answer to {line}: {bytes(got)}")
    finally:
        os.close(fd)


@pytest.mark.parametrize("leftover", LEFTOVERS)
def test_leftover(bench, leftover):
    one = bench(["--warm"])
    converse(one.sim.device, LEFTOVERS[leftover])
    one.start().passes().stops().polite()


def test_log_lines(brokers, certs):
    """What the log says of a start with one broker: nothing of the modem's other client."""
    g = Gateway(certs)
    try:
        g.modem(g.maps(plain=brokers.plain), extra=["--latency", "1"], boot_ms=100)
        one = g.daemon([g.broker_config("plain", "mqtt://plain.example.com", extra="")])
        one.wait_state("plain", "online")
        g.started[0].say("connlost 0 1")
        wait_until(lambda: "plain: offline" in one.text(), one.tail)
        one.wait_state("plain", "online")
        lines = [line.split(" ", 2)[2] for line in one.text().splitlines()]
        for line in ("modem: syncing (the port is open)", "modem: registering (the SIM is ready)",
                     "modem: SIMCOM_SIM7600G-H, revision LE20B04SIM7600G22", "broker plain: online",
                     "broker plain: offline: connection lost: closed by the server, next try in 1 s"):
            assert line in lines, one.text()
        assert not [line for line in lines if "broker" in line and "broker plain: " not in line]
        assert not [line for line in lines if "session" in line or "None" in line or "null" in line]
    finally:
        g.close()


def test_killed_in_the_middle_of_a_body(bench):
    """The next daemon finds a modem that takes whatever it says for the rest of the body."""
    one = bench(["--baud", "115200"]).start().online()
    mosquitto_pub(one.gateway.local(), "plain/up/large", b"x" * 10240, 1)
    wait_until(lambda: "AT+CMQTTPAYLOAD=1,10240" in one.dialogue(), one.dialogue)
    one.kill()
    one.start().passes().polite()


# ---- what happens to a gateway that works ----

INJECTIONS = ["noise 00ff41542b0d0a3e0d0a2b434d5154545258544f5049433a20302c3939390d0a", "connlost 0 1",
              "connlost 1 3", "ping-fail 0 17", "nonet", "reset spoken", "reset",
              "urc +CMQTTPUB: 0,0", "urc ERROR", "urc OK", "urc +CMQTTCONNLOST: 7,1"]


def test_injections(bench):
    """One after the other into a gateway that works."""
    one = bench().start().passes()
    for injection in INJECTIONS:
        before = {n: one.cmqttd.broker(n)["since"] for n in ("cloud", "plain")}
        assert one.sim.say(injection).startswith("ok"), injection
        if injection.split()[0] in ("connlost", "ping-fail", "nonet", "reset"):
            wait_until(lambda: {n: one.cmqttd.broker(n)["since"] for n in before} != before, injection)
        one.passes()
    one.stops().polite()


@pytest.mark.parametrize("fault", LONG)
def test_fault(long_runs, fault):
    """Each fault once on many commands; after that both come online and stay well."""
    long_runs[fault].result(4 * SLOW_S)
