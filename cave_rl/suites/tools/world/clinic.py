"""Doctors, slots, appointments."""

from __future__ import annotations

from typing import Any


class Clinic:
    """A slot of a doctor is free, or taken by one patient."""

    def __init__(self, doctors: dict[str, str], slots: dict[str, dict[str, Any]], patients: dict[str, str]) -> None:
        self.doctors = doctors
        self.slots = slots
        self.patients = patients
        self.notices: dict[str, list[str]] = {}

    def find_doctors(self, field: str) -> list[str]:
        """The doctors of a field, sorted."""
        return sorted(name for name, each in self.doctors.items() if each == field)

    def free_slots(self, doctor: str) -> list[dict[str, Any]]:
        """The free slots of a doctor, the earliest first: each has `slot` (an id) and `at` ("2025-05-13 09:30")."""
        found = [{"slot": k, "at": each["at"]} for k, each in self.slots.items()
                 if each["doctor"] == doctor and not each["patient"]]  # fmt: skip
        return sorted(found, key=lambda each: str(each["at"]))

    def appointments(self, doctor: str) -> list[dict[str, Any]]:
        """The taken slots of a doctor: each has `slot`, `at` and `patient`, the earliest first."""
        found = [{"slot": k, "at": each["at"], "patient": each["patient"]} for k, each in self.slots.items()
                 if each["doctor"] == doctor and each["patient"]]  # fmt: skip
        return sorted(found, key=lambda each: str(each["at"]))

    def contact_of(self, patient: str) -> str:
        """How a patient wants to be told: "mail" or "phone"."""
        return self.patients[patient]

    def take_slot(self, slot: str, patient: str) -> None:
        """Gives a free slot to a patient."""
        if self.slots[slot]["patient"] is not None or patient not in self.patients:
            raise ValueError(f"slot {slot} is taken, or there is no patient {patient!r}")
        self.slots[slot]["patient"] = patient

    def release_slot(self, slot: str) -> None:
        """Makes a taken slot free."""
        if self.slots[slot]["patient"] is None:
            raise ValueError(f"slot {slot} is free")
        self.slots[slot]["patient"] = None

    def notify(self, patient: str, by: str, at: str) -> None:
        """Tells a patient of an appointment, by "mail" or "phone"."""
        if by != self.patients[patient]:
            raise ValueError(f"{patient} cannot be reached by {by}")
        self.notices.setdefault(patient, []).append(at)
