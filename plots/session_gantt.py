"""The day's cars as lanes: who waited, who was getting ready, who charged, who stood there finished, who went away."""

from __future__ import annotations

from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from plots.registry import figure
from plots.style import INK, LIMIT, MUTED, axes_in, drawable, new_figure, time_axis, title
from sim.reading import Run, SessionRow

__all__ = ["session_gantt"]

LANE_IN, LOW_LANE_IN, FEW_LANES = 0.62, 0.34, 10
MOST_LANES = 60
WIDTH_PT = 11.0 * 0.91 * 72.0


@dataclass(frozen=True, slots=True)
class Phase:
    """One part of a visit: what it is called, how it looks, and where in the lane it lies."""

    name: str
    colour: str
    hatch: str
    low: float
    height: float


WAITING = Phase("waiting", "#e69f00", "////", 0.34, 0.11)
READY = Phase("ready", "#56b4e9", "|||", -0.36, 0.62)
CHARGING = Phase("charging", "#0072b2", "", -0.36, 0.62)
DONE = Phase("done", "#c9d1d9", "\\\\\\\\", -0.36, 0.62)
BROKEN = Phase("broken", "#f0b7b0", "xxx", -0.5, 1.0)
PHASES = (WAITING, READY, CHARGING, DONE)
AWAY = {"turned_away": "v", "reneged": "X", "failed": "s"}
WORDS = {
    "en": {
        "title": "Sessions",
        "note": "{n} cars: {charged} charged, {away} turned away or gone, {failed} failed, {here} still there",
        "waiting": "Waiting", "ready": "Plugged in", "charging": "Charging (kWh)",
        "done": "Finished, still there", "turned_away": "Turned away", "reneged": "Gave up waiting", "failed": "Failed",
        "broken": "Out of order", "unserved": "Not\nserved", "nobody": "No car came",
        "left_out": "{n} more connectors are not shown",
    },
    "zh": {
        "title": "充电过程",
        "note": "共 {n} 辆：完成充电 {charged} 辆，未能进场或离开 {away} 辆，失败 {failed} 辆，仍在站内 {here} 辆",
        "waiting": "等待车位", "ready": "已插枪未充电", "charging": "充电中 (kWh)",
        "done": "已结束，仍占位", "turned_away": "满位离开", "reneged": "放弃等待", "failed": "失败",
        "broken": "停用（故障）", "unserved": "未服务", "nobody": "没有车辆到达", "left_out": "另有 {n} 个枪未显示",
    },
}  # fmt: skip


@figure("session_gantt")
def session_gantt(run: Run, lang: str = "en") -> Figure:
    """One lane a connector; each visit from arrival to departure, its energy in kWh where the bar has room."""
    words = WORDS[lang]
    sessions = list(run.sessions())
    every = sorted({_lane(s) for s in sessions if s.plugged_s is not None and s.pile})
    lanes = every[:MOST_LANES]
    unserved = [s for s in sessions if s.plugged_s is None and s.outcome in AWAY]
    rows = max(1, len(lanes) + bool(unserved) + (len(every) > len(lanes)))
    lane_in = LANE_IN if rows <= FEW_LANES else LOW_LANE_IN
    sheet_in = 1.82 + lane_in * rows
    sheet = new_figure(11.0, sheet_in)
    axes = axes_in(sheet, 0.07, 0.72 / sheet_in, 0.91, lane_in * rows / sheet_in)
    gone = sum(s.outcome in ("turned_away", "reneged") for s in sessions)
    failed = sum(s.outcome == "failed" for s in sessions)
    charged = sum(s.outcome == "charged" for s in sessions)
    here = sum(s.outcome in ("charging", "waiting") for s in sessions)
    note = words["note"].format(n=len(sessions), charged=charged, away=gone, failed=failed, here=here)
    title(axes, words["title"], note)
    end_s = run.duration_s
    axes.grid(visible=False)
    for row in range(len(lanes)):
        axes.axhspan(row - 0.5, row + 0.5, color="#f5f7f9" if row % 2 == 0 else "#ffffff", linewidth=0, zorder=0)
    known = set(run.signal_names("pile[*].connector[*].state", kind="state"))
    broken = [_out_of_order(axes, run, known, lane, row) for row, lane in enumerate(lanes)]
    for row, lane in enumerate(lanes):
        _visits(axes, [s for s in sessions if _lane(s) == lane and s.plugged_s is not None], row, end_s)
    for session in unserved:
        _marker(axes, session.outcome, session.arrived_s, float(len(lanes)))
    if not sessions:
        axes.text(0.5, 0.5, words["nobody"], transform=axes.transAxes, ha="center", va="center", color=MUTED)
    axes.set_ylim(rows - 0.5, -0.5)
    named = [drawable("-".join(map(str, lane))) for lane in lanes] + [words["unserved"]] * bool(unserved)
    axes.set_yticks(range(len(named)), named)
    axes.tick_params(axis="y", labelcolor=INK)
    if len(every) > len(lanes):
        axes.text(0.0, rows - 1, words["left_out"].format(n=len(every) - len(lanes)), va="center", color=MUTED)
    time_axis(axes, run, lang, end_s)
    _legend(axes, {s.outcome for s in sessions} & set(AWAY), any(broken), words)
    return sheet


