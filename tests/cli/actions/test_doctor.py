"""`ta-cluster doctor`, in good health and with each illness."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import trustme

from ta_cluster_async.cli.actions import doctor_network as wire
from ta_cluster_async.cli.actions.doctor_checks import CheckStatus
from ta_cluster_async.emulator import Emulator, Fault
from tests.cli.conftest import environment_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.cli.conftest import Command

    Doctor = Callable[..., dict[str, Any]]


@pytest.fixture
def server(ta_emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Emulator:
    ta_emulator.seed_clusters(2)
    lead_to(ta_emulator, monkeypatch)
    return ta_emulator


def lead_to(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment_of(emulator).items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def doctor(command_in_real_time: Command) -> Doctor:
    """Gives the findings by their subjects, and the exit code under `code`."""

    def run(*arguments: str) -> dict[str, Any]:
        ended = command_in_real_time("doctor", "--json", *arguments)
        findings = [json.loads(line) for line in ended.out.splitlines()]
        return {finding["subject"]: finding for finding in findings} | {"code": ended.code}

    return run


def marks(found: dict[str, Any]) -> dict[str, str]:
    return {subject: finding["mark"] for subject, finding in found.items() if subject != "code"}


def test_in_good_health_all_is_well_and_nothing_was_changed(server: Emulator, doctor: Doctor) -> None:
    found = doctor()
    assert found["code"] == 0
    assert {finding["code"] for subject, finding in found.items() if subject != "code"} == {0}
    assert marks(found) == {
        "settings": "ok",
        "address": "ok",
        "TLS": "skipped",
        "token": "ok",
        "project": "ok",
        "time zone": "ok",
        "clock": "ok",
    }
    assert "Project 102 has 2 clusters and tags." in found["project"]["what"]
    assert not server.effects


def test_for_a_person_it_is_a_table_with_a_sentence_at_the_end(
    server: Emulator, command_in_real_time: Command
) -> None:
    ended = command_in_real_time("doctor")
    assert ended.code == 0
    assert [line.split()[0] for line in ended.out.splitlines()] == ["ok", "ok", "skipped", *["ok"] * 4]
    assert ended.err == "No check failed.\n"


def test_it_says_where_each_setting_comes_from(
    server: Emulator, doctor: Doctor, config_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TA_BASE_URL")
    config_folder.joinpath("config.toml").write_text(f'[home]\nbase_url = "{server.url}"\n', encoding="utf-8")
    said = doctor("--profile", "home", "--project-id", "102")["settings"]["what"]
    assert (
        said
        == "Found the address from the profile home, the project from --project-id and the token from TA_TOKEN."
    )


def test_missing_settings_are_named_with_the_file_to_write_them_into(
    doctor: Doctor, config_folder: Path
) -> None:
    found = doctor()
    assert found["code"] == 2
    assert list(marks(found)) == ["settings"]
    assert "Set TA_BASE_URL, TA_TOKEN and TA_PROJECT_ID" in found["settings"]["advice"]
    assert str(config_folder / "config.toml") in found["settings"]["advice"]


def test_without_a_token_the_address_is_looked_at_all_the_same(
    server: Emulator, doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TA_TOKEN")
    found = doctor()
    assert found["code"] == 2
    assert (found["address"]["mark"], found["token"]["mark"]) == ("ok", "skipped")


def test_a_base_url_that_cannot_be_right_is_told(server: Emulator, doctor: Doctor) -> None:
    found = doctor("--base-url", "ta2:8992")
    assert (found["code"], found["settings"]["mark"]) == (2, "failed")


def test_a_port_where_nothing_listens(server: Emulator, doctor: Doctor) -> None:
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        found = doctor("--base-url", f"http://127.0.0.1:{door.getsockname()[1]}")
    assert found["code"] == 5
    assert "Nothing listens at 127.0.0.1:" in found["address"]["what"]
    assert "often has 8992" in found["address"]["advice"]


def test_a_host_without_an_address(server: Emulator, doctor: Doctor) -> None:
    found = doctor("--base-url", "http://nowhere.invalid:8992")
    assert found["code"] == 5
    assert found["address"]["what"] == "The host nowhere.invalid has no address."


def test_a_token_that_is_rejected(server: Emulator, doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TA_TOKEN", "not-the-one")
    found = doctor()
    assert (found["code"], found["token"]["mark"]) == (2, "failed")
    assert "ta-tool generate_api_secret" in found["token"]["advice"]


def test_a_project_that_is_not_the_tokens(server: Emulator, doctor: Doctor) -> None:
    found = doctor("--project-id", "7")
    assert (found["code"], found["project"]["mark"]) == (1, "failed")
    assert "not the APPID" in found["project"]["advice"]


def test_a_web_page_in_place_of_the_api(server: Emulator, doctor: Doctor) -> None:
    server.faults.add(Fault.html(200, "Log in"), path="user-cluster-list", count=None)
    found = doctor()
    assert (found["code"], found["address"]["mark"]) == (2, "failed")
    assert "not that of the Open API" in found["address"]["advice"]


def test_a_server_whose_time_zone_is_ahead_is_found_by_its_refresh_times(
    doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Not by a mark: minutes may pass between its arguments and the test.
    with Emulator(now=datetime.now() + timedelta(days=1, hours=8)) as server:  # noqa: DTZ005
        server.seed_clusters(2)
        lead_to(server, monkeypatch)
        found = doctor()
    assert (found["code"], found["time zone"]["mark"]) == (0, "warning")
    assert "8.0 hours in the future" in found["time zone"]["what"]
    assert "TA_TIMEZONE" in found["time zone"]["advice"]


def test_a_project_without_refreshes_has_no_time_to_go_by(
    ta_emulator: Emulator, doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    lead_to(ta_emulator, monkeypatch)
    assert doctor()["time zone"]["mark"] == "skipped"


class TestTls:
    @pytest.fixture
    def authority(self) -> trustme.CA:
        return trustme.CA()

    @pytest.fixture
    def secured(self, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1", not_after=datetime.now(UTC) + timedelta(days=5)).configure_cert(
            context
        )
        with Emulator(ssl=context) as emulator:
            emulator.seed_clusters(1)
            lead_to(emulator, monkeypatch)
            yield emulator

    @pytest.fixture
    def ca_file(self, authority: trustme.CA, tmp_path: Path) -> str:
        authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
        return str(tmp_path / "ca.pem")

    def test_a_private_ca_is_trusted_where_it_is_given(
        self, secured: Emulator, doctor: Doctor, ca_file: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("TA_CA_FILE", ca_file)
        found = doctor()
        assert found["code"] == 0
        assert "is valid for 5 more days" in found["TLS"]["what"]
        assert (found["TLS"]["mark"], found["TLS"]["advice"]) == ("warning", "Renew it soon.")
        assert (found["project"]["mark"], found["clock"]["mark"]) == ("ok", "ok")

    def test_other_commands_take_it_too(
        self, secured: Emulator, command_in_real_time: Command, ca_file: str
    ) -> None:
        assert command_in_real_time("progress", "970").code == 5
        assert command_in_real_time("progress", "970", "--ca-file", ca_file).code == 0

    def test_a_private_ca_that_is_not_given_is_named_as_the_reason(
        self, secured: Emulator, doctor: Doctor
    ) -> None:
        found = doctor()
        assert (found["code"], found["TLS"]["mark"]) == (5, "failed")
        assert "--ca-file" in found["TLS"]["advice"]

    def test_to_check_nothing_is_warned_of(
        self, secured: Emulator, doctor: Doctor, config_folder: Path
    ) -> None:
        config_folder.joinpath("config.toml").write_text("[default]\nverify = false\n", encoding="utf-8")
        found = doctor()
        assert (found["code"], found["TLS"]["mark"]) == (0, "warning")
        assert "anyone could impersonate the server" in found["TLS"]["what"]

    def test_a_port_without_tls_is_told(self, server: Emulator, doctor: Doctor) -> None:
        found = doctor("--base-url", server.url.replace("http:", "https:"))
        assert (found["code"], found["TLS"]["mark"]) == (5, "failed")
        assert "There is no TLS at this port" in found["TLS"]["what"]

    def test_a_certificate_file_that_is_none_is_told(
        self, secured: Emulator, doctor: Doctor, tmp_path: Path
    ) -> None:
        empty = tmp_path / "empty.pem"
        empty.write_text("", encoding="utf-8")
        found = doctor("--ca-file", str(empty))
        assert (found["code"], found["settings"]["mark"]) == (2, "failed")


@pytest.mark.parametrize(
    ("header", "status", "words"),
    [
        ("", CheckStatus.SKIPPED, "does not send its time"),
        ("Date: yesterday\r\n", CheckStatus.SKIPPED, "does not send its time"),
        ("Date: Thu, 01 Jan 2032 00:00:00 GMT\r\n", CheckStatus.WARNING, "behind the server's"),
        ("Date: Thu, 01 Jan 2015 00:00:00 GMT\r\n", CheckStatus.WARNING, "ahead of the server's"),
    ],
)
def test_the_clock_is_that_of_the_servers_answers(header: str, status: CheckStatus, words: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as door:

        def answer() -> None:
            line, _ = door.accept()
            with line:
                line.recv(4096)
                line.sendall(f"HTTP/1.0 404 Not Found\r\n{header}\r\n".encode())

        thread = threading.Thread(target=answer)
        thread.start()
        place = wire.Place(
            host="127.0.0.1", port=door.getsockname()[1], path="", context=None, is_checked=True
        )
        found = wire._check_clock(place)
        thread.join()
    assert found.status is status
    assert words in found.what
