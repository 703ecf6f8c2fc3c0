"""What the dialogues are about. Nothing here holds an answer.

A home, a bank, a shop and a library are hosted: a rollout calls their methods, and nothing else reaches them. The
calendar is injected: it is an object like any other in the runtime, and so are its meetings. Methods that begin with an
underscore are the host's: they tell of what happens on its own.
"""
