# SPDX-License-Identifier: Apache-2.0
"""tests/bad_configs.txt: configurations with one mistake each, and the files that they name."""

import pathlib

TABLE = pathlib.Path(__file__).resolve().parents[1] / "bad_configs.txt"


class BadConfigs:
    """The table, with its files in a folder."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.rows = []  # (key, text, what is said of it)
        for entry in TABLE.read_text(encoding="utf-8").split("\n==== ")[1:]:
            head, _, body = entry.partition("\n")
            if head.startswith("file "):
                self._write(head.removeprefix("file "), body + "\n" if body else "")
            else:
                text, _, expected = body.rpartition("---- ")
                self.rows.append((head, text, expected.strip().replace("FOLDER", str(self.folder))))

    def _write(self, name, text):
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        path.chmod(0o600)
        return path

    def write(self, text):
        """The configuration file with this text."""
        return self._write("cmqttd.conf", text)
