"""Settings: flags, variables, defaults, and one clear line about a wrong one."""

import dataclasses
from collections.abc import Sequence

import pytest

from serin import __version__
from serin.controller.settings import Settings, SettingsError, flag_of, load_settings, variable_of


def test_without_anything_the_defaults_count() -> None:
    assert load_settings([], {}) == Settings()
    assert Settings().http_port == 8080
    assert Settings().query_delay == 1.0


def test_a_flag_wins_over_its_variable() -> None:
    environment = {"SERIN_WORKERS": "3", "SERIN_QUERY_DELAY": "250ms", "PATH": "/bin"}
    settings = load_settings(["--workers", "5"], environment)
    assert settings.workers == 5
    assert settings.query_delay == 0.25


def test_an_empty_variable_is_a_value() -> None:
    assert load_settings([], {"SERIN_NAMESPACE": ""}).namespace == ""
    with pytest.raises(SettingsError, match="SERIN_WORKERS is ''"):
        load_settings([], {"SERIN_WORKERS": ""})


@pytest.mark.parametrize(
    ("arguments", "environment", "said"),
    [
        (["--workers", "many"], {}, "--workers is 'many', expected a whole number from 1 to 256"),
        (["--workers=0"], {}, "--workers is '0', expected a whole number from 1 to 256"),
        ([], {"SERIN_WORKERS": "1.5"}, "SERIN_WORKERS is '1.5', expected a whole number from 1 to 256"),
        ([], {"SERIN_HTTP_PORT": "65536"}, "SERIN_HTTP_PORT is '65536', expected a whole number from 0 to 65535"),
        ([], {"SERIN_HTTP_PORT": "٣"}, "SERIN_HTTP_PORT is '٣', expected a whole number from 0 to 65535"),
        (["--query-delay", "soon"], {}, "--query-delay is 'soon', expected a duration above zero such as 1s"),
        (["--status-refresh", "0s"], {}, "--status-refresh is '0s', expected a duration above zero"),
        ([], {"SERIN_PROMETHEUS_URL": "prometheus:9090"}, "expected a URL such as http://"),
        (["--log-level", "loud"], {}, "--log-level is 'loud', expected one of debug, info, warning, error"),
        (["--log-format", "xml"], {}, "--log-format is 'xml', expected one of json, text"),
        (["--namespace", "Not_One"], {}, "--namespace is 'Not_One', expected the name of a namespace"),
        ([], {"SERIN_LEADER_ELECTION": "maybe"}, "SERIN_LEADER_ELECTION is 'maybe', expected one of on, off"),
        (
            [],
            {"SERIN_LEADER_ELECTION_NAMESPACE": "Not_One"},
            "SERIN_LEADER_ELECTION_NAMESPACE is 'Not_One', expected the name of a namespace, or nothing for that of",
        ),
        ([], {"SERIN_WORKER": "3"}, "SERIN_WORKER is not a setting of Serin: known are SERIN_AUDIT_LOG, SERIN_HTTP"),
        (["--worker", "3"], {}, "unrecognized arguments: --worker 3; --help lists all flags"),
        (["--workers"], {}, "argument --workers: expected one argument"),
        (["serve"], {}, "unrecognized arguments: serve"),
    ],
)
def test_a_wrong_setting_is_told_in_one_line(arguments: Sequence[str], environment: dict[str, str], said: str) -> None:
    with pytest.raises(SettingsError) as raised:
        load_settings(arguments, environment)
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


def test_what_kubernetes_says_about_a_service_called_serin_is_no_setting() -> None:
    environment = {
        "SERIN_SERVICE_HOST": "10.96.7.7",
        "SERIN_SERVICE_PORT": "8080",
        "SERIN_SERVICE_PORT_METRICS": "8080",
        "SERIN_PORT": "tcp://10.96.7.7:8080",
        "SERIN_PORT_8080_TCP": "tcp://10.96.7.7:8080",
        "SERIN_PORT_8080_TCP_ADDR": "10.96.7.7",
        "SERIN_OPERATOR_SERVICE_HOST": "10.96.7.8",
    }
    assert load_settings([], environment) == Settings()


def test_help_tells_every_flag_variable_and_default(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        load_settings(["--help"], {})
    assert left.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    for setting in dataclasses.fields(Settings):
        assert flag_of(setting.name) in text
        assert f"[{variable_of(setting.name)}, default: {setting.metadata['default'] or 'empty'}]" in text


def test_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        load_settings(["--version"], {})
    assert left.value.code == 0
    assert capsys.readouterr().out == f"serin {__version__}\n"
