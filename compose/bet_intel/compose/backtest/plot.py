"""The calibration plot, drawn by matplotlib (extra `plot`)."""

from collections.abc import Sequence
from pathlib import Path

from bet_intel.compose.backtest.report import MarketReport


class NoPlottingLibraryError(Exception):
    """matplotlib is not installed; the message says how to get it."""


def require_library() -> None:
    """
    Raises:
        NoPlottingLibraryError: there is none.
    """
    try:
        import matplotlib.figure  # noqa: F401 - whether it is there
    except ModuleNotFoundError as error:
        raise NoPlottingLibraryError(
            "--plot needs matplotlib, which is not installed: pip install 'bet-intel[plot]'"
        ) from error


def draw(markets: Sequence[MarketReport], path: Path) -> None:
    """One panel for each kind of market: the share of outcomes that won over their fair probability. The area of a
    point goes with the number of outcomes behind it.

    Raises:
        OSError: `path` cannot be written.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6 * len(markets), 6), layout="constrained")
    panels = figure.subplots(1, len(markets), squeeze=False)[0]
    for panel, report in zip(panels, markets, strict=True):
        panel.plot([0, 1], [0, 1], color="0.7", linewidth=1)
        for one in report.calibration:
            most = max((step.outcomes for step in one.bins), default=1)
            panel.plot([step.probability for step in one.bins], [step.won for step in one.bins], linewidth=1, alpha=0.5)
            panel.scatter(
                [step.probability for step in one.bins],
                [step.won for step in one.bins],
                s=[5 + 80 * step.outcomes / most for step in one.bins],
                label=one.name,
                alpha=0.7,
            )
        panel.set(
            title=f"{report.market}, {report.markets:,} markets",
            xlabel="fair probability",
            ylabel="share that won" if report.judged_by == "result" else "consensus at the start",
            xlim=(0, 1),
            ylim=(0, 1),
            aspect="equal",
        )
        if report.calibration:
            panel.legend(frameon=False)
    figure.savefig(path, dpi=120)
