"""``tickdesk systemd`` and ``tickdesk dashboard``: what they print is right for who reads it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from console.cli import main, systemd
from engine.ops.systemd_unit import STOP_MARGIN_S
from engine.wiring.shutdown import GRACE_S

ANALYZE = shutil.which("systemd-analyze")


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(list(arguments)) == 0
    return capsys.readouterr().out


def settings(unit: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in unit.splitlines() if "=" in line and line[0] not in "#[")


@pytest.mark.parametrize("form", [[], ["--user"]], ids=["system", "user"])
def test_systemd_takes_the_unit(form: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state = tmp_path / "a desk %h $HOME"
    state.mkdir()
    unit = printed(capsys, "--set", "engine.shutdown_s=40", "--state-dir", str(state), "systemd", *form)
    told = settings(unit)
    assert told["Type"] == "notify" and told["Restart"] == "on-failure" and int(told["WatchdogSec"]) > 0
    assert int(told["TimeoutStopSec"]) == 40 + STOP_MARGIN_S > 40 + GRACE_S
    assert told["NoNewPrivileges"] == "yes" and told["ProtectSystem"] == "strict"
    escaped = str(state).replace("%", "%%")
    assert told["ReadWritePaths"] == f'"{escaped}"'
    assert told["Environment"] == f'"NUMBA_CACHE_DIR={escaped}/kernels"'
    # Commands alone have variables: https://www.freedesktop.org/software/systemd/man/latest/systemd.service.html
    assert f'--no-ui --state-dir "{escaped.replace("$", "$$")}"' in told["ExecStart"]
    assert told["ExecStart"].endswith("--set engine.shutdown_s=40")
    assert ("User" in told) is ("CapabilityBoundingSet" in told) is (form == [])
    # What is kept in /tmp would not be seen with a /tmp of its own.
    assert told["PrivateTmp"] == "no"
    if ANALYZE is None:
        pytest.skip("there is no systemd-analyze")
    path = tmp_path / "tickdesk.service"
    path.write_text(unit)
    done = subprocess.run(
        [ANALYZE, "verify", "--man=no", *form, str(path)],
        env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_state_directory_that_is_not_there_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(systemd, "TMP", ())
    assert main(["--state-dir", str(tmp_path / "new"), "systemd", "--user"]) == 0
    unit, advice = capsys.readouterr()
    assert settings(unit)["PrivateTmp"] == "yes"
    assert advice.startswith("tickdesk: ") and f"mkdir -m 700 -p {tmp_path / 'new'}" in advice
    assert settings(unit)["ReadWritePaths"] == f"-{tmp_path / 'new'}"
    assert "the first start compiles kernels" in advice and "run as root" not in advice
    assert not (tmp_path / "new").exists()


def test_whom_it_runs_as_is_named_or_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("getpass.getuser", lambda: "root")
    command = ["--state-dir", str(tmp_path), "systemd"]
    assert main(command) == 0
    unit, advice = capsys.readouterr()
    assert settings(unit)["User"] == "root" and "would run as root: --user-name NAME" in advice
    assert main([*command, "--user-name", "no-such-desk"]) == 0
    unit, advice = capsys.readouterr()
    assert settings(unit)["User"] == "no-such-desk" and "would run as root" not in advice
    assert "there is no user no-such-desk" in advice and f"chown no-such-desk {tmp_path}" in advice
    assert main([*command, "--user", "--user-name", "ann"]) == 2
    assert main([*command, "--user-name", "a b"]) == 2


def test_what_is_in_tmp_is_seen_by_the_service(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder, private in ((tmp_path, "no"), (Path(sys.prefix), "no"), (tmp_path / "other", "yes")):
        monkeypatch.setattr(systemd, "TMP", (folder.resolve(),))
        assert main(["--state-dir", str(tmp_path), "systemd", "--user"]) == 0
        unit, advice = capsys.readouterr()
        assert settings(unit)["PrivateTmp"] == private and ("others clear" in advice) is (private == "no")


def test_the_dashboard_is_json_for_any_data_source(capsys: pytest.CaptureFixture[str]) -> None:
    board = json.loads(printed(capsys, "dashboard"))
    panels = [panel for panel in board["panels"] if panel["type"] != "row"]
    assert board["title"] == "tickdesk" and len(panels) > 30
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken and all(x < 24 for x, _ in cells), panel["title"]
        taken |= cells
        for target in panel["targets"]:
            assert target["datasource"]["uid"] == "${datasource}"
            assert target["expr"].count("(") == target["expr"].count(")")
    assert not re.search(r"https?://", json.dumps(board))


@pytest.mark.parametrize("form", [[], ["--user"]], ids=["system", "user"])
def test_systemd_takes_the_timer(form: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state = tmp_path / "a desk"
    state.mkdir()
    both = printed(
        capsys, "--set", "daily.at='21:45'", "--state-dir", str(state), "systemd", "--timer", *form
    )
    folder = "~/.config/systemd/user" if form else "/etc/systemd/system"
    service, _, timer = both.partition(f"\n# {folder}")
    timer = f"# {folder}{timer}"
    assert service.startswith(f"# {folder}/tickdesk-daily.service\n")
    assert timer.startswith(f"# {folder}/tickdesk-daily.timer\n")
    told = settings(service)
    assert told["Type"] == "oneshot" and told["SuccessExitStatus"] == "5"
    assert told["Restart"] == "on-abnormal" and told["NoNewPrivileges"] == "yes"
    assert f'daily --state-dir "{state}" --set' in told["ExecStart"] and "--no-ui" not in told["ExecStart"]
    assert int(told["TimeoutStartSec"]) > 43_200
    assert settings(timer)["OnCalendar"] == "*-*-* 21:45:00 UTC"
    assert settings(timer)["Persistent"] == "true"
    if ANALYZE is None:
        pytest.skip("there is no systemd-analyze")
    for name, text in (("tickdesk-daily.service", service), ("tickdesk-daily.timer", timer)):
        (tmp_path / name).write_text(text)
    done = subprocess.run(
        [ANALYZE, "verify", "--man=no", *form, str(tmp_path / "tickdesk-daily.timer")],
        env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path), "SYSTEMD_UNIT_PATH": f"{tmp_path}:"},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert (done.returncode, done.stderr) == (0, "")
