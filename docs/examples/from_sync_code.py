"""Use the library from code that is not async, with one session for all calls.

    ta-cluster emulator --clusters 12
    python from_sync_code.py

A portal runs an event loop on a thread of its own. Any thread may call through it.
"""

from anyio.from_thread import start_blocking_portal

from ta_cluster_async import TaSession, refresh_all


def server() -> TaSession:
    """Return a session with the emulator."""
    return TaSession("http://127.0.0.1:8992", "emulator-token#1+1=2&100%")  # yours: TaSession.from_env()


def main() -> None:
    """Read, refresh, and read again."""
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(server()) as ta:
        clusters = ta.project(102).clusters
        before = portal.call(clusters.detail, "payers_7_days")

        async def night() -> bool:
            return (await refresh_all(ta.project(102), ["payers_7_days", "whales"])).ok

        print("all succeeded" if portal.call(night) else "not all succeeded")
        after = portal.call(clusters.detail, "payers_7_days")
        print(f"{before.users_num} users before, {after.users_num} after.")


if __name__ == "__main__":
    main()
