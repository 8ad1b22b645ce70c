"""`socle`: every command of the base and of its SDK."""

from __future__ import annotations

import os
import sys

from cyclopts import App

from socle import __version__
from socle.cli.answers import tell, unreadable
from socle.standards.errors import SocleError, Unavailable

app = App(
    name="socle", version=__version__, help="La base du Ségur du numérique en santé.", version_flags=["--version"]
)

# Commands are imported when they are called, so that `socle --help` answers at once.
for place in (
    "serve:serve",
    "demo:demo",
    *(f"documents:{command}" for command in ("send", "find", "get", "replace", "mask", "delete")),
    "validate:app",
    "conformance:app",
    "cda:app",
    "ins:app",
    "sandbox:app",
    "psc:app",
    "account:app",
    "directory:app",
    "matrix:app",
    "upkeep:verify",
    "upkeep:audit",
    "upkeep:keys",
):
    module, _, command = place.partition(":")
    app.command(f"socle.cli.{place}", name=module if command == "app" else command)


app.command("socle.cli.mssante:app", name="mss")


def main() -> None:
    """Entry point: exit codes 0 done, 1 refused, 2 usage, 3 unreachable."""
    if "--install-completion" in sys.argv or "--help" in sys.argv or "-h" in sys.argv:
        app.register_install_completion_command()  # its import costs each command a twentieth of a second
    try:
        sys.exit(app(result_action="return_int_as_exit_code_else_zero"))
    except SocleError as error:
        tell(error, as_json="--json" in sys.argv)
        sys.exit(3 if isinstance(error, Unavailable) else 1)
    except BrokenPipeError:
        # Who read our answer has read enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        tell(unreadable(error), as_json="--json" in sys.argv)
        sys.exit(1)
