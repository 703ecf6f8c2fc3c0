"""`python -m cave_rl` is `cave-rl`."""

from cave_rl.cli import main

main()
