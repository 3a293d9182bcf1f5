"""A TA server for tests, demos and CI, on a loopback port of this process.

    async with Emulator() as em:
        async with TaSession(em.url, em.token) as ta: ...

It behaves as the specification's server: 14 paths, exact envelopes, a queue of computations that take time, and user counts that come
from evaluating the definitions over an events table and a users table. It records requests (`em.requests`) and changes
(`em.effects`), and fails as scripted (`em.faults.add(Fault.reset())`).
"""

from ..models.json import JsonValue
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
