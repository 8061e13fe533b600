"""Modbus: the station's devices shown to masters (servers), and real devices brought in (drivers)."""
