"""The station: one file a thing, each a twin with signals. Knows neither sockets nor scenarios."""
