# SPDX-License-Identifier: Apache-2.0
"""What bash offers behind a command line of cmqttctl."""

import os
import pathlib
import subprocess

import pytest

SCRIPT = pathlib.Path(__file__).parents[2] / "conf/completion/bash/cmqttctl"

# It asks cmqttctl for the names of the brokers: this one knows two.
STAND_IN = """#!/bin/sh
printf 'BROKER  STATE\\ncloud   online\\nplant   backoff\\n'
"""


@pytest.fixture
def offers(tmp_path):
    (tmp_path / "cmqttctl").write_text(STAND_IN)
    (tmp_path / "cmqttctl").chmod(0o755)
    (tmp_path / "a-file").touch()

    def complete(line):
        """The line ends where the cursor is."""
        words = line.split(" ")
        quoted = " ".join(f"'{w}'" for w in words)
        script = (f". '{SCRIPT}'; COMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}; _cmqttctl; "
                  "printf '%s\\n' \"${COMPREPLY[@]}\"")
        r = subprocess.run(["bash", "-c", script], cwd=tmp_path, text=True, capture_output=True, timeout=30,
                           env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"})
        assert r.returncode == 0 and r.stderr == "", r.stderr
        return r.stdout.split()

    return complete


@pytest.mark.parametrize("line, expected", [
    ("cmqttctl re", ["reconnect", "reload"]),
    ("cmqttctl -S /x re", ["reconnect", "reload"]),
    ("cmqttctl connect ", ["cloud", "plant"]),
    ("cmqttctl history m", ["modem"]),
    ("cmqttctl queue sh", ["show"]),
    ("cmqttctl queue list -b p", ["plant"]),
    ("cmqttctl queue -b p", ["plant"]),
    ("cmqttctl publish -q ", ["0", "1", "2"]),
    ("cmqttctl publish -m ", []),
    ("cmqttctl publish -t topic --w", ["--wait"]),
    ("cmqttctl publish -f a-", ["a-file"]),
    ("cmqttctl log-level d", ["debug"]),
    ("cmqttctl help do", ["doctor"]),
    ("cmqttctl reload --d", ["--dry-run"]),
    ("cmqttctl status --j", ["--json"]),
    ("cmqttctl -S a-", ["a-file"]),
])
def test_offers(offers, line, expected):
    assert [word for word in offers(line) if word[0] != "-" or expected and expected[0][0] == "-"] == expected
