"""The faces: composition of a bench, command line, report."""
