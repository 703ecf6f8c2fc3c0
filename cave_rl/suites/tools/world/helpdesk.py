"""Tickets, agents, customers."""

from __future__ import annotations

from typing import Any

PRIORITIES = ("low", "normal", "high", "urgent")


class Helpdesk:
    """A ticket is open or closed, and has one agent at most."""

    def __init__(
        self, tickets: dict[str, dict[str, Any]], agents: dict[str, list[str]], customers: dict[str, dict[str, str]]
    ) -> None:
        self.tickets = tickets
        self.agents = agents
        self.customers = customers

    def find_tickets(self, status: str) -> list[str]:
        """The ids of the tickets that are "open" or "closed", sorted."""
        return sorted(name for name, each in self.tickets.items() if each["status"] == status)

    def get_ticket(self, ticket: str) -> dict[str, Any]:
        """A ticket: `customer`, `product`, `priority`, `status`, `agent` (or None), `days` (its age), `replies`."""
        found = self.tickets[ticket]
        return {**found, "replies": list(found["replies"])}

    def get_customer(self, customer: str) -> dict[str, str]:
        """A customer: `plan` ("basic" or "gold") and `country`."""
        return dict(self.customers[customer])

    def find_agents(self, product: str) -> list[str]:
        """The agents who know a product, sorted."""
        return sorted(name for name, skills in self.agents.items() if product in skills)

    def workload(self, agent: str) -> int:
        """How many open tickets an agent has."""
        if agent not in self.agents:
            raise ValueError(f"no agent {agent!r}")
        return sum(each["agent"] == agent and each["status"] == "open" for each in self.tickets.values())

    def assign(self, ticket: str, agent: str) -> None:
        """Gives an open ticket to an agent who knows its product."""
        if self._open(ticket)["product"] not in self.agents[agent]:
            raise ValueError(f"{agent} does not know {self.tickets[ticket]['product']}")
        self.tickets[ticket]["agent"] = agent

    def set_priority(self, ticket: str, priority: str) -> None:
        """Sets the priority of an open ticket: "low", "normal", "high" or "urgent"."""
        if priority not in PRIORITIES:
            raise ValueError(f"no priority {priority!r}; there are {', '.join(PRIORITIES)}")
        self._open(ticket)["priority"] = priority

    def reply(self, ticket: str, text: str) -> None:
        """Writes to the customer of an open ticket."""
        if type(text) is not str or not text:
            raise ValueError("a reply has a text")
        self._open(ticket)["replies"].append(text)

    def close_ticket(self, ticket: str) -> None:
        """Closes an open ticket. It must have been replied to."""
        if not self._open(ticket)["replies"]:
            raise ValueError(f"{ticket} was never replied to")
        self.tickets[ticket]["status"] = "closed"

    def _open(self, ticket: str) -> dict[str, Any]:
        found = self.tickets[ticket]
        if found["status"] != "open":
            raise ValueError(f"{ticket} is closed")
        return found
