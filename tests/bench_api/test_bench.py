"""Whole runs: the paces agree, recordings repeat, and whatever the CSMS does ends in a verdict."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from bench_api.running import replay
from hil.ocpp.connection import Connection
from hil.ocpp.csms.process import spawn
from hil.ocpp.transport import WebSocketServer
from sim.errors import UsageError
from sim.reading import Run
from tests_bench_api import Play  # type: ignore[import-not-found]
