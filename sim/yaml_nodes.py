"""YAML text into nodes that remember their lines (YAML 1.2 core schema; no tags, no merge keys, no cycles)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from sim.errors import FileProblem, FileProblems

__all__ = ["MAX_BYTES", "Node", "key_path", "parse_nodes", "read_text"]

MAX_BYTES = 1 << 20
MAX_DEPTH = 40
MAX_NODES = 200_000

_CONSTANTS = {"": None, "~": None, "null": None, "Null": None, "NULL": None} | {
    word: word.lower() == "true" for word in ("true", "True", "TRUE", "false", "False", "FALSE")
}
_SPECIAL = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_INTEGER = re.compile(r"[-+]?[0-9]{1,40}")
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]{1,16}")
_NUMBER = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]{1,9})?")
_STEP = re.compile(r"[^.\[\]]+|\[(\d+)\]")
# also U+0085, U+2028 and U+2029, which YAML takes for ends of lines and editors do not
_UNPRINTABLE = re.compile("[^\x09\x0a\x0d\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(slots=True)
class Node:
    """A scalar, a list or a mapping of nodes; `line` counts from 1 and is the key's line where there is a key."""

    line: int
    value: Any = None
    key_lines: dict[str, int] = field(default_factory=dict)
    size: int = 1  # values in it, aliases counted in full
    depth: int = 0
    file: str = ""  # where it comes from another file than what is around it

    def child(self, step: str | int) -> Node | None:
        """The node one step down, or None."""
        if isinstance(self.value, dict):
            return self.value.get(step)
        if isinstance(self.value, list) and isinstance(step, int) and 0 <= step < len(self.value):
            found: Node = self.value[step]
            return found
        return None

    def plain(self) -> Any:
        """The value as plain dicts, lists and scalars."""
        if isinstance(self.value, dict):
            return {name: node.plain() for name, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value

    def line_of(self, path: str) -> int:
        """The line of a key path such as `piles[0].evses[1].reaches`, or of its nearest ancestor that exists."""
        return self.line_at(tuple(int(match[1]) if match[1] else match[0] for match in _STEP.finditer(path)))

    def file_of(self, path: str) -> str:
        """The file that a key path stands in, where that is not the one around it; else empty."""
        node, file = self, self.file
        for match in _STEP.finditer(path):
            found = node.child(int(match[1]) if match[1] else match[0])
            if found is None:
                break
            node, file = found, found.file or file
        return file

    def line_at(self, steps: tuple[str | int, ...]) -> int:
        """As `line_of`, by steps."""
        node, line = self, self.line
        for step in steps:
            found = node.child(step)
            if found is None:
                break
            line = node.key_lines.get(step, found.line) if isinstance(step, str) else found.line
            node = found
        return line


def key_path(steps: tuple[str | int, ...]) -> str:
    """Steps as people read them: `("piles", 0, "model")` is `piles[0].model`."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps).removeprefix(".")


def read_text(path: Path) -> str:
    """The text of a file of at most 1 MiB in UTF-8; FileProblems when it cannot be read as that."""
    name = str(path)
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise FileProblems([FileProblem(name, 0, "", "no such file")]) from None
    except IsADirectoryError:
        raise FileProblems([FileProblem(name, 0, "", "this is a folder", "name a file")]) from None
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise FileProblems([FileProblem(name, 0, "", f"cannot be read ({why})")]) from None
    if len(raw) > MAX_BYTES:
        raise FileProblems([FileProblem(name, 0, "", "larger than 1 MiB", "a smaller file")])
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise FileProblems([FileProblem(name, line, "", "not UTF-8 text", "save the file as UTF-8")]) from None
    odd = _UNPRINTABLE.search(text)
    if odd:
        line = text.count("\n", 0, odd.start()) + 1
        what = f"unprintable character U+{ord(odd[0]):04X}"
        raise FileProblems([FileProblem(name, line, "", what, "plain text")])
    return text


def parse_nodes(text: str, file: str) -> Node:
    """The file's one document; FileProblems on a syntax error, a repeated key, a tag, or endless nesting."""
    import yaml

    problems: list[FileProblem] = []
    try:
        root = _Builder(file, problems).build(yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        what = " ".join(part for part in (error.context, error.problem) if part)
        right = "valid YAML: `key: value` a line, indented by spaces; quote text that holds `: ` or begins with a sign"
        line = min(mark.line, text.count("\n")) + 1 if mark else 0
        raise FileProblems([FileProblem(file, line, "", what, right)]) from None
    except yaml.YAMLError as error:
        raise FileProblems([FileProblem(file, 0, "", f"not YAML ({error})", "valid YAML")]) from None
    if problems or root is None:
        raise FileProblems(problems or [FileProblem(file, 0, "", "the file is empty", "a mapping of keys to values")])
    return root


class _Builder:
    """Nodes from parser events, without recursion; stops where a file grows or nests without end."""

    def __init__(self, file: str, problems: list[FileProblem]) -> None:
        self.file = file
        self.problems = problems
        self.anchors: dict[str, Node] = {}
        self.stack: list[tuple[Node, str | None, str | None]] = []  # open collections, the key they belong to, anchor
        self.key: str | None = None  # in the innermost mapping, the key that waits for its value

    def build(self, events: Iterable[Any]) -> Node | None:
        root: Node | None = None
        for event in events:
            kind, line = type(event).__name__, event.start_mark.line + 1
            if kind == "DocumentStartEvent" and root is not None:
                self.stop(line, "a second document begins", "one document a file")
            if getattr(event, "tag", None) not in (None, "!"):
                self.stop(line, f"tag {event.tag}", "plain values without tags")
            if kind in ("MappingEndEvent", "SequenceEndEvent"):
                done, self.key, anchor = self.stack.pop()
                root = self.place(done, anchor) or root
            elif kind in ("MappingStartEvent", "SequenceStartEvent"):
                self.open(event, Node(line, {} if kind == "MappingStartEvent" else []))
            elif kind == "ScalarEvent" and self.wants_key():
                self.take_key(event.value, line)
            elif kind == "ScalarEvent":
                node = Node(line, self.scalar(event.value, line) if event.implicit[0] else event.value)
                root = self.place(node, event.anchor) or root
            elif kind == "AliasEvent":
                if self.wants_key() or event.anchor not in self.anchors:
                    self.stop(line, f"alias *{event.anchor} has no finished anchor here", "an anchor set further up")
                root = self.place(self.anchors[event.anchor], None) or root
        return None if root is not None and root.value is None else root

    def wants_key(self) -> bool:
        return bool(self.stack) and isinstance(self.stack[-1][0].value, dict) and self.key is None

    def open(self, event: Any, node: Node) -> None:
        if self.wants_key():
            self.stop(node.line, "a list or mapping stands where a key is expected", "a word, then a colon")
        if len(self.stack) >= MAX_DEPTH:
            self.stop(node.line, f"nested more than {MAX_DEPTH} deep", "a flatter file")
        self.anchors.pop(event.anchor, None)  # until it closes, an alias to it would be a cycle
        self.stack.append((node, self.key, event.anchor))
        self.key = None

    def take_key(self, name: str, line: int) -> None:
        inside = self.stack[-1][0]
        if name in inside.key_lines:
            path = key_path(self.steps(name))
            what = f"this key stands already on line {inside.key_lines[name]}"
            self.problems.append(FileProblem(self.file, line, path, what, "each key once"))
        else:
            inside.key_lines[name] = line
        self.key = name

    def place(self, node: Node, anchor: str | None) -> Node | None:
        """Put a finished node where it belongs; the node itself when it is the root."""
        if anchor:
            self.anchors[anchor] = node
        if not self.stack:
            return node
        inside = self.stack[-1][0]
        inside.size += node.size
        if inside.size > MAX_NODES:
            self.stop(node.line, f"more than {MAX_NODES} values, aliases counted in full", "a smaller file")
        depth = len(self.stack) + node.depth
        if depth > MAX_DEPTH:
            self.stop(node.line, f"nested more than {MAX_DEPTH} deep", "a flatter file")
        inside.depth = max(inside.depth, node.depth + 1)
        if isinstance(inside.value, dict):
            inside.value.setdefault(self.key, node)
            self.key = None
        else:
            inside.value.append(node)
        return None

    def steps(self, last: str) -> tuple[str | int, ...]:
        """The steps from the root to a key of the innermost mapping."""
        found: list[str | int] = []
        for depth, (_, name, _) in enumerate(self.stack):
            if depth:
                above = self.stack[depth - 1][0].value
                found.append(len(above) if isinstance(above, list) else str(name))
        return (*found, last)

    def scalar(self, text: str, line: int) -> Any:
        """A plain scalar by the core schema: null, true/false, integers (0x too), numbers; else text."""
        if text in _CONSTANTS:
            return _CONSTANTS[text]
        if _SPECIAL.fullmatch(text):
            self.stop(line, f"{text} is no number here", "a finite number; quote it where text is meant")
        if _INTEGER.fullmatch(text):
            return int(text)
        if _HEXADECIMAL.fullmatch(text):
            return int(text, 16)
        if _NUMBER.fullmatch(text):
            value = float(text)
            if value in (float("inf"), float("-inf")):
                self.stop(line, f"{text} is beyond all numbers", "a finite number")
            return value
        return text

    def stop(self, line: int, what: str, right: str) -> NoReturn:
        raise FileProblems([*self.problems, FileProblem(self.file, line, "", what, right)])
