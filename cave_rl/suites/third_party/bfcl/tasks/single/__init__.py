"""BFCL-Single-*-v0: the single-turn categories. Host and Judge only.

`suite` says which entries there are, `data` reads upstream's files, `making` makes tasks of them: `functions` makes
Python functions of upstream's descriptions, `judging` has their calls judged by upstream's checker (`official`), and
`answering` finds out what to call.
"""