def _lane(session: SessionRow) -> tuple[str, int]:
    return session.pile or "", session.connector or 0


def _out_of_order(axes: Axes, run: Run, known: set[str], lane: tuple[str, int], row: int) -> bool:
    """Hatch when the connector was locked out; returns whether it ever was."""
    name = f"pile[{lane[0]}].connector[{lane[1]}].state"
    if name not in known:
        return False
    states = run.states(name)
    ends = [*states.t[1:], states.t_end]
    spans = [(begin, end - begin) for begin, end, code in zip(states.t, ends, states.code, strict=True)
             if states.label(int(code)) == "faulted" and end > begin]  # fmt: skip
    if spans:
        axes.broken_barh(spans, (row + BROKEN.low, BROKEN.height), facecolor=BROKEN.colour, hatch=BROKEN.hatch,
                         edgecolor="white", linewidth=0.4, zorder=1)  # fmt: skip
    return bool(spans)


def _visits(axes: Axes, sessions: list[SessionRow], row: int, end_s: float) -> None:
    """The visits of one lane; what had not ended when the recording did is drawn to its end."""
    bars: dict[str, list[tuple[float, float]]] = {phase.name: [] for phase in PHASES}
    for session in sessions:
        left = session.left_s if session.left_s is not None else end_s
        stopped = session.stopped_s if session.stopped_s is not None else left
        started = session.started_s if session.started_s is not None else stopped
        plugged = session.plugged_s if session.plugged_s is not None else started
        knots = (session.arrived_s, plugged, started, stopped, left)
        for phase, begin, end in zip(PHASES, knots, knots[1:], strict=False):
            if end > begin:
                bars[phase.name].append((begin, end - begin))
        if session.outcome == "failed":
            _marker(axes, "failed", stopped, row - 0.05)
        _energy(axes, session.energy_true_kwh, started, stopped, row, end_s)
    for phase in PHASES:
        if bars[phase.name]:
            axes.broken_barh(bars[phase.name], (row + phase.low, phase.height), facecolor=phase.colour,
                             hatch=phase.hatch, edgecolor="white", linewidth=0.4, zorder=2)  # fmt: skip


def _energy(axes: Axes, energy_kwh: float | None, started: float, stopped: float, row: int, end_s: float) -> None:
    """Write the energy into its bar, where the bar is wider than the words."""
    if energy_kwh is None or stopped <= started:
        return
    text = f"{energy_kwh:.1f}" if energy_kwh < 9.95 else f"{energy_kwh:.0f}"
    if (stopped - started) / max(end_s, 1.0) * WIDTH_PT > 5.6 * len(text):
        axes.text((started + stopped) / 2, row - 0.05, text, color="white", ha="center", va="center", fontsize=9.5,
                  zorder=3)  # fmt: skip


def _marker(axes: Axes, outcome: str, t: float, y: float) -> None:
    axes.plot([t], [y], AWAY[outcome], color=LIMIT, markersize=8, markeredgecolor="white", zorder=4, clip_on=False)


def _legend(axes: Axes, outcomes: set[str], has_broken: bool, words: dict[str, str]) -> None:
    phases = [*PHASES, BROKEN] if has_broken else PHASES
    keys: list[object] = [Patch(facecolor=p.colour, hatch=p.hatch, edgecolor="white", label=words[p.name])
                          for p in phases]  # fmt: skip
    for outcome in sorted(outcomes):
        (mark,) = axes.plot([], [], AWAY[outcome], color=LIMIT, markersize=8, label=words[outcome])
        keys.append(mark)
    axes.legend(handles=keys, loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=len(keys), frameon=False,
                fontsize=9.5, handlelength=1.4, columnspacing=0.9, borderaxespad=0.2)  # fmt: skip
