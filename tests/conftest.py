"""What every test needs: our packages first on the path, figures without a window, properties without a stopwatch."""

from __future__ import annotations

import os

import hypothesis

import voltyard

os.environ.setdefault("MPLBACKEND", "Agg")
hypothesis.settings.register_profile("voltyard", deadline=None, derandomize=True, print_blob=True)
hypothesis.settings.load_profile("voltyard")
voltyard.open()
