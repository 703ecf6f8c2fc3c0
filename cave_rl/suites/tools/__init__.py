"""Tools-v0: chains, loops and conditions over sets of functions whose every call is recorded.

`world` has the functions; `tasks` has the suite. See `README.md` beside this file.
"""
