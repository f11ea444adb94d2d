"""TensorBoard's event files: protocol buffers in the frames of a TFRecord file."""

from __future__ import annotations

import os
import socket
import struct
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from types import ModuleType
from typing import Any

from experiment_manager.common.imports import require

PREFIX = "events.out.tfevents."
_HEAD_BYTES = 12  # of a frame: the length of its content, and the checksum of that
_TAIL_BYTES = 4  # the checksum of the content


def import_tensorboardx() -> ModuleType:
    """The package tensorboardX, and its modules that are used here.

    Raises:
        MissingDependencyError: It is not installed.
    """
    switch = "CRC32C_SW_MODE"  # the package sets it, for every program that is started later
    was_set = switch in os.environ
    package = require("tensorboardX", "tensorboard", "The tensorboard tracker")
    require("tensorboardX.proto.plugin_hparams_pb2", "tensorboard", "The tensorboard tracker")
    if not was_set:
        os.environ.pop(switch, None)
    return package


def read_events(path: Path, tensorboardx: ModuleType) -> Iterator[Any]:
    """The events of a file; a last one that was cut off by a crash is left out."""
    content = path.read_bytes()
    end = 0
    while len(content) - end > _HEAD_BYTES:
        start = end + _HEAD_BYTES
        length = int.from_bytes(content[end : end + 8], "little")
        end = start + length + _TAIL_BYTES
        if end <= len(content):
            yield tensorboardx.proto.event_pb2.Event.FromString(content[start : start + length])


def events_until(epoch: int, files: Iterable[Path], tensorboardx: ModuleType) -> Iterator[Any]:
    """What was recorded up to the end of an epoch; all of it if a crash cut the epoch's end off.

    Args:
        epoch: Index of the last epoch that is wanted.
        files: Event files in the order of their writing.
        tensorboardx: The package.
    """
    checkpoint = tensorboardx.proto.event_pb2.SessionLog.CHECKPOINT
    for event in chain.from_iterable(read_events(file, tensorboardx) for file in files):
        ends_epoch = event.session_log.status == checkpoint
        if ends_epoch or event.HasField("summary"):
            yield event
        if ends_epoch and event.step == epoch:
            return


class EventFile:
    """A new event file; what was written is in the hands of the operating system at once.

    tensorboardX's own writer leaves that to a thread, and cannot tell when it is done.

    Args:
        folder: Where it shall lie; is made where it is missing.
        tensorboardx: The package.
    """

    def __init__(self, folder: Path, tensorboardx: ModuleType) -> None:
        self._tensorboardx = tensorboardx
        folder.mkdir(parents=True, exist_ok=True)
        # TensorBoard reads the files of a folder in the order of their names.
        path = folder / f"{PREFIX}{time.time_ns()}.{socket.gethostname()}"
        self._file = path.open("xb", buffering=0)
        self._write(file_version="brain.Event:2")
        # A TensorBoard that shows an earlier attempt forgets its points here.
        self._write(session_log={"status": "START"})

    def write_scalars(self, values: Mapping[str, float], step: int) -> None:
        """Numbers by their tags."""
        if values:
            tagged = [{"tag": tag, "simple_value": value} for tag, value in values.items()]
            self._write(step=step, summary={"value": tagged})

    def write_table(self, tag: str, rows: Sequence[Sequence[str]], step: int) -> None:
        """A table among the texts; the first row is its head."""
        head, *body = (f"| {' | '.join(row)} |" for row in rows)
        table = "\n".join([head, f"|{'---|' * len(rows[0])}", *body])
        self._write(step=step, summary=self._tensorboardx.summary.text(tag, table))

    def write_parameters(self, params: Mapping[str, Any], *, is_success: bool) -> None:
        """The parameters of a run that has ended, for the table of hyperparameters."""
        status = "STATUS_SUCCESS" if is_success else "STATUS_FAILURE"
        values = {name: _parameter(value) for name, value in params.items()}
        self._write_session("session_start_info", {"hparams": values})
        self._write_session("session_end_info", {"status": status})

    def mark_end_of(self, epoch: int) -> None:
        """Everything of this epoch, and of those before, has been written."""
        self._write(step=epoch, session_log={"status": "CHECKPOINT"})

    def copy(self, events: Iterable[Any]) -> None:
        """Append events of another file as they are."""
        for event in events:
            self._append(event.SerializeToString())

    def flush(self) -> None:
        """Have everything survive a crash of the machine."""
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Nothing more will come."""
        self._file.close()

    def _write_session(self, tag: str, info: Mapping[str, Any]) -> None:
        plugin_data = self._tensorboardx.proto.plugin_hparams_pb2.HParamsPluginData(**{tag: info})
        data = {"plugin_name": "hparams", "content": plugin_data.SerializeToString()}
        value = {"tag": f"_hparams_/{tag}", "metadata": {"plugin_data": data}}
        self._write(summary={"value": [value]})

    def _write(self, **content: Any) -> None:
        event = self._tensorboardx.proto.event_pb2.Event(wall_time=time.time(), **content)
        self._append(event.SerializeToString())

    def _append(self, data: bytes) -> None:
        checksum = self._tensorboardx.record_writer.masked_crc32c
        length = struct.pack("<Q", len(data))
        head_check, data_check = (struct.pack("<I", checksum(p)) for p in (length, data))
        self._file.write(length + head_check + data + data_check)


def _parameter(value: Any) -> dict[str, Any]:
    """The value as a field of the protocol buffer ``Value``."""
    if isinstance(value, bool):
        return {"bool_value": value}
    if isinstance(value, (int, float)):
        return {"number_value": value}
    return {"string_value": str(value)}
