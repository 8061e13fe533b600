"""OCPP 1.6J: frames, schemas, one side of a connection, transport, the charge point and the embedded CSMS.

Nothing is imported here, so that each process loads only the modules it runs.
"""

from __future__ import annotations

__all__: list[str] = []
