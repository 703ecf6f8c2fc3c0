"""cave-rl as a contender, and what only it can be measured by."""
