"""The CSMS under test, in a process of its own for each test."""

from __future__ import annotations

import csv
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@dataclass(frozen=True)
class ToyCsms:
    url: str
    bills_file: Path

    def bills_wh(self) -> dict[str, int]:
        """What it has billed, by token."""
        with self.bills_file.open(encoding="utf-8", newline="") as file:
            return {row["id_tag"]: int(row["energy_wh"]) for row in csv.DictReader(file)}


@pytest.fixture
def csms(tmp_path: Path) -> Iterator[Callable[..., ToyCsms]]:
    with ExitStack() as ending:

        def start(*options: str) -> ToyCsms:
            bills = tmp_path / "bills.csv"
            command = [sys.executable, str(HERE / "toy_csms.py"), "--bills", str(bills), *options]
            process = ending.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
            ending.callback(process.terminate)
            assert process.stdout is not None
            return ToyCsms(process.stdout.readline().strip(), bills)

        yield start
