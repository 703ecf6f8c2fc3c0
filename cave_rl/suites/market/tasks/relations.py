"""Analyses of symbols together: correlation, joins with a table of sectors, ranking."""

# ruff: noqa: D103  (a family says what it is by its queries)

from __future__ import annotations

import random

from cave_rl.suites.market.tasks import answers
from cave_rl.suites.market.tasks.making import FRAMES, Draw, ask, family, goal, grouped, sectors_of, task, tell_apart
from cave_rl.tasks.task import Task


@family(tags=("analysis",), large=True)
def correlation(rng: random.Random, draw: Draw) -> Task:
    market, frame = draw(rng), rng.choice(FRAMES)
    (one, other), out = rng.sample(market.symbols, 2), rng.choice(("link", "correlation", "together"))
    query = rng.choice(
        (
            f"Store the correlation (Pearson) of the daily returns of {one} and {other} in {out}, as a float. The "
            f"prices are in {frame}; a return is close over previous close, less 1.",
            f"How are the daily returns (close / previous close - 1) of {one} and {other} in {frame} correlated? Put "
            f"Pearson's coefficient in {out}, as a float.",
        )
    )
    wide = (
        f"rows = {frame}[{frame}['symbol'].isin(['{one}', '{other}'])]\n"
        "wide = rows.pivot(index='date', columns='symbol', values='close')\n"
    )
    turn = ask(
        market,
        query,
        {out: goal(answers.correlation, one, other)},
        f"{wide}change = wide.pct_change()\n{out} = float(change['{one}'].corr(change['{other}']))",
        [
            f"{wide}{out} = float(wide['{one}'].corr(wide['{other}']))",
            f"{wide}change = wide.diff()\n{out} = float(change['{one}'].corr(change['{other}']))",
            f"{wide}change = wide.pct_change()\n{out} = float(change['{one}'].cov(change['{other}']))",
            f"{wide}{out} = wide.pct_change().corr()",
        ],
    )
    return task(market, frame, turn, steps=3)


@family(tags=("analysis", "join"), large=True)
def sector_volume(rng: random.Random, draw: Draw) -> Task:
    market, frame = draw(rng, symbols=(5, 9)), rng.choice(FRAMES)
    sectors, variable, setup = sectors_of(rng, market)
    out = rng.choice(("by_sector", "volumes", "sector_volume"))
    query = rng.choice(
        (
            f"Store the total volume of each sector in {out}, a dict from sector to int. The prices are in {frame}, "
            "the sectors in sectors; symbols without a sector count together under 'none'.",
            f"Join {frame} with sectors and add up the volume by sector: {out} is to be a dict from sector to int. "
            "Symbols that sectors does not list go under 'none'.",
        )
    )
    added = f"total = {grouped(frame, 'volume')}.sum()\n"
    turn = ask(
        market,
        query,
        {out: goal(answers.sector_volumes, sectors)},
        f"joined = {frame}[['symbol', 'volume']].merge(sectors, on='symbol', how='left')\n"
        f"{out} = joined.groupby(joined['sector'].fillna('none'))['volume'].sum().to_dict()",
        [
            f"joined = {frame}.merge(sectors, on='symbol')\n{out} = joined.groupby('sector')['volume'].sum().to_dict()",
            f"joined = {frame}.merge(sectors, on='symbol', how='left')\n"
            f"{out} = joined.groupby(joined['sector'].fillna('none'))['volume'].mean().to_dict()",
            f"joined = {frame}.merge(sectors, on='symbol', how='left')\n"
            f"{out} = joined.groupby(joined['sector'].fillna('other'))['volume'].sum().to_dict()",
            (
                f"{added}sectors['volume'] = sectors['symbol'].map(total)\n"
                f"{out} = sectors.groupby('sector')['volume'].sum().to_dict()\n"
                f"{out}['none'] = int(total[~total.index.isin(sectors['symbol'])].sum())",
                "sectors unchanged",
            ),
        ],
    )
    return task(market, frame, turn, steps=3, variables=[variable], setup=setup)


