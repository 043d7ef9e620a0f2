# SPDX-License-Identifier: Apache-2.0
"""Every story of tests/scenarios over a pty, with real brokers: both come online and messages pass.

Stories whose time-outs take minutes (`set slow`) are played by tests/unit/test_scenarios, under a
virtual clock. Here all others go on at the same time, each with a modem and a daemon of its own.
"""

import concurrent.futures
import pathlib

import pytest

from bench import SLOW_S, Bench
from conftest import Gateway
from gateway import SIM7600, Daemon, Process, wait_until

FOLDER = pathlib.Path(__file__).parents[1] / "scenarios"
QUICK = [p for p in sorted(FOLDER.glob("*.scenario")) if "set slow" not in p.read_text()]
AT_ONCE = 12


def play(brokers, certs, path):
    one = Bench(brokers, certs, ["--scenario", path])
    try:
        one.give_power_hook().start().passes(SLOW_S).passes(SLOW_S)
        if "urc OK" not in path.read_text():  # which is taken for the end of another command
            one.polite()
    finally:
        one.close()


@pytest.fixture(scope="module")
def runs(brokers, certs):
    pool = concurrent.futures.ThreadPoolExecutor(AT_ONCE)
    yield {path: pool.submit(play, brokers, certs, path) for path in QUICK}
    pool.shutdown()


@pytest.mark.parametrize("path", QUICK, ids=lambda p: p.stem)
def test_scenario(runs, path):
    runs[path].result(4 * SLOW_S)


RECORDED = """\
# a dialogue as it is written down: what is masked, what comes late, what has no answer
< RDY
> AT+CMEE?
< +CMEE: 2
< OK
> AT
< OK
> ATE0
< OK
> AT+CGMM
< SIMCOM_SIM7600E
< OK
> AT+CGSN
< 867584030000017
< OK
> AT+CPIN?
= 50
< +CPIN: SIM PIN
< OK
> AT+CPIN="***"
< OK
> AT+CPIN?
< +CPIN: READY
< OK
"""


def test_recorded_dialogue(certs):
    """A dialogue is played: the daemon hears what a modem on a site has said."""
    g = Gateway(certs)
    try:
        (g.folder / "site.at").write_text(RECORDED)
        sim = g.add(Process("sim7600", [SIM7600, "--link", g.folder / "modem", "--play",
                                        g.folder / "site.at"], g.folder))
        wait_until((g.folder / "modem").exists, sim.tail)
        config = g.config([g.broker_config("plain", "mqtt://plain.example.com")])
        one = g.add(Daemon(g.folder, config.replace('apn = "internet";', 'pin = "1234";')))
        wait_until(lambda: one.status()["modem"]["state"] == "registering", one.tail)
        assert one.status()["modem"]["model"] == "SIMCOM_SIM7600E"
        assert one.status()["modem"]["imei"] == "867584030000017"
        assert "not in the dialogue, answered by ERROR: AT+CGMR" in sim.text()
    finally:
        g.close()
