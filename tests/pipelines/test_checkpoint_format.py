"""What a checkpoint's file gives back, and what it refuses to hold."""

from __future__ import annotations

import math
import pickle
import random
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiment_manager.common.common import RunStatus
from experiment_manager.common.errors import CheckpointError
from experiment_manager.common.metrics import MetricPoint
from experiment_manager.common.seeding import random_states, seed_everything, set_random_states
from experiment_manager.pipelines.checkpoint_format import (
    AUTO,
    JOBLIB,
    load_state,
    load_weights,
    state_writer,
)

CONTENT: dict[str, Any] = {
    "numbers": [1, -1, 2**63, -(2**100), 0.1, math.inf, -0.0, True, None],
    "nested": {"tuple": (1, (2, [3])), "text": "größe 🎯", "bytes": b"\0\xff", 3: "three"},
    "arrays": {
        "float": np.linspace(0, 1, 5),
        "unsigned": np.arange(6, dtype="uint32").reshape(2, 3),
        "bool": np.array([True, False]),
        "complex": np.array([1j]),
        "empty": np.empty((0, 2), "int8"),
    },
}


def write(folder: Path, content: dict[str, Any], wanted: str = AUTO) -> Path:
    suffix, writer = state_writer(content, wanted)
    path = folder / f"state{suffix}"
    writer(path)
    return path


def draw() -> tuple[float, float]:
    """From the generators that libraries share."""
    return random.random(), np.random.rand()  # noqa: NPY002


def same(left: Any, right: Any) -> bool:
    """Equality of values, types and the types of arrays; NaN equals NaN."""
    return repr(left) == repr(right) and getattr(left, "dtype", None) == getattr(
        right, "dtype", None
    )


@pytest.fixture(params=["torch", "msgpack", "joblib"])
def wanted(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each of the formats, by what leads to it."""
    if request.param == "joblib":
        return JOBLIB
    if request.param == "torch":
        request.getfixturevalue("torch")
    else:
        monkeypatch.delitem(sys.modules, "torch", raising=False)
    return AUTO


def test_everything_comes_back_as_it_went_in(tmp_path: Path, wanted: str) -> None:
    loaded = load_state(write(tmp_path, CONTENT, wanted), wanted)
    assert list(loaded) == list(CONTENT)
    assert same(loaded["numbers"], CONTENT["numbers"])
    assert same(loaded["nested"], CONTENT["nested"])
    for name, array in CONTENT["arrays"].items():
        assert same(loaded["arrays"][name], array)
        assert loaded["arrays"][name].shape == array.shape


def test_values_of_numpy_become_pythons(tmp_path: Path, wanted: str) -> None:
    if wanted == JOBLIB:
        pytest.skip("joblib keeps them as they are")
    content = {
        "double": np.float64(0.5),
        "single": np.float32(0.5),
        "count": np.int64(3),
        "zero-dimensional": np.array(2),
        "text": np.str_("a"),
        "keys": {np.int64(1): True},
    }
    loaded = load_state(write(tmp_path, content, wanted), wanted)
    plain = {"double": 0.5, "single": 0.5, "count": 3, "zero-dimensional": 2, "text": "a"}
    assert same(loaded, {**plain, "keys": {1: True}})


def test_the_random_states_go_on_from_where_they_were(tmp_path: Path, wanted: str) -> None:
    path = write(tmp_path, random_states(), wanted)
    expected = draw()
    seed_everything(1)
    set_random_states(load_state(path, wanted))
    assert draw() == expected


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
        lambda inner: st.lists(inner) | st.tuples(inner) | st.dictionaries(st.text(), inner),
        max_leaves=20,
    )
)
def test_any_plain_data_comes_back_from_msgpack(
    tmp_path_factory: pytest.TempPathFactory, value: Any
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.delitem(sys.modules, "torch", raising=False)
        path = write(tmp_path_factory.mktemp("state"), {"value": value})
    assert same(load_state(path, AUTO), {"value": value})


@pytest.mark.parametrize(
    ("content", "place"),
    [
        ({"pipeline": {"network": object()}}, "pipeline.network: a object"),
        ({"list": [1, {2}]}, r"list\[1\]: a set"),
        ({"array": np.array([object()])}, "array: a ndarray"),
        ({"status": RunStatus.FAILED}, "status: a RunStatus"),
        ({"signal": signal.SIGINT}, "signal: a Signals"),
        ({"point": MetricPoint("loss", 0.5)}, "point: a MetricPoint"),
    ],
)
def test_what_needs_pickling_is_named_with_its_place(content: dict[str, Any], place: str) -> None:
    with pytest.raises(CheckpointError, match=f"{place}.*checkpoint_format = 'joblib'"):
        state_writer(content, AUTO)


class Bomb:
    def __reduce__(self) -> Any:
        return (Path("exploded").touch, ())


def test_a_torch_file_with_code_in_it_executes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, torch: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"epoch": Bomb()}, tmp_path / "state.pt")
    with pytest.raises(CheckpointError, match="cannot be read"):
        load_state(tmp_path / "state.pt", AUTO)
    assert not Path("exploded").exists()


def test_a_joblib_file_is_read_only_where_it_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "state.joblib"
    path.write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(CheckpointError, match="could execute code"):
        load_state(path, AUTO)
    assert not Path("exploded").exists()


def test_a_file_that_is_cut_off_is_named(tmp_path: Path, wanted: str) -> None:
    path = write(tmp_path, CONTENT, wanted)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(CheckpointError, match=f"{path.name} cannot be read"):
        load_state(path, wanted)


@pytest.mark.parametrize("kind", ["state.pt", "bare.pt", "bare.safetensors"])
def test_weights_are_found_in_every_kind_of_file(tmp_path: Path, kind: str, torch: Any) -> None:
    library = pytest.importorskip("safetensors.torch")
    model, path = torch.nn.Linear(2, 1), tmp_path / kind
    if kind == "state.pt":
        content = {"epoch": 1, "random": random_states(), "network": model.state_dict()}
        state_writer(content, AUTO)[1](path)
    elif kind == "bare.pt":
        torch.save(model.state_dict(), path)
    else:
        library.save_model(model, str(path))
    other = torch.nn.Linear(2, 1)
    other.load_state_dict(load_weights(path))
    assert torch.equal(other.weight, model.weight)


@pytest.mark.usefixtures("torch")
def test_a_state_without_a_model_says_so(tmp_path: Path) -> None:
    path = write(tmp_path, {"epoch": 1, "random": {}})
    with pytest.raises(CheckpointError, match="holds no model"):
        load_weights(path)
