"""The OpenAPI document holds: what schemathesis makes of it is answered as it says, and never by a fault of ours."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest

from twins.station_file import find_station

schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed")
checks: Any = pytest.importorskip("schemathesis.checks")
CHECKS = ("not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance")


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The document of a station that is up, without a face to a platform, for as long as the module's tests take."""
    folder = tmp_path_factory.mktemp("up")
    text = find_station("two-outlet").read_text(encoding="utf-8")
    (folder / "alone.yaml").write_text(text[: text.index("endpoints:")], encoding="utf-8")
    (folder / "alone-day.yaml").write_text(
        "scenario: 1\ntitle: {en: Alone, zh: 独立}\nstation: alone.yaml\nstart: 2022-06-14T08:00\nduration_h: 1\n"
        "seed: 3\n",
        encoding="utf-8",
    )
    command = [sys.executable, "-m", "voltyard", "serve", "alone-day.yaml", "--port", "0", "--pace", "60x"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=folder, env=os.environ) as process:
        assert process.stderr is not None
        said = ""
        for line in process.stderr:
            said += line
            if "is up" in line:
                break
        address = re.search(r"http\S+/api/v1", said)
        assert address, said
        yield schemathesis.openapi.from_url(f"{address[0]}/openapi.json")
        process.terminate()
        process.stderr.read()
    assert process.returncode == 0, "nothing that was asked has ended it"


def test_every_answer_is_as_the_document_says(document: Any) -> None:
    operations = [found.ok() for found in document.get_all_operations()]
    operations = [one for one in operations if one.path != "/api/v1/station/stop"]
    assert len(operations) == 31
    wanted = [checks.CHECKS.get_one(name) for name in CHECKS]
    for operation in operations:

        @hypothesis.settings(max_examples=25, suppress_health_check=list(hypothesis.HealthCheck))
        @hypothesis.given(case=operation.as_strategy())
        def holds(case: Any) -> None:
            case.call_and_validate(checks=wanted)

        holds()
