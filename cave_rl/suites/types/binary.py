"""bytes and bytearray."""

# ruff: noqa: D103  (a family says what it is by its queries)

from __future__ import annotations

import random
from typing import Literal

from cave_rl.suites.making import Families, single, where
from cave_rl.suites.types.drawing import BYTES, TEXTS, letters
from cave_rl.tasks.task import Task

family = Families()

_MARKED = "äöüéèñçøåß"


def _text(rng: random.Random) -> str:
    """Letters, some of which take two bytes in UTF-8."""
    return letters(rng, 3, 8) + rng.choice(_MARKED) + letters(rng, 2, 6) + rng.choice(_MARKED)


@family(tags=("bytes", "text"))
def encode_text(rng: random.Random) -> Task:
    name, text = rng.choice(TEXTS), _text(rng)
    query = rng.choice((f"Store {name}, encoded as UTF-8, in data.", f"Set data to the UTF-8 bytes of {name}."))
    return single(
        query, {name: text}, {"data": text.encode()}, f"data = {name}.encode()", f"data = {name}.encode('latin-1')",
        f"data = list({name}.encode())", f"data = bytearray({name}.encode())", f"{name} = {name}.encode()",
    )  # fmt: skip


@family(tags=("bytes",))
def append_byte(rng: random.Random) -> Task:
    name, data, byte = rng.choice(BYTES), rng.randbytes(rng.randint(6, 20)), rng.randint(10, 255)
    query = rng.choice((f"Append the byte {byte} to {name}.", f"Add one byte, of value {byte}, to the end of {name}."))
    return single(
        query, {name: data}, {name: data + bytes([byte])}, f"{name} += bytes([{byte}])", f"{name} += b'{byte}'",
        f"{name} += bytes({byte})", f"{name} = bytes([{byte}])", f"{name} = list({name}) + [{byte}]",
    )  # fmt: skip


@family(tags=("bytes", "text"))
def hex_text(rng: random.Random) -> Task:
    name, data = rng.choice(BYTES), rng.randbytes(rng.randint(6, 20))
    query = rng.choice(
        (
            f"Store {name} as hexadecimal text in code (two small digits a byte).",
            f"Set code to the hex digits of {name}, as a str.",
        )
    )
    return single(
        query, {name: data}, {"code": data.hex()}, f"code = {name}.hex()", f"code = str({name})",
        f"code = {name}.hex().encode()", f"code = {name}.hex(' ')", f"code = {name}[1:].hex()",
    )  # fmt: skip


@family(tags=("bytes", "number"))
def read_number(rng: random.Random) -> Task:
    name, size = rng.choice(BYTES), rng.choice((2, 3, 4))
    data = where(
        lambda: rng.randbytes(rng.randint(8, 16)),
        lambda data: 0 < data[0] != data[size - 1] and data[:size] != data[-size:],
    )
    order: Literal["big", "little"] = rng.choice(("big", "little"))
    other = "little" if order == "big" else "big"
    query = rng.choice(
        (
            f"Store the number in the first {size} bytes of {name} ({order}-endian, unsigned) in number.",
            f"Read the first {size} bytes of {name} as an unsigned {order}-endian int into number.",
        )
    )
    first = f"{name}[:{size}]"
    return single(
        query, {name: data}, {"number": int.from_bytes(data[:size], order)},
        f"number = int.from_bytes({first}, '{order}')", f"number = int.from_bytes({first}, '{other}')",
        f"number = int.from_bytes({name}, '{order}')", f"number = int.from_bytes({name}[-{size}:], '{order}')",
        f"number = {name}[0]", difficulty=3,
    )  # fmt: skip


@family(tags=("bytes",))
def set_byte(rng: random.Random) -> Task:
    name, data = rng.choice(("buffer", "block", "frame")), rng.randbytes(rng.randint(6, 20))
    at = rng.randint(1, len(data) - 2)
    byte = where(lambda: rng.randint(0, 255), lambda byte: byte not in data)
    after = bytearray(data)
    after[at] = byte
    query = rng.choice(
        (
            f"Set the byte at index {at} of the bytearray {name} to {byte}.",
            f"In the bytearray {name}, change index {at} to {byte}.",
        )
    )
    return single(
        query, {name: bytearray(data)}, {name: after}, f"{name}[{at}] = {byte}", f"{name}[{at - 1}] = {byte}",
        f"{name}.insert({at}, {byte})", f"{name}[{at}] = {byte}\n{name} = bytes({name})",
    )  # fmt: skip


@family(held_out=True, tags=("bytes", "text"))
def decode_bytes(rng: random.Random) -> Task:
    name, text = rng.choice(BYTES), _text(rng)
    query = rng.choice(
        (
            f"Decode {name} as UTF-8 and store the text in word.",
            f"Set word to the text that the UTF-8 bytes {name} hold.",
        )
    )
    return single(
        query, {name: text.encode()}, {"word": text}, f"word = {name}.decode()", f"word = {name}.decode('latin-1')",
        f"word = str({name})", f"word = ''.join(map(chr, {name}))", f"{name} = {name}.decode()",
    )  # fmt: skip


@family(held_out=True, tags=("bytes",))
def mask_bytes(rng: random.Random) -> Task:
    name, data, mask = rng.choice(BYTES), rng.randbytes(rng.randint(6, 20)), rng.randint(1, 254)
    query = rng.choice(
        (
            f"XOR every byte of {name} with {mask}.",
            f"Replace each byte of {name} by its XOR with {mask}; it stays bytes.",
        )
    )
    return single(
        query, {name: data}, {name: bytes(each ^ mask for each in data)},
        f"{name} = bytes(each ^ {mask} for each in {name})", f"{name} = [each ^ {mask} for each in {name}]",
        f"{name} = bytes(each ^ {mask ^ 255} for each in {name})",
        f"{name} = bytearray(each ^ {mask} for each in {name})", f"{name} = bytes([{name}[0] ^ {mask}]) + {name}[1:]",
        difficulty=2,
    )  # fmt: skip
