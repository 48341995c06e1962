"""The `bet-intel` command: which commands there are, and how each of them ends.

Commands are named by their import path and imported when they are called: `bet-intel devig` must not wait for the
drivers of a database. Exit codes: 0 done, 1 failed, 2 asked wrongly.
"""

import os
import signal
import sys
from collections.abc import Sequence

from cyclopts import App, CycloptsError

from bet_intel.compose.commands import STANDARD_INPUT
from bet_intel.compose.commands.errors import CommandError, UsageError

_INTERRUPTED = 128 + signal.SIGINT
_COMMANDS = "bet_intel.compose.commands"

app = App(
    name="bet-intel",
    help="Fair prices and positive expected value from the odds of many bookmakers.",
    help_epilogue="Exit codes: 0 done, 1 failed, 2 asked wrongly. All that answer a question take `--json`.",
    help_format="markdown",
    suppress_keyboard_interrupt=False,
    result_action="return_value",
)
_config = App(name="config", help="The settings of every service.")
app.command(_config)
_cluster = App(name="cluster", help="The system as many processes on this machine.")
app.command(_cluster)
_bets = App(name="bets", help="Bets that were placed, in a system that runs.")
app.command(_bets)
_accounts = App(name="accounts", help="Who has an account, in a system that runs.")
app.command(_accounts)
_keys = App(name="keys", help="API keys of accounts, in a system that runs.")
app.command(_keys)


def _examples(*lines: str) -> str:
    return "Examples:\n\n" + "\n".join(f"    {line}" for line in lines)


