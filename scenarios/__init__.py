"""The drill: files from people, the runner, expectations and verdicts. Opens no socket."""
