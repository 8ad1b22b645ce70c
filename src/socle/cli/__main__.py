"""`python -m socle.cli`: the same as `socle`."""

from socle.cli.main import main

main()
