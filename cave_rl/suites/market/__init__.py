"""Market-v0: questions, analyses, charts and dialogues over frames of daily prices, of a hundred to a million rows.

`world` makes the data and enters a rollout; `tasks` has the suites (`Market-v0` and, over real prices,
`MarketDaily-v0`). See `README.md` beside this file.
"""