app.command(
    f"{_COMMANDS}.up:up_command",
    name="up",
    help="Run everything in one process on embedded engines, until Ctrl-C.",
    help_epilogue=_examples(
        "bet-intel up",
        "bet-intel up --source replay:recording.jsonl.gz --speed max --exit-at-end",
    ),
)
app.command(
    f"{_COMMANDS}.fake_odds_api:fake_odds_api_command",
    name="fake-odds-api",
    help="Serve recorded payloads over HTTP as The Odds API does, until Ctrl-C.",
    help_epilogue=_examples(
        "bet-intel fake-odds-api recording.jsonl.gz --speed 60",
        "bet-intel fake-odds-api *.json --quota 500 --fail 503:3 --fail hang",
    ),
)
app.command(
    f"{_COMMANDS}.price:price_command",
    name="price",
    help="Price a response of The Odds API v4: fair prices, and which prices on offer beat them.",
    help_epilogue=_examples(
        "bet-intel price response.json",
        "bet-intel price recording.jsonl.gz --line 12 --min-ev 0 --all",
        "curl -s 'https://…/v4/sports/soccer_epl/odds?…' | bet-intel price - --method shin --json",
    ),
)
app.command(
    f"{_COMMANDS}.devig:devig_command",
    name="devig",
    help="Remove the margin from one bookmaker's prices of a market.",
    help_epilogue=_examples(
        "bet-intel devig 2.6 2.4 4.3 --method shin",
        "bet-intel devig -110 -110",
        "bet-intel devig 1.8 2.9 3.4 5.5 --winners 2 --json",
    ),
)
app.command(
    f"{_COMMANDS}.ev:ev_command",
    name="ev",
    help="Expected value and Kelly stake of a price, given the fair probability.",
    help_epilogue=_examples(
        "bet-intel ev 2.10 --probability 0.5",
        "bet-intel ev +120 --fair-odds 2.10 --commission 0.02",
        "bet-intel ev 3.4 --probability 28% --lay --commission 0.05 --json",
        "bet-intel ev 1.95 --probability 42% --half-won 18% --kelly 50% --cap 2%",
    ),
)
app.command(
    f"{_COMMANDS}.maker:maker_command",
    name="maker",
    help="The odds to offer on an exchange, to back and to lay, for a wanted EV after commission.",
    help_epilogue=_examples(
        "bet-intel maker --probability 52% --ev 2% --commission 2%",
        "bet-intel maker --fair-odds 2.10 --ev 1% --commission 0.05 --json",
    ),
)
app.command(
    f"{_COMMANDS}.convert:convert_command",
    name="convert",
    help="Decimal odds, American odds and implied probabilities into each other.",
    help_epilogue=_examples("bet-intel convert 2.5 -110 +150 40%", "bet-intel convert 151 --from decimal --json"),
)
app.command(
    f"{_COMMANDS}.backtest:backtest_command",
    name="backtest",
    help="Score fair prices on past results or on recordings: log loss, Brier score, value bets and their CLV.",
    help_epilogue=_examples(
        "bet-intel backtest E0_*.csv --method shin",
        "bet-intel backtest *.csv --errors 0.02 --plot calibration.png",
        "bet-intel backtest recording.jsonl.gz --json",
    ),
)
app.command(
    f"{_COMMANDS}.doctor:doctor_command",
    name="doctor",
    help="Check that everything `bet-intel up` needs is there, and say how to get what is not.",
    help_epilogue=_examples("bet-intel doctor", "bet-intel doctor --port 9000 --data-dir /srv/bet-intel --json"),
)
app.command(
    f"{_COMMANDS}.tail:tail_command",
    name="tail",
    help="Show the events of a running distributed system as they are published, until Ctrl-C.",
    help_epilogue=_examples(
        "bet-intel tail --type odds.changed.v1",
        "bet-intel tail --url amqp://user:password@127.0.0.1:5672/bet-intel --json | jq .data.event",
    ),
)
_config.command(
    f"{_COMMANDS}.config:show_command",
    name="show",
    help="Show every setting, its value and where it comes from. Secrets are never shown.",
    help_epilogue=_examples("bet-intel config show", "BET_INTEL_API_POOL_SIZE=20 bet-intel config show --json"),
)
_bets.command(
    f"{_COMMANDS}.bets:import_command",
    name="import",
    help="Keep the bets of a CSV file, each matched with its event or kept with the reason why not.",
    help_epilogue=_examples("bet-intel bets import bets.csv", "bet-intel bets import slips.csv --american --json"),
)
_bets.command(f"{_COMMANDS}.bets:list_command", name="list", help="List bets with their closing line value.")
_bets.command(f"{_COMMANDS}.bets:clv_command", name="clv", help="Show the closing line value of all bets, in groups.")
_accounts.command(
    f"{_COMMANDS}.accounts:create_command",
    name="create",
    help="Make an account, and a key of it unless told not to.",
    help_epilogue=_examples(
        "bet-intel accounts create 'Example Ltd' --tier premium",
        "BET_INTEL_KEY_FILE=admin.key bet-intel accounts create reports --no-key --json",
    ),
)
_accounts.command(f"{_COMMANDS}.accounts:list_command", name="list", help="List accounts.")
_accounts.command(
    f"{_COMMANDS}.accounts:change_command",
    name="change",
    help="Give an account another tier or name.",
    help_epilogue=_examples("bet-intel accounts change 'Example Ltd' --tier basic"),
)
_accounts.command(
    f"{_COMMANDS}.accounts:delete_command",
    name="delete",
    help="Delete an account with its keys, subscriptions and bets.",
)
_accounts.command(f"{_COMMANDS}.accounts:audit_command", name="audit", help="Show what administrators did.")
_keys.command(
    f"{_COMMANDS}.keys:create_command",
    name="create",
    help="Make a key of an account: it is shown once.",
    help_epilogue=_examples("bet-intel keys create 'Example Ltd' --name laptop --scope read --days 90"),
)
_keys.command(f"{_COMMANDS}.keys:list_command", name="list", help="List the keys of an account.")
_keys.command(
    f"{_COMMANDS}.keys:rotate_command",
    name="rotate",
    help="Replace a key by a new one; the old one goes on working for a while.",
    help_epilogue=_examples("bet-intel keys rotate 'Example Ltd' KEY_ID --overlap-hours 24"),
)
_keys.command(
    f"{_COMMANDS}.keys:revoke_command", name="revoke", help="Revoke a key: every gateway refuses it within a second."
)
_cluster.command(
    f"{_COMMANDS}.cluster:up_command",
    name="up",
    help="Start every server and every process of the services on its own, from the programs of this machine.",
    help_epilogue=_examples(
        "bet-intel cluster up",
        "bet-intel cluster up --small --source replay:recording.jsonl.gz --speed max",
        "bet-intel cluster up --process ev-engine.consume=4 --process api.serve=2",
    ),
)
_cluster.command(f"{_COMMANDS}.cluster:status_command", name="status", help="Show every process of the cluster.")
_cluster.command(
    f"{_COMMANDS}.cluster:scale_command",
    name="scale",
    help="Change how many processes of a type there are.",
    help_epilogue=_examples("bet-intel cluster scale ev-engine.consume=4 notifier.worker=1"),
)
_cluster.command(
    f"{_COMMANDS}.cluster:autoscale_command",
    name="autoscale",
    help="Let the number of workers follow what waits in their queues, until Ctrl-C.",
    help_epilogue=_examples("bet-intel cluster autoscale", "bet-intel cluster autoscale notifier.worker --most 4"),
)
_cluster.command(
    f"{_COMMANDS}.cluster:promote_command",
    name="promote",
    help="Make a replica of PostgreSQL the primary, and the old primary its replica.",
)
_cluster.command(f"{_COMMANDS}.cluster:down_command", name="down", help="End the cluster; its data is removed.")


def run(arguments: Sequence[str]) -> int:
    """Run one command; returns its exit code."""
    try:
        tokens = [STANDARD_INPUT if argument == "-" else argument for argument in arguments]
        return app(tokens, exit_on_error=False, print_error=False) or 0
    except CycloptsError as error:
        return _refused(UsageError(f"{' '.join(str(error).split())} See bet-intel --help."), arguments)
    except CommandError as error:
        return _refused(error, arguments)
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has gone (`| head`). What is still in the buffer has nowhere to go either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _refused(error: CommandError, arguments: Sequence[str]) -> int:
    print(f"bet-intel: {error}", file=sys.stderr)
    if "--json" in arguments:
        from bet_intel.compose.commands.output import print_json

        print_json({"error": {"kind": error.kind, "message": str(error)}})
    return error.code


def main() -> None:
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
