"""Dialogues-v0: five to forty turns over one state that the user, and the host, keep changing.

`world` has the classes of what is talked about; `tasks` has the suite. See `README.md` beside this file.
"""
