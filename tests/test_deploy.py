"""The files to deploy with say nothing that the programs they are for would refuse."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from cors_anywhere.config.options import OPTIONS
from cors_anywhere.config.settings import Settings
from tests.support.needs import needs

ROOT = Path(__file__).parents[1]
FILES = sorted(path for path in (ROOT / "deploy").rglob("*") if path.is_file())
COMPOSE = ROOT / "compose.yaml"


@pytest.mark.parametrize("path", [*FILES, COMPOSE], ids=lambda path: path.name)
def test_every_option_of_the_proxy_exists(path: Path) -> None:
    redis = {"--save", "--appendonly", "--maxmemory", "--maxmemory-policy"}
    foreign = redis | {"--build"}
    named = set(re.findall(r"--[a-z][a-z-]+", path.read_text("utf-8")))
    assert named <= {option.flag for option in OPTIONS} | foreign


def test_caddy_takes_its_file() -> None:
    caddy = shutil.which("caddy")
    needs(caddy, "caddy")
    assert caddy is not None
    subprocess.run(
        [caddy, "adapt", "--config", ROOT / "deploy/compose/Caddyfile", "--adapter", "caddyfile"],
        check=True,
        capture_output=True,
        env={**os.environ, "SITE": "proxy.example.org"},
        timeout=60,
    )


def test_systemd_finds_nothing_in_its_units(tmp_path: Path) -> None:
    verify = shutil.which("systemd-analyze")
    needs(verify, "systemd-analyze")
    assert verify is not None
    for path in (ROOT / "deploy/systemd").iterdir():
        here = path.read_text("utf-8").replace("/opt/cors-anywhere/bin/cors-anywhere", "/bin/true")
        (tmp_path / path.name).write_text(here)
    units = sorted(map(str, tmp_path.iterdir()))
    done = subprocess.run(
        [verify, "verify", *units], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_proxy_has_time_to_drain_before_it_is_killed() -> None:
    text = (ROOT / "deploy/kubernetes/cors-anywhere.yaml").read_text("utf-8")
    grace = re.search(r"terminationGracePeriodSeconds: (\d+)", text)
    delay = re.search(r'"sleep", "(\d+)"', text)
    assert grace is not None
    assert delay is not None
    assert int(grace[1]) > int(delay[1]) + Settings().drain_timeout
