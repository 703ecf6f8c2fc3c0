"""A suite over a live sqlite database, in one file: python examples/ledger.py.

The runtime holds an open connection; cells run SQL in transactions, against constraints. What comes back of it
is a claim of its pages (`SqliteClaim`), which the judge opens as a copy and reads. A claim shows what the connection
sees, so a change that was never committed is in it: the second turn's host event rolls back, and what is left counts.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

import gymnasium as gym

import cave_rl
from cave_rl import NearMiss, Suite, Task, Turn, Variable

SCHEMA = (
    "CREATE TABLE accounts (owner TEXT PRIMARY KEY, cents INTEGER NOT NULL CHECK (cents >= 0))",
    "CREATE TABLE transfers (id INTEGER PRIMARY KEY, source TEXT NOT NULL REFERENCES accounts,"
    " target TEXT NOT NULL REFERENCES accounts, cents INTEGER NOT NULL CHECK (cents > 0), CHECK (source <> target))",
)
OWNERS = ("ada", "bo", "cleo", "dev", "eva", "finn")
ABOUT = "db is an open sqlite3 connection with accounts(owner, cents) and transfers(id, source, target, cents)."

Transfer = tuple[str, str, int]

suite = Suite("Ledger-v0", description="accounts and transfers in a sqlite database")


def opened(accounts: dict[str, int], transfers: list[Transfer]) -> str:
    """The set-up, as source: makes `db`."""
    return "\n".join(
        [
            "import sqlite3",
            "db = sqlite3.connect(':memory:')",
            "db.execute('PRAGMA foreign_keys = ON')",
            *(f"db.execute({statement!r})" for statement in SCHEMA),
            f"db.executemany('INSERT INTO accounts VALUES (?, ?)', {list(accounts.items())!r})",
            f"db.executemany('INSERT INTO transfers VALUES (NULL, ?, ?, ?)', {transfers!r})",
            "db.commit()",
        ]
    )


def read(claim) -> tuple[dict[str, int], list[Transfer]]:
    """The accounts and transfers of a claimed connection. What this raises fails the asserts after it.

    A view may be called `accounts`, and a constraint be gone: nothing is believed but tables as they were made.
    """
    db = claim.connect()
    made = [sql for (sql,) in db.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name")]
    if made != list(SCHEMA):
        raise ValueError(f"the schema was changed to {made}")
    if (
        db.execute("PRAGMA integrity_check").fetchall() != [("ok",)]
        or db.execute("PRAGMA foreign_key_check").fetchall()
    ):
        raise ValueError("the tables break their constraints")
    accounts = dict(db.execute("SELECT owner, cents FROM accounts"))
    return accounts, db.execute("SELECT source, target, cents FROM transfers ORDER BY id").fetchall()


def book(accounts: dict[str, int], batch: list[Transfer]) -> dict[str, int] | None:
    """The accounts after a batch, or None if it breaks a constraint."""
    after = dict(accounts)
    for source, target, cents in batch:
        if target not in after or after[source] < cents:
            return None
        after[source] -= cents
        after[target] += cents
    return after


def draw_accounts(rng: random.Random) -> dict[str, int]:
    """Four owners with some money."""
    return {owner: rng.randrange(200, 900) for owner in rng.sample(OWNERS, 4)}


def draw_transfer(rng: random.Random, owners: list[str], most: int) -> Transfer:
    """A transfer between two owners."""
    source, target = rng.sample(owners, 2)
    return source, target, rng.randrange(10, most)


BOOK = """
refused = []
for number, batch in enumerate(batches):
    try:
        with db:
            for source, target, cents in batch:
                db.execute("UPDATE accounts SET cents = cents - ? WHERE owner = ?", (cents, source))
                db.execute("UPDATE accounts SET cents = cents + ? WHERE owner = ?", (cents, target))
                db.execute("INSERT INTO transfers VALUES (NULL, ?, ?, ?)", (source, target, cents))
    except sqlite3.IntegrityError:
        refused.append(number)
