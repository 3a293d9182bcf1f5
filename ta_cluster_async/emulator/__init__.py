"""A TA server for tests, demos and CI, on a loopback port of this process.

    async with Emulator() as em:
        async with TaSession(em.url, em.token) as ta: ...

It behaves as the specification's server: 14 paths, exact envelopes, computations that take their time in a queue, and user counts that
come from evaluating the definitions over an events and a users table. It keeps what it saw (`em.requests`) and what it applied
(`em.effects`), and does wrong on request (`em.faults.add(Fault.reset())`).
"""

from .answers import JsonValue
from .clock import Clock, LoopClock, ManualClock
from .emulator import SAMPLE_NOW, TOKEN, Emulator
from .faults import Fault, FaultScript, ScriptedFault
from .jobs import Job, JobPlan
from .loop import VirtualTimeLoop, run
from .records import Effect, RequestRecord
from .settings import ReturnCodes, Settings
from .views import ClusterView

__all__ = [
    "SAMPLE_NOW",
    "TOKEN",
    "Clock",
    "ClusterView",
    "Effect",
    "Emulator",
    "Fault",
    "FaultScript",
    "Job",
    "JobPlan",
    "JsonValue",
    "LoopClock",
    "ManualClock",
    "RequestRecord",
    "ReturnCodes",
    "ScriptedFault",
    "Settings",
    "VirtualTimeLoop",
    "run",
]