@family(tags=("analysis",))
def ranking(rng: random.Random, draw: Draw) -> Task:
    market, frame = draw(rng, symbols=(5, 10)), rng.choice(FRAMES)
    out = rng.choice(("ranking", "order", "ranked"))
    tell_apart(market, answers.ranking, answers.ranking_by_close, lambda quotes: sorted(quotes.symbols))
    query = rng.choice(
        (
            f"Rank the symbols of {frame} by total return (last close over first close): {out} is to be a list of "
            "symbols, the best first.",
            f"Store in {out} a list of all symbols of {frame}, from the one whose close gained most from its first day "
            "to its last (as a fraction) to the one that gained least.",
        )
    )
    start = f"closes = {grouped(frame)}\n"
    turn = ask(
        market,
        query,
        {out: goal(answers.ranking)},
        f"{start}{out} = (closes.last() / closes.first()).sort_values(ascending=False).index.tolist()",
        [
            f"{start}{out} = (closes.last() / closes.first()).sort_values().index.tolist()",
            f"{start}{out} = closes.last().sort_values(ascending=False).index.tolist()",
            f"{start}{out} = (closes.last() / closes.first()).rank(ascending=False).to_dict()",
        ],
    )
    return task(market, frame, turn, steps=3)


@family(held_out=True, tags=("analysis",))
def closest_pair(rng: random.Random, draw: Draw) -> Task:
    market, frame = draw(rng, symbols=(4, 7)), rng.choice(FRAMES)
    pair, link = rng.choice((("pair", "link"), ("twins", "correlation")))
    query = (
        f"Which two symbols of {frame} have the most correlated daily returns (close over previous close, less 1)? "
        f"Store them in {pair}, a list in alphabetical order, and their correlation in {link}, a float."
    )
    wide = f"wide = {frame}.pivot(index='date', columns='symbol', values='close')\n"
    best = (
        "names = sorted(table.columns)\n"
        "pairs = [[a, b] for i, a in enumerate(names) for b in names[i + 1:]]\n"
        f"{pair} = max(pairs, key=lambda each: table.loc[each[0], each[1]])\n"
        f"{link} = float(table.loc[{pair}[0], {pair}[1]])"
    )
    returns = f"{wide}table = wide.pct_change().corr()\n"
    turn = ask(
        market,
        query,
        {pair: goal(answers.closest_pair), link: goal(answers.closest_correlation)},
        returns + best,
        [
            (f"{wide}table = wide.corr()\n{best}", f"{link} agrees"),
            returns + best.replace("max(pairs", "min(pairs"),
            returns + best + f"\n{pair}.reverse()",
        ],
    )
    return task(market, frame, turn, steps=4)


@family(held_out=True, tags=("analysis", "join"))
def sector_leaders(rng: random.Random, draw: Draw) -> Task:
    market, frame = draw(rng, symbols=(7, 10)), rng.choice(FRAMES)
    sectors, variable, setup = sectors_of(rng, market)
    out = rng.choice(("leaders", "best"))
    tell_apart(
        market,
        lambda quotes: answers.sector_leaders(quotes, sectors),
        lambda quotes: {sectors[each]: each for each in answers.ranking(quotes) if each in sectors},
        lambda quotes: {sectors[each]: each for each in answers.ranking_by_close(quotes)[::-1] if each in sectors},
    )
    query = (
        f"For each sector of sectors, find its symbol with the best total return in {frame} (last close over first "
        f"close, less 1). Store a dict from sector to symbol in {out}."
    )
    gains = f"closes = {grouped(frame)}\ngains = (closes.last() / closes.first() - 1).rename('gain').reset_index()\n"
    joined = f"{gains}joined = gains.merge(sectors, on='symbol').sort_values('gain')\n"
    turn = ask(
        market,
        query,
        {out: goal(answers.sector_leaders, sectors)},
        f"{joined}{out} = joined.groupby('sector')['symbol'].last().to_dict()",
        [
            f"{joined}{out} = joined.groupby('sector')['symbol'].first().to_dict()",
            f"{joined.replace('closes.last() / closes.first() - 1', 'closes.last()')}"
            f"{out} = joined.groupby('sector')['symbol'].last().to_dict()",
            f"{joined}{out} = joined.groupby('sector')['gain'].max().to_dict()",
        ],
    )
    return task(market, frame, turn, steps=4, variables=[variable], setup=setup)
