"""Secrets in files are found, and what merely speaks of them is not taken for one."""

from __future__ import annotations

import pytest

from experiment_manager.provenance.secret_files import holds_secret, is_secret_file


@pytest.mark.parametrize(
    "name",
    [
        *(".env", "conf/.env.local", "prod.env", "server.pem", "id_ed25519", ".netrc"),
        *("secrets.yaml", "Credentials.json", "gcp-credentials.json", "kaggle.json"),
    ],
)
def test_a_file_may_be_one_for_secrets_by_its_name(name: str) -> None:
    assert is_secret_file(name)


@pytest.mark.parametrize(
    "name", ["env.yaml", "environment.yml", "secrets.py", "secret_sharing.py", "tokenizer.json"]
)
def test_a_name_that_merely_resembles_is_none(name: str) -> None:
    assert not is_secret_file(name)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("env.yaml", "url: mysql+pymysql://me:hunter2@example.com/x"),
        ("env.yaml", "url: redis://:hunter2@example.com"),
        ("env.yaml", "password: hunter2"),
        ("env.yaml", "db_password: 'hunter2'"),
        ("conf.json", '{"api_key": "a1b2c3"}'),
        ("conf.toml", 'secret_key = "a1b2c3"'),
        ("conf.ini", "auth_token = a1b2c3"),
        ("login.py", 'wandb.login(API_KEY="a1b2c3")'),
        ("login.py", "PASSWORD = 'hunter2'"),
        ("login.py", "hf_" + "aB3" * 10),
        ("login.sh", "export X=ghp_" + "aB3" * 10),
        ("login.sh", "export X=AKIA" + "AB12" * 4),
        ("key", "-----BEGIN RSA PRIVATE KEY-----"),
        ("job.sh", "export SECRET_KEY=a1b2c3"),
        ("job.txt", "WANDB_API_KEY=a1b2c3"),
        ("job.slurm", "srun --export=DB_PASSWORD=hunter2 train"),
        ("Makefile", "API_KEY=a1b2c3"),
        ("urls.txt", "https://lab.blob.example.com/d?sv=1&sig=a1B2c3D4e5F6g7H8%3D"),
        ("urls.txt", "https://s3.example.com/d?X-Amz-Signature=0123456789abcdef0123"),
        ("odbc.py", "connect('Server=db;Uid=me;Pwd=hunter2;')"),
    ],
)
def test_a_secret_in_a_file_is_found(name: str, content: str) -> None:
    assert holds_secret(name, content.encode())


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("env.yaml", "url: mysql://me:${oc.env:DB_PASSWORD}@example.com/x"),
        ("env.yaml", "password: ${oc.env:DB_PASSWORD}"),
        ("env.yaml", "password:\n  from: vault"),
        ("env.yaml", "password: null\napi_key: ???\nsecret: ''"),
        ("base.yaml", "tokenizer: bert\nmax_tokens: 512\nkey: value\npad_token: <pad>"),
        ("docs.py", "mysql://user:password@host/name"),
        ("docs.py", 'connect(password="password")'),
        ("login.py", "password = os.environ['DB_PASSWORD']"),
        ("login.py", 'url = f"mysql://{user}:{password}@{host}"'),
        ("login.py", 'getpass("Password: ")'),
        (
            "job.sh",
            "export API_KEY=$(cat key)\nPASSWORD=${1}\necho 'password: '\nOLDPWD=/x PWD=/y",
        ),
        ("notes.txt", "The password: ask Ann. An api_key = needs no quotes here."),
        ("train.py", "connect(password=args.password)"),
        ("net.py", "sorted(names, key=len); half_precision_is_used_everywhere_here = True"),
        ("site.py", "https://example.com:8080/a/b@2"),
    ],
)
def test_what_refers_to_a_secret_or_resembles_one_is_none(name: str, content: str) -> None:
    assert not holds_secret(name, content.encode())
