"""Environment variables by an allow-list, and never a secret."""

from __future__ import annotations

import pytest

from experiment_manager.provenance.variables import capture_variables


def test_what_has_a_part_in_results_is_recorded_sorted_and_nothing_else() -> None:
    given = {
        "OMP_NUM_THREADS": "4",
        "CUDA_VISIBLE_DEVICES": "0,1",
        "PYTHONHASHSEED": "0",
        "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
        "MKL_CBWR": "COMPATIBLE",
        "SLURM_JOB_ID": "17",
        "HOME": "/home/me",
        "TF_VAR_region": "eu",
    }
    found = capture_variables(variables=given)
    assert list(found) == sorted(given.keys() - {"HOME", "TF_VAR_region"})
    assert found["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"


def test_names_and_patterns_may_be_added() -> None:
    given = {"LAB_SITE": "b", "LAB_ROOM": "2", "HOME": "/home/me", "USER": "me"}
    found = capture_variables(["LAB_*", "HOME"], given)
    assert found == {"HOME": "/home/me", "LAB_ROOM": "2", "LAB_SITE": "b"}


@pytest.mark.parametrize(
    "name", ["MKL_TOKEN", "NVIDIA_API_KEY", "LAB_PASSWORD", "JAX_SECRET", "TORCH_CREDENTIALS"]
)
def test_a_secret_is_never_recorded_whatever_allows_it(name: str) -> None:
    assert capture_variables([name, "*"], {name: "abc"}) == {}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("GH_PAT", "abc"), ("DB_PW", "abc"), ("SSHPASS", "abc"), ("HTTP_BASIC", "u:pw")),
        ("LAB_LOGIN", "ghp_" + 20 * "a"),
        ("LAB_DB", "Server=db;Uid=me;Pwd=hunter2;"),
        ("LAB_ODBC", "Pwd=hunter2;Server=db"),
        ("LAB_DATA", "https://blob.example.com/d?sv=1&sig=a1B2c3D4e5F6g7H8%3D"),
        ("LAB_ARGUMENTS", "--api_key=a1b2c3"),
    ],
)
def test_a_value_that_looks_like_a_secret_is_none_either(name: str, value: str) -> None:
    assert capture_variables(["*"], {name: value}) == {}


def test_a_login_in_a_value_is_masked() -> None:
    given = {"LAB_PROXY": "http://me:hunter2@proxy"}
    assert capture_variables(["LAB_*"], given) == {"LAB_PROXY": "http://***@proxy"}


def test_the_variables_of_the_process_are_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert capture_variables()["OMP_NUM_THREADS"] == "3"
