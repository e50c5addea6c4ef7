"""The adapter for tracebook-conformance as a process, and the peer's own `qualify` on both engines.

`qualify` runs if the package (extra `test`) or its command is there.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

HELLO = {"type": "hello", "protocol": "tracebook.conformance", "protocol_version": 1}


def command(engine_name):
    return [sys.executable, "-m", "engine.testing.tracebook", *(["--reference"] if engine_name == "reference" else [])]


ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}


EVENT = {
    "type": "event",
    "index": 1,
    "event": {"op": "new", "symbol": "\u00e9", "order_id": 1, "side": "BUY", "price": 1, "quantity": 1},
}


class TestProcess:
    @pytest.mark.parametrize("given", [b"", b"\xff\xfe\n", b"{}\n", b'{"type": "hello"}\n'])
    def test_an_error_is_one_line_and_exit_code_2(self, engine_name, given, tmp_path):
        done = subprocess.run(
            command(engine_name),
            input=given,
            capture_output=True,
            env=ENVIRONMENT,
            cwd=tmp_path,
            check=False,
            timeout=60,
        )
        assert done.returncode == 2
        assert done.stderr == b""
        (line,) = done.stdout.splitlines()
        assert json.loads(line)["code"] == "PROTOCOL_ERROR"

    def test_symbols_are_utf_8_whatever_the_locale(self, engine_name, tmp_path):
        lines = [HELLO, EVENT, {"type": "finish", "event_count": 1}]
        done = subprocess.run(
            command(engine_name),
            input="".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines).encode(),
            capture_output=True,
            env={**ENVIRONMENT, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
            cwd=tmp_path,
            check=False,
            timeout=60,
        )
        assert (done.returncode, done.stderr) == (0, b"")
        text = (
            '{"books":[{"asks":[],"bids":[{"order_id":1,"order_type":"LIMIT","owner":-1,"price":"1",'
            '"remaining_quantity":"1"}],"symbol":"\u00e9"}]}'
        )
        observation = json.loads(done.stdout.splitlines()[1])
        assert observation["state_hash"] == hashlib.sha256(text.encode()).hexdigest()


def peer():
    """Return the peer's command, or None."""
    if importlib.util.find_spec("tracebook") is not None:
        return [sys.executable, "-m", "tracebook.conformance.cli"]
    found = shutil.which("tracebook-conformance")
    return None if found is None else [found]


@pytest.mark.parametrize("profile", ["fifo-full-v1", "fifo-limit-v1", "fifo-partial-fill-v1"])
def test_the_peer_qualifies_the_engine(engine_name, profile, tmp_path):
    start = peer()
    if start is None:
        pytest.skip("tracebook-conformance is not installed: pip install 'tracebook-conformance>=0.6,<0.7'")
    done = subprocess.run(
        [
            *start,
            "qualify",
            *("--output-dir", str(tmp_path / "out")),
            *("--profile", profile),
            *("--seed", "20261124"),
            *("--traces", "3"),
            *("--events-per-trace", "180"),
            *("--candidate-cmd", shlex.join(command(engine_name))),
        ],
        env=ENVIRONMENT,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads((tmp_path / "out" / "qualification.json").read_text())["qualified"]
