"""Tau2-*-v0: the suites. Host and Judge only.

`suite` says which tasks there are, `data` reads upstream's files, `making` makes tasks of them, with a `customer` to
talk to or without, `judging` judges them. tau2 is needed to make a task, and not to import any of them.

>>> retail.name, retail.names("train"), telecom.names("test")
('Tau2-Retail-SingleAgent-v0', ['retail'], ['service_issue', 'mobile_data_issue', 'mms_issue'])
"""

from cave_rl.suites.third_party.tau2.tasks.suite import Tickets

__all__ = ["airline", "airline_simulated", "retail", "retail_simulated", "telecom", "telecom_full", "telecom_simulated"]

retail = Tickets("retail")
airline = Tickets("airline")
telecom = Tickets("telecom")
telecom_full = Tickets("telecom", full=True)

retail_simulated = Tickets("retail", simulated=True)
airline_simulated = Tickets("airline", simulated=True)
telecom_simulated = Tickets("telecom", simulated=True)
