"""The desks, and what is behind them: `desk` is what is hosted, `backend` says where its tools and databases are from.

Nothing here is imported in a rollout, which holds proxies; it lives in the World.
"""
