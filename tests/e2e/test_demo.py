# SPDX-License-Identifier: Apache-2.0
"""The demonstration of the README, and the commands that it prints to be tried."""

import os
import pathlib
import re
import subprocess

from gateway import BUILD, Process, wait_until

DEMO = pathlib.Path(__file__).parents[2] / "tests/demo.sh"
ENDLESS = r"monitor|mosquitto_sub|tail -f"  # until they are interrupted


def test_demo_and_what_it_prints(tmp_path):
    env = {**os.environ, "CMQTTD_DEMO_BUILD": str(BUILD)}
    log = tmp_path / "demo.log"
    with open(log, "w", encoding="utf-8") as out, subprocess.Popen(
            ["sh", DEMO, "--keep"], stdin=subprocess.PIPE, stdout=out, stderr=out, text=True, env=env) as demo:
        wait_until(lambda: "Enter ends it." in log.read_text() or demo.poll() is not None, log.read_text, 120)
        commands = re.findall(r"^  (\S.*)$", log.read_text().partition("Everything is running.")[2], re.MULTILINE)
        assert len(commands) == 7, log.read_text()
        watching = [Process(f"try{n}", ["sh", "-c", f"exec {command}"], tmp_path)
                    for n, command in enumerate(commands) if re.search(ENDLESS, command)]
        for command in commands:
            if not re.search(ENDLESS, command):
                wait_until(lambda: subprocess.run(command, shell=True, capture_output=True, timeout=60,
                                                  check=False).returncode == 0, command)
        # Each of those who watch sees something, as long as messages pass.
        sending = [command for command in commands if "mosquitto_pub" in command]
        for process in watching:
            wait_until(lambda: process.text() or [subprocess.run(c, shell=True, check=True) for c in sending][:0],
                       lambda: f"{process.argv} says something")
            assert process.is_alive(), process.tail()
            process.stop()
        demo.communicate("\n", timeout=60)
    assert demo.returncode == 0, log.read_text()
    assert "Everything was as it must be." in log.read_text()
