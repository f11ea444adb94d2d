"""Secrets are told by their names, and masked in commands and URLs."""

from __future__ import annotations

import pytest

from experiment_manager.common.secret_names import is_secret_name
from experiment_manager.provenance.masking import mask_arguments, mask_logins


@pytest.mark.parametrize(
    "name",
    [
        *("TOKEN", "HF_TOKEN", "AWS_SECRET_ACCESS_KEY", "DB_PASSWORD", "PGPASSWORD", "MYSQL_PWD"),
        *("WANDB_API_KEY", "GOOGLE_APPLICATION_CREDENTIALS", "OPENAI_APIKEY", "SSH_PASSPHRASE"),
        *("--api-key", "--auth", "dbPassword", "tracker.auth_token", "MKL_TOKEN", "github_token"),
        *("COOKIE", "SENTRY_DSN", "MyKey", "x.passwd", "GH_PAT", "DB_PW", "SSHPASS", "HTTP_BASIC"),
    ],
)
def test_a_name_like_that_of_a_secret_is_one(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name",
    [
        *("tokenizer", "TOKENIZERS_PARALLELISM", "max_tokens", "keyboard", "author", "compass"),
        *("PATH", "data_path", "pattern", "pwned", "VISUAL_BASIC"),
        *("CUDA_VISIBLE_DEVICES", "PYTHONHASHSEED", "--epochs", "learning_rate"),
    ],
)
def test_a_name_that_merely_resembles_is_none(name: str) -> None:
    assert not is_secret_name(name)


@pytest.mark.parametrize(
    ("arguments", "masked"),
    [
        (["--token=abc", "lr=0.1"], ["--token=***", "lr=0.1"]),
        (["--api-key", "abc", "--epochs", "3"], ["--api-key", "***", "--epochs", "3"]),
        (["--password", "-abc"], ["--password", "***"]),
        (["+service.password=a=b c"], ["+service.password=***"]),
        (["env.database.url=mysql://u:p@h"], ["env.database.url=***"]),
        (["env.workspace=elsewhere"], ["env.workspace=***"]),
        (["--db", "mysql://u:p@h/x"], ["--db", "mysql://***@h/x"]),
        (["postgres://h/x?user=u&password=p"], ["postgres://h/x?user=u&password=***"]),
        (['{"token": "abc"}'], ['{"token": ***']),
        (["-H", "Authorization: Bearer abc"], ["-H", "Authorization: ***"]),
        (["tokenizer=bert", "max_tokens=9"], ["tokenizer=bert", "max_tokens=9"]),
        (["python", "-m", "lab.train", "a b"], ["python", "-m", "lab.train", "a b"]),
    ],
)
def test_secrets_in_a_command_are_masked(arguments: list[str], masked: list[str]) -> None:
    assert mask_arguments(arguments) == masked


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("mysql://me:hunter2@host/x", "mysql://***@host/x"),
        ("mysql://me:hunt/er@2@host/x", "mysql://***@host/x"),
        ("https://token@host/x", "https://***@host/x"),
        ("redis://:hunter2@host", "redis://***@host"),
        ("from http://a:b@one to http://c:d@two", "from http://***@one to http://***@two"),
        ("https://host/x", "https://host/x"),
        ("git@host:x.git", "git@host:x.git"),
    ],
)
def test_logins_in_urls_are_masked(text: str, masked: str) -> None:
    assert mask_logins(text) == masked
