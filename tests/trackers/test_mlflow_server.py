"""The MLflow server that tests run on, and how it is missed where it must be there."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError

import pytest

from experiment_manager.testing import mlflow_server as module
from experiment_manager.testing.mlflow_server import MLflowServer
from experiment_manager.testing.servers import REQUIRED, server_for_tests


@pytest.mark.parametrize(
    ("required", "outcome"),
    [("", pytest.skip.Exception), ("mlflow", pytest.fail.Exception), ("1", pytest.fail.Exception)],
)
def test_one_that_is_not_installed_skips_or_fails_and_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch, required: str, outcome: type[BaseException]
) -> None:
    monkeypatch.setenv(REQUIRED, required)
    monkeypatch.setattr(module, "distribution", _is_missing)
    with pytest.raises(outcome, match="pip install mlflow"), server_for_tests(MLflowServer):
        pass


def _is_missing(name: str) -> object:
    raise PackageNotFoundError(name)


def test_one_that_does_not_start_shows_its_log_and_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    command = ["sh", "-c", "echo no such option; exit 2"]
    monkeypatch.setattr(MLflowServer, "_command", lambda _: command)
    server = MLflowServer()
    with pytest.raises(RuntimeError, match="did not start: no such option"), server:
        pass
    assert not server.is_running
    assert server._folder is None


def test_it_is_used_in_a_with_block() -> None:
    with pytest.raises(RuntimeError, match="use MLflowServer in a with block"):
        MLflowServer().start()
