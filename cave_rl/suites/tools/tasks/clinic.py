"""Tasks over doctors, slots and appointments: never trained on."""

# ruff: noqa: D103  (a family says what it is by its queries)

from __future__ import annotations

import random
from typing import Any

from cave_rl.suites.tools.tasks.asking import Domain, change, lookup
from cave_rl.suites.tools.tasks.drawing import PEOPLE, until_possible
from cave_rl.suites.tools.world.clinic import Clinic
from cave_rl.tasks.task import Task

FIELDS = ("eyes", "skin", "heart")
DOCTORS = ("Dr Abel", "Dr Bloom", "Dr Castro", "Dr Drum", "Dr Esser", "Dr Faro")
CLINIC = Domain("clinic", ("take_slot", "release_slot", "notify"))


def draw(rng: random.Random) -> Clinic:
    doctors = dict(zip(DOCTORS, rng.sample([*FIELDS, *FIELDS], 6), strict=True))
    patients = {name: rng.choice(("mail", "phone")) for name in PEOPLE}
    times = [f"2025-05-{day:02} {hour:02}:{minute:02}" for day in range(5, 26) for hour in range(8, 17)
             for minute in (0, 30)]  # fmt: skip
    numbers = rng.sample(range(100, 1000), 36)
    slots = {
        f"S{number}": {"doctor": DOCTORS[at % 6], "at": when, "patient": rng.choice([None, None, *PEOPLE[:4]])}
        for at, (number, when) in enumerate(zip(numbers, rng.sample(times, 36), strict=True))
    }
    return Clinic(doctors, slots, patients)


def _harm(rng: random.Random, clinic: Clinic) -> str:
    taken = [name for name, each in clinic.slots.items() if each["patient"]]
    patient = rng.choice(PEOPLE)
    return rng.choice((f"release_slot({rng.choice(taken)!r})", f"notify({patient!r}, contact_of({patient!r}), 'soon')"))


def earliest(rng: random.Random) -> Task:
    def make() -> Task:
        clinic = draw(rng)
        field, patient = rng.choice(FIELDS), rng.choice(PEOPLE)

        def do(f: Any) -> None:
            free = [each for doctor in f.find_doctors(field) for each in f.free_slots(doctor)]
            first = min(free, key=lambda each: str(each["at"]))
            f.take_slot(first["slot"], patient)
            f.notify(patient, f.contact_of(patient), first["at"])

        def cell(pick: str, doctors: str, by: str = f"contact_of({patient!r})") -> str:
            return (
                f"free = [s for d in {doctors} for s in free_slots(d)]\nfirst = {pick}(free, key=lambda s: s['at'])\n"
                f"take_slot(first['slot'], {patient!r})\nnotify({patient!r}, {by}, first['at'])"
            )

        right = f"find_doctors({field!r})"
        wrong = "phone" if clinic.patients[patient] == "mail" else "mail"
        return change(
            CLINIC, clinic,
            f"Give {patient} the earliest free slot of any doctor for the {field}, and notify {patient} of when it is, "
            "in the way that the patient wants.",
            do, cell("min", right), [cell("max", right), cell("min", f"{right}[:1]"), cell("min", right, repr(wrong))],
            harm=_harm(rng, clinic),
        )  # fmt: skip

    return until_possible(make)


def doctor_away(rng: random.Random) -> Task:
    def make() -> Task:
        clinic = draw(rng)
        doctor, day = rng.choice(DOCTORS), f"2025-05-{rng.randint(8, 20):02}"

        def do(f: Any) -> None:
            for each in f.appointments(doctor):
                if each["at"] < day:
                    f.release_slot(each["slot"])
                    f.notify(each["patient"], f.contact_of(each["patient"]), "cancelled")

        loop = f"for a in appointments({doctor!r}):\n    if a['at'] {{}} {day!r}:\n        {{}}"
        both = "release_slot(a['slot'])\n        notify(a['patient'], contact_of(a['patient']), 'cancelled')"
        return change(
            CLINIC, clinic,
            f"{doctor} is away until {day}: release each taken slot of {doctor} before that day, and notify its "
            "patient, in the way that the patient wants, with 'cancelled' as the time; once for each slot.",
            do, loop.format("<", both), [loop.format(">=", both), loop.format("<", "release_slot(a['slot'])"),
                                         loop.format("!=", both)],
            harm=_harm(rng, clinic),
        )  # fmt: skip

    return until_possible(make)


def move_up(rng: random.Random) -> Task:
    def make() -> Task:
        clinic = draw(rng)
        doctor = rng.choice(DOCTORS)

        def do(f: Any) -> None:
            last, first = f.appointments(doctor)[-1], f.free_slots(doctor)[0]
            if first["at"] < last["at"]:
                f.release_slot(last["slot"])
                f.take_slot(first["slot"], last["patient"])
            else:
                f.notify(last["patient"], f.contact_of(last["patient"]), last["at"])

        def cell(last: str, first: str, test: str = "first['at'] < last['at']") -> str:
            return (
                f"last = appointments({doctor!r})[{last}]\nfirst = free_slots({doctor!r})[{first}]\nif {test}:\n"
                "    release_slot(last['slot'])\n    take_slot(first['slot'], last['patient'])\n"
                "else:\n    notify(last['patient'], contact_of(last['patient']), last['at'])"
            )

        return change(
            CLINIC, clinic,
            f"Take the last appointment of {doctor}. If {doctor} has a free slot before it, move the patient to the "
            "earliest such slot; else notify the patient, in the way that the patient wants, of when it is.",
            do, cell("-1", "0"), [cell("0", "0"), cell("-1", "-1"), cell("-1", "0", "False"),
                                  cell("-1", "0").replace("    release_slot(last['slot'])\n", "")],
            harm=_harm(rng, clinic),
        )  # fmt: skip

    return until_possible(make)


def free_by_doctor(rng: random.Random) -> Task:
    def make() -> Task:
        clinic = draw(rng)
        field, name = rng.choice(FIELDS), rng.choice(("free", "open_slots", "left"))
        value = {each: len(clinic.free_slots(each)) for each in clinic.find_doctors(field)}
        cell = f"{name} = {{d: len({{}}(d)) for d in find_doctors({{}})}}".replace("{d:", "{{d:") + "}"
        return lookup(
            CLINIC, clinic,
            f"How many free slots has each doctor for the {field}? Store a dict from doctor to number in {name}.",
            name, value, cell.format("free_slots", repr(field)),
            [cell.format("appointments", repr(field)), f"{name} = {sum(value.values())}"], harm=_harm(rng, clinic),
        )  # fmt: skip

    return until_possible(make)
