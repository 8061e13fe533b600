"""Modules and terminals: worked examples, and every small assignment against all that are possible."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.errors import FileProblems
from sim.files import read_yaml
from twins.modules import StackConfig, assign
from twins.pile import PileCatalogue
from twins.station_file import find_station, pile_models, read_station

HUB = find_station("hub").read_text(encoding="utf-8")
CATALOGUE = (Path(find_station("hub")).parents[1] / "piles.yaml").read_text(encoding="utf-8")


def counts(at: Sequence[int], terminals: int) -> list[int]:
    return [list(at).count(terminal) for terminal in range(1, terminals + 1)]


def shared(held: list[int], wants: list[int], reaches: list[set[int]] | None = None) -> list[int]:
    """The assignment; every terminal in reach unless stated, modules in their order."""
    everywhere = [set(range(1, len(wants) + 1))] * len(held)
    return assign(held, [0, *wants], reaches or everywhere, range(len(held)))


def moves(held: Sequence[int], at: Sequence[int]) -> int:
    return sum(after not in (before, 0) for before, after in zip(held, at, strict=True))


@pytest.mark.parametrize(
    ("held", "wants", "at"),
    [
        ([0, 0, 0, 0], [3, 0], [1, 1, 1, 0]),  # nobody gets more than he can use
        ([0, 0, 0, 0], [4, 4], [1, 2, 1, 2]),
        ([1, 1, 1, 1], [4, 1], [2, 1, 1, 1]),  # the first for each before a second for any
        ([1, 1, 1, 1, 1, 2], [6, 6], [2, 2, 1, 1, 1, 2]),
        ([1, 1, 1, 2, 2], [5, 5], [1, 1, 1, 2, 2]),  # three to two is as fair as two to three
        ([1, 1, 2, 2], [2, 0], [1, 1, 0, 0]),  # an end, and nobody wants more
        ([1, 1, 2, 2], [3, 0], [1, 1, 1, 0]),
        ([1, 1, 1, 2], [1, 3], [2, 2, 1, 2]),  # what one no longer needs the other gets
        ([1, 2, 3], [1, 1, 0], [1, 2, 0]),
        ([1, 1, 2, 2], [2, 2, 1], [3, 1, 2, 2]),
        ([1, 2], [2, 2, 2], [1, 2]),  # nothing left for the third
    ],
)
def test_worked_examples_with_every_terminal_in_reach(held: list[int], wants: list[int], at: list[int]) -> None:
    assert shared(held, wants) == at


def test_a_chain_of_switchings_reaches_who_is_out_of_reach() -> None:
    # the free module reaches terminal 1 only: it goes there, and a module of terminal 1 goes on to terminal 2
    assert shared([1, 0], [1, 1], [{1, 2}, {1}]) == [2, 1]
    # terminal 3 is fed from 2, and 2 from 1
    assert shared([1, 1, 1, 2], [3, 1, 1], [{1}, {1}, {1, 2}, {2, 3}]) == [1, 1, 2, 3]
    # nobody can help terminal 2
    assert shared([1, 1], [2, 1], [{1}, {1}]) == [1, 1]


def test_those_first_in_the_order_are_moved() -> None:
    everywhere = [{1, 2}] * 3
    assert assign([1, 1, 1], [0, 3, 1], everywhere, [2, 0, 1]) == [1, 1, 2]
    assert assign([1, 1, 1], [0, 1, 0], everywhere, [1, 2, 0]) == [1, 0, 0]


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[int], list[int], list[frozenset[int]]]:
    """(held, wants, reaches) of up to four terminals and five modules."""
    terminals = draw(st.integers(1, 4))
    one = st.integers(1, terminals)
    reaches = draw(st.lists(st.frozensets(one, min_size=1), min_size=1, max_size=5))
    held = [draw(st.sampled_from([0, *sorted(reached)])) for reached in reaches]
    wants = draw(st.lists(st.sampled_from([0, 1, 2, 3, 6]), min_size=terminals, max_size=terminals))
    return held, wants, reaches


def possible(wants: list[int], reaches: list[frozenset[int]]) -> Iterator[tuple[int, ...]]:
    for at in product(*[(0, *sorted(reached)) for reached in reaches]):
        if all(count <= wanted for count, wanted in zip(counts(at, len(wants)), wants, strict=True)):
            yield at


@given(cases())
def test_no_assignment_is_fairer(case: tuple[list[int], list[int], list[frozenset[int]]]) -> None:
    """Max-min: the poorest has as much as he can have, then the next; so a first module comes before any second."""
    held, wants, reaches = case
    at = assign(held, [0, *wants], reaches, range(len(held)))
    assert tuple(at) in set(possible(wants, reaches)), "within reach, and no more than is wanted"
    assert sorted(counts(at, len(wants))) == max(sorted(counts(one, len(wants))) for one in possible(wants, reaches))
    assert assign(at, [0, *wants], reaches, range(len(held))) == at, "what is fair stays"


@given(case=cases(), data=st.data())
def test_one_change_moves_no_more_than_it_must(
    case: tuple[list[int], list[int], list[frozenset[int]]], data: st.DataObject
) -> None:
    _, wants, reaches = case
    order = data.draw(st.permutations(range(len(reaches))))
    held = assign([0] * len(reaches), [0, *wants], reaches, order)
    changed = data.draw(st.integers(0, len(wants) - 1))
    wants[changed] = data.draw(st.sampled_from([0, max(0, wants[changed] - 1), wants[changed] + 1, 6]))
    at = assign(held, [0, *wants], reaches, order)
    fairest = sorted(counts(at, len(wants)))
    ways = [one for one in possible(wants, reaches) if sorted(counts(one, len(wants))) == fairest]
    assert moves(held, at) == min(moves(held, one) for one in ways)


def _refusal(tmp_path: Path, text: str, of: type | None = None) -> list[str]:
    path = tmp_path / "file.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(FileProblems) as caught:
        read_station(path) if of is None else read_yaml(path, of)
    return [str(problem).removeprefix(f"{path}:") for problem in caught.value.problems]


def _line(text: str, words: str) -> int:
    return next(at for at, line in enumerate(text.splitlines(), 1) if words in line)


BROKEN = [
    ("[1, 2, 3, 4, 5, 6]", "[1, 2, 3, 4, 5, 13]", "reaches[0]: there is no terminal 13; 1 to 12"),
    ("[1, 2, 3, 4, 5, 6]", "[0, 2, 3, 4, 5, 6]", "reaches[0]: there is no terminal 0; 1 to 12"),
    ("        - [1, 2, 3, 4, 5, 12]\n", "", "reaches: 15 lists for 16 modules; 16 lists of terminals, or all"),
    ("module_kw: 30", "module_kw: 25", "module_kw: 25 is not known here; 20, 30 or 40"),
    ("module_kw: 30", "module_kw: 20", "modules: 16 modules of 20 kW give 320 kW, less than the rated 480 kW"),
    (
        "switching_s: 3\n      reaches:\n",
        "switching_s: 0\n      reaches:\n",
        "switching_s: 0 is out of range; at least",
    ),
]


@pytest.mark.parametrize(("old", "new", "said"), BROKEN)
def test_a_wrong_matrix_is_refused_in_the_catalogue(tmp_path: Path, old: str, new: str, said: str) -> None:
    at = next(n for n, model in enumerate(pile_models()) if model == "stack_480_12")
    found = _refusal(tmp_path, CATALOGUE.replace(old, new), PileCatalogue)
    assert any(f"models[{at}].stack.{said}" in one for one in found), found


def test_a_terminal_that_no_module_reaches_is_refused_at_its_line(tmp_path: Path) -> None:
    lists = ", ".join(["[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]"] * 16)
    stack = f"{{module_kw: 40, modules: 16, switching_s: 3, reaches: [{lists}]}}"
    text = HUB.replace("    model: stack_640_12\n", f"    model: stack_640_12\n    stack: {stack}\n")
    what = "no module can be switched to terminal 12; name 12 in the list of a module"
    assert _refusal(tmp_path, text) == [f"{_line(text, '    stack:')}: piles[0].stack.reaches: {what}"]
    gone = text.replace("11], [1", "11, 12], [1", 1)
    path = tmp_path / "good.yaml"
    path.write_text(gone, encoding="utf-8")
    read = read_station(path).value.piles[0].stack
    assert read is not None and read.matrix(12)[0] == frozenset(range(1, 13))


def test_a_stack_beside_a_model_without_one_is_refused(tmp_path: Path) -> None:
    stack = "{module_kw: 20, modules: 6, switching_s: 3}"
    public = find_station("public").read_text(encoding="utf-8")
    text = public.replace("    model: dc_120_1\n", f"    model: dc_120_1\n    stack: {stack}\n", 1)
    found = _refusal(tmp_path, text)
    assert found == [
        f"{_line(text, '    stack:')}: piles[0].stack: dc_120_1 is no split stack; leave it out, or another model"
    ]


def test_blocks_beside_a_stack_are_refused(tmp_path: Path) -> None:
    text = CATALOGUE.replace("    evse_max_kw: 250\n", "    evse_max_kw: 250\n    blocks: [" + "1, " * 11 + "1]\n")
    assert any("blocks: given beside a stack; one of the two" in one for one in _refusal(tmp_path, text, PileCatalogue))


def test_all_is_every_terminal() -> None:
    assert StackConfig(module_kw=40, modules=2, switching_s=3.0).matrix(3) == (frozenset({1, 2, 3}),) * 2
