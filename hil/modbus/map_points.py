"""Points of register maps as files: what a register shows, in which type and scale, and what writing it asks for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from hil.modbus.map_codes import check_values, check_words
from hil.modbus.values import KINDS
from sim.events import Scalar
from sim.files import ID_PATTERN, Misfit, key

__all__ = ["CoilPoint", "DeedCall", "Flag", "Point", "RegisterPoint", "WriteConfig"]

_PATH = "Path of a quantity, from the device on; with a leading / from the station on."


@dataclass(frozen=True, slots=True, kw_only=True)
class DeedCall:
    """One deed to ask for."""

    do: str = field(metadata=key("The deed.", count=(1, 100)))
    args: Mapping[str, Scalar] = field(default_factory=dict, metadata=key("Its arguments, by name."))
    target: str = field(default="", metadata=key("Path of who is asked, from the device on; left out, the device."))


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteConfig:
    """What a written value asks for: one deed with the value as an argument, or a deed for each value."""

    do: str = field(default="", metadata=key("The deed."))
    argument: str = field(default="", metadata=key("Its argument that the value is.", name="with"))
    args: Mapping[str, Scalar] = field(default_factory=dict, metadata=key("Its other arguments, by name."))
    target: str = field(default="", metadata=key("Path of who is asked, from the device on; left out, the device."))
    codes: Mapping[str, DeedCall] = field(default_factory=dict, metadata=key("By value written, what to ask for."))

    def __post_init__(self) -> None:
        """Refuse neither or both, and words that stand for nothing."""
        if bool(self.do) is bool(self.codes):
            raise Misfit("do", "given beside codes" if self.do else "missing", "a deed, or `codes` with deeds")
        if self.do and not self.argument:
            raise Misfit("with", "missing", "the argument that the value is; `codes` for a deed that takes none")
        if self.codes and (self.argument or self.args or self.target):
            raise Misfit("codes", "given beside with, args or target", "args and target with each deed")
        check_values(self.codes)

    @property
    def calls(self) -> Iterator[tuple[str, DeedCall]]:
        """(key path, deed) of all that it may ask for."""
        if self.do:
            yield "", DeedCall(do=self.do, args=self.args, target=self.target)
        for word, call in self.codes.items():
            yield f".codes.{word}", call

    def by_value(self) -> dict[int, DeedCall]:
        """Its codes, by the value that is written."""
        return {int(word, 0): call for word, call in self.codes.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """One bit of a register."""

    bit: int = field(metadata=key("Which, from 0, the lowest.", low=0, high=63))
    of: str = field(metadata=key(_PATH, count=(1, 200)))
    words: tuple[str | float, ...] = field(
        default=(), metadata=key("Words or numbers at which it is 1; left out, any number but 0.", name="is")
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterPoint:
    """One value of one or more registers: of a quantity, constant, of bits; or with `absent` alone, never there."""

    at: int = field(metadata=key("Address of its first register, as on the wire, from 0.", low=0, high=65_535))
    name: str = field(metadata=key("Its name in the device's papers.", pattern=ID_PATTERN))
    type: Literal["u16", "s16", "u32", "s32", "u64", "s64", "f32", "f64", "text"] = field(metadata=key("Its type."))
    registers: int = field(default=0, metadata=key("Of a text: how many registers.", low=0, high=125))
    of: str = field(default="", metadata=key(_PATH))
    scale: float = field(default=1.0, metadata=key("It shows the quantity times this, plus `add`."))
    scale_by: str = field(
        default="",
        metadata=key(
            "Name of the constant point whose power of ten it is in; a master goes by what the device has there."
        ),
    )
    add: float = field(default=0.0, metadata=key("What is added to that."))
    codes: Mapping[str, int | str] = field(
        default_factory=dict, metadata=key("What it shows for a word of a state or a number; a text shows texts.")
    )
    absent: int | None = field(
        default=None, metadata=key("Its bits while there is nothing to read; by default NaN, 0x8000, 0xFFFF.", low=0)
    )
    most: int | None = field(
        default=None, metadata=key("The highest number it shows of a quantity; what is more reads so.", low=1)
    )
    constant: float | None = field(default=None, metadata=key("It always shows this number."))
    text: str | None = field(default=None, metadata=key("It always shows this text."))
    bits: tuple[Flag, ...] = field(default=(), metadata=key("What each of its bits shows.", count=(0, 64)))
    write: WriteConfig | None = field(default=None, metadata=key("What writing it asks for; left out, nobody may."))

    def __post_init__(self) -> None:
        """Refuse what it cannot show, in this type or at all."""
        kind = KINDS.get(self.type)
        given = {"of": bool(self.of), "constant": self.constant is not None, "text": self.text is not None}
        shown = [name for name, is_given in (given | {"bits": bool(self.bits)}).items() if is_given]
        if len(shown) > 1:
            raise Misfit(shown[1], f"given beside {shown[0]}", "one of the two")
        if not shown and self.absent is None and self.write is None:
            right = "`of` a quantity, `constant`, `text`, `bits` or `write`; `absent` alone for what the device lacks"
            raise Misfit("of", "missing", right)
        if self.codes and not self.of:
            raise Misfit("codes", "given without a quantity", "`of` with its path")
        check_words(self.codes)
        if self.scale == 0.0:
            raise Misfit("scale", "0", "another number: 10 where a register counts tenths")
        if kind is None:
            self._check_text()
            return
        if self.registers:
            raise Misfit("registers", f"given with {self.type}, which has {kind.registers}", "leave it out")
        if self.text is not None:
            raise Misfit("text", f"{self.type} shows no text", "type: text")
        if self.constant is not None and not self._fits(self.constant):
            raise Misfit("constant", f"{self.constant:g} does not fit", f"{kind.low:g} to {kind.high:g}")
        if self.absent is not None and self.absent >> 16 * kind.registers:
            raise Misfit("absent", f"{self.absent:#x} does not fit {self.type}", f"{4 * kind.registers} digits of hex")
        if self.most is not None and (not self.of or self.codes):
            raise Misfit("most", "given without a quantity that is shown as a number", "`of` with its path, no `codes`")
        if self.most is not None and not self._fits(self.most):
            raise Misfit("most", f"{self.most} does not fit", f"up to {kind.high:g}")
        self._check_codes()
        self._check_bits()

    @property
    def size(self) -> int:
        """How many registers it takes."""
        return self.registers or KINDS[self.type].registers

    @property
    def is_readable(self) -> bool:
        """Whether it shows anything; else it can only be written."""
        always = (self.constant, self.text, self.absent)
        return bool(self.of or self.bits) or any(value is not None for value in always)

    @property
    def quantities(self) -> Iterator[tuple[str, str]]:
        """(key path, path) of all that it reads."""
        if self.of:
            yield "of", self.of
        for at, flag in enumerate(self.bits):
            yield f"bits[{at}].of", flag.of

    def _fits(self, value: float) -> bool:
        kind = KINDS[self.type]
        return kind.low <= value <= kind.high and (kind.is_float or value == int(value))

    def _check_text(self) -> None:
        if not self.registers:
            raise Misfit("registers", "missing", "how many registers the text has")
        texts = {"text": self.text or ""} | {f"codes.{word}": text for word, text in self.codes.items()}
        for path, text in texts.items():
            if not isinstance(text, str):
                raise Misfit(path, f"{text} is no text", f'"{text}" in quotes')
            if len(text.encode()) > 2 * self.registers:
                what = f"{text!r} has {len(text.encode())} bytes"
                raise Misfit(path, what, f"at most {2 * self.registers} in {self.registers} registers")
        if self.of and not self.codes:
            raise Misfit("codes", "missing", "what the text is for each word of the state")
        for name in ("constant", "bits", "write", "absent", "most"):
            if getattr(self, name) not in (None, ()):
                raise Misfit(name, "given with a text", "a type of numbers")

    def _check_codes(self) -> None:
        for word, code in self.codes.items():
            if isinstance(code, str):
                raise Misfit(f"codes.{word}", f"{code!r} is no number", f"a number of {self.type}; or type: text")
            if not self._fits(code):
                kind = KINDS[self.type]
                raise Misfit(f"codes.{word}", f"{code} does not fit", f"{kind.low:g} to {kind.high:g}")

    def _check_bits(self) -> None:
        if self.bits and self.type[0] != "u":
            raise Misfit("bits", f"given with {self.type}", "u16, u32 or u64")
        for at, flag in enumerate(self.bits):
            if flag.bit >= 16 * self.size:
                raise Misfit(f"bits[{at}].bit", f"{self.type} has no bit {flag.bit}", f"0 to {16 * self.size - 1}")
            if flag.bit in [other.bit for other in self.bits[:at]]:
                raise Misfit(f"bits[{at}].bit", f"bit {flag.bit} is told already", "each bit once")


@dataclass(frozen=True, slots=True, kw_only=True)
class CoilPoint:
    """One coil or discrete input."""

    at: int = field(metadata=key("Its address, as on the wire, from 0.", low=0, high=65_535))
    name: str = field(metadata=key("Its name in the device's papers.", pattern=ID_PATTERN))
    of: str = field(default="", metadata=key(_PATH))
    words: tuple[str | float, ...] = field(
        default=(), metadata=key("Words or numbers at which it is 1; left out, any number but 0.", name="is")
    )
    constant: int | None = field(default=None, metadata=key("It always shows this.", low=0, high=1))
    write: WriteConfig | None = field(default=None, metadata=key("What writing it asks for; left out, nobody may."))

    def __post_init__(self) -> None:
        """Refuse one that shows nothing and takes nothing."""
        if self.of and self.constant is not None:
            raise Misfit("constant", "given beside of", "one of the two")
        if not self.of and self.constant is None and self.write is None:
            raise Misfit("of", "missing", "`of` a quantity, `constant` or `write`")
        if self.words and not self.of:
            raise Misfit("is", "given without a quantity", "`of` with its path")
        for word in self.write.codes if self.write is not None else ():
            if int(word, 0) not in (0, 1):
                raise Misfit(f"write.codes.{word}", "a coil is 0 or 1", "0 or 1")

    @property
    def size(self) -> int:
        """It takes one address."""
        return 1

    @property
    def is_readable(self) -> bool:
        """Whether it shows anything; else it can only be written."""
        return bool(self.of) or self.constant is not None

    @property
    def quantities(self) -> Iterator[tuple[str, str]]:
        """(key path, path) of what it reads."""
        if self.of:
            yield "of", self.of


Point = RegisterPoint | CoilPoint
"""Whatever has an address."""
