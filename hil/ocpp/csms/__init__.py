"""The embedded CSMS: a strict OCPP 1.6J central system in a process of its own, reached by URL only.

`store` keeps, `engine` answers, `server` listens, `api` is its REST face, `process` runs it and starts it for others.
"""

from __future__ import annotations

__all__: list[str] = []
