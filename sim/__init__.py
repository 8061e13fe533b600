"""The kernel: time, signals, events, faults, recording. Knows nothing of charging."""