"""


@suite.family(tags=("transaction", "dialogue"))
def book_batches(rng: random.Random) -> Task:
    """Books batches, each all or nothing; then the connection is reset, and what was committed is asked for."""
    while True:
        start = draw_accounts(rng)
        batches = [[draw_transfer(rng, list(start), 500) for _ in range(rng.randint(2, 3))] for _ in range(4)]
        if rng.random() < 0.5:
            batches[rng.randrange(4)][-1] = (next(iter(start)), "nobody", 10)
        accounts, booked, refused, halfway = start, [], [], False
        for number, batch in enumerate(batches):
            after = book(accounts, batch)
            if after is None:
                refused.append(number)
                halfway = halfway or book(accounts, batch[:1]) is not None
            else:
                accounts, booked = after, booked + batch
        if halfway and len(refused) < 3:  # one that fails only after its first transfer, and two that are booked
            break

    def all_or_nothing(state):
        found, transfers = read(state.db)
        assert found == accounts, "balances"
        assert transfers == booked, "transfers"
        assert state.refused == refused, "refused"

    def committed(state):
        found, transfers = read(state.db)
        assert found == accounts, "balances are committed"
        assert transfers == booked, "transfers are committed"
        assert state.balances == accounts, "balances are told"

    return Task(
        modules=["sqlite3"],
        setup=opened(start, []),
        variables=[Variable("batches", batches, "batches of transfers: (source, target, cents)")],
        turns=[
            Turn(
                f"{ABOUT} Book each of batches in turn, wholly or, if it breaks a constraint, not at all. A transfer "
                "changes both balances and is a row of transfers. Put the numbers of the batches that could not be "
                "booked, from 0, in a list refused.",
                all_or_nothing,
                changes=["db"],
                gold=BOOK,
                near_misses=[
                    NearMiss(BOOK.replace("with db:", "if True:") + "db.commit()", fails="balances"),  # half a batch
                    NearMiss(BOOK.replace("except", "    break\n    except"), fails="transfers"),  # stops early
                    NearMiss(  # constraints off
                        "db.execute('PRAGMA ignore_check_constraints = ON')\n"
                        f"db.execute('PRAGMA foreign_keys = OFF')\n{BOOK}",
                        fails="balances",
                    ),
                    NearMiss(f"refused = {refused}", fails="balances"),  # told, not done
                ],
            ),
            Turn(
                "The connection was reset. Put what each owner has now in a dict balances.",
                committed,
                event="db.rollback()",
                gold="balances = dict(db.execute('SELECT owner, cents FROM accounts'))",
                near_misses=[
                    NearMiss("balances = {owner: 0 for (owner,) in db.execute('SELECT owner FROM accounts')}"),
                    NearMiss(
                        "balances = dict(db.execute('SELECT owner, cents FROM accounts'))\n"
                        "with db:\n    db.execute('DELETE FROM transfers')",
                        fails="db unchanged",
                    ),
                ],
            ),
        ],
    )


@suite.family(tags=("constraint",))
def merge_accounts(rng: random.Random) -> Task:
    """Makes one account of two. No transfer may name an account that is gone, nor one account twice."""
    start = draw_accounts(rng)
    gone, kept, *_ = owners = list(start)
    transfers = [draw_transfer(rng, owners, 200) for _ in range(6)] + [(gone, kept, 25), (owners[2], gone, 40)]
    rng.shuffle(transfers)
    accounts = {owner: cents for owner, cents in start.items() if owner != gone}
    accounts[kept] += start[gone]
    renamed = [tuple(kept if each == gone else each for each in transfer) for transfer in transfers]
    left = [transfer for transfer in renamed if transfer[0] != transfer[1]]

    def merged(state):
        found, said = read(state.db)
        assert found == accounts, "accounts"
        assert said == left, "transfers"

    gold = (
        "with db:\n"
        f"    pair = {(gone, kept)!r}\n"
        "    db.execute('DELETE FROM transfers WHERE source IN (?, ?) AND target IN (?, ?)', pair * 2)\n"
        "    for side in ('source', 'target'):\n"
        "        db.execute(f'UPDATE transfers SET {side} = ? WHERE {side} = ?', pair[::-1])\n"
        "    (cents,) = db.execute('SELECT cents FROM accounts WHERE owner = ?', pair[:1]).fetchone()\n"
        "    db.execute('UPDATE accounts SET cents = cents + ? WHERE owner = ?', (cents, pair[1]))\n"
        "    db.execute('DELETE FROM accounts WHERE owner = ?', pair[:1])"
    )
    return Task(
        modules=["sqlite3"],
        setup=opened(start, transfers),
        turns=[
            Turn(
                f"{ABOUT} Merge account {gone} into {kept}: {kept} gets its cents and its place in all transfers, "
                f"transfers between the two are deleted, and the account {gone} is deleted.",
                merged,
                changes=["db"],
                gold=gold,
                near_misses=[
                    NearMiss(gold.rpartition("\n")[0], fails="accounts"),  # the account is still there
                    NearMiss(gold.replace("AND target IN (?, ?)", "OR target IN (?, ?)"), fails="transfers"),
                    NearMiss(  # a view that shows what is wanted
                        f"{gold}\nwith db:\n    db.execute('ALTER TABLE accounts RENAME TO real')\n"
                        "    db.execute('CREATE VIEW accounts AS SELECT * FROM real')",
                        fails="accounts",
                    ),
                ],
            )
        ],
    )


@suite.family(held_out=True)
def largest_receiver(rng: random.Random) -> Task:
    """Only reads: the database is asserted to be what it was, so it is none of `changes`."""
    while True:
        accounts = draw_accounts(rng)
        transfers = [draw_transfer(rng, list(accounts), 200) for _ in range(8)]
        received = {owner: sum(cents for _, target, cents in transfers if target == owner) for owner in accounts}
        most = max(received.values())
        if list(received.values()).count(most) == 1:
            break
    (top,) = (owner for owner, cents in received.items() if cents == most)

    def told(state):
        assert state.top == top, "the owner"
        assert read(state.db) == (accounts, transfers), "the database is as it was"

    sql = "SELECT target FROM transfers GROUP BY target ORDER BY sum(cents) DESC"
    return Task(
        modules=["sqlite3"],
        setup=opened(accounts, transfers),
        turns=[
            Turn(
                f"{ABOUT} Put the owner who received the most cents by transfers in top.",
                told,
                gold=f"(top,) = db.execute({sql!r}).fetchone()",
                near_misses=[
                    NearMiss(f"(top,) = db.execute({sql.replace('DESC', 'ASC')!r}).fetchone()", fails="the owner"),
                    NearMiss(
                        f"(top,) = db.execute({sql!r}).fetchone()\nwith db:\n    db.execute('DELETE FROM transfers')",
                        fails="db unchanged",
                    ),
                ],
            )
        ],
    )


def gold(env: gym.Env) -> Iterator[str]:
    """The messages that solve an episode."""
    for turn in env.unwrapped.episode.task.turns:
        yield f"```python\n{turn.gold[0]}\n```"
        yield "Done."


def main() -> None:
    """Plays a task of each family by its gold."""
    cave_rl.register(suite)
    for split in ("train", "heldout"):
        env = gym.make("cave_rl/Ledger-v0", split=split)
        for family in suite.names(split):
            env.reset(seed=0, options={"family": family})
            total = 0.0
            for message in gold(env):
                _, reward, _, _, info = env.step(message)
                total += reward
            print(f"{family}: reward {total:g}, solved {info['solved']}")
            assert info["solved"]
        env.close()


if __name__ == "__main__":
    main()
