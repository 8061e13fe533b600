"""Figures of recordings, one module a family. Reads recordings through sim.reading alone."""
