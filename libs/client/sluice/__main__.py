"""`python -m sluice`: the command, where its script is not on the path."""

from sluice.cli.main import main

main()
