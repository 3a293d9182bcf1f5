"""Times as the report page writes them, and the texts of its script."""

from __future__ import annotations

from ..i18n.translate import tr


def duration(seconds: float) -> str:
    """Return seconds as `0.4 s`, `12 s`, `3 min 20 s` or `2 h 05 min`."""
    if seconds < 10:
        return tr("{0} s").format(f"{seconds:.1f}".removesuffix(".0"))
    whole = round(seconds)
    if whole < 60:
        return tr("{0} s").format(whole)
    minutes, second = divmod(whole, 60)
    if minutes < 60:
        return tr("{0} min {1} s").format(minutes, f"{second:02}")
    hours, minute = divmod(round(seconds / 60), 60)
    return tr("{0} h {1} min").format(hours, f"{minute:02}")


def tick(seconds: float) -> str:
    """Return a round time on an axis, such as `30 s`, `10 min` or `2 h`."""
    if seconds >= 3600 and seconds % 3600 == 0:
        return tr("{0} h").format(f"{seconds / 3600:g}")
    if seconds >= 60 and seconds % 60 == 0:
        return tr("{0} min").format(f"{seconds / 60:g}")
    return tr("{0} s").format(f"{seconds:g}")


def script_words() -> dict[str, str]:
    """Return the texts that the script of the page fills in itself."""
    return {
        "seconds": tr("{0} s"),
        "minutes": tr("{0} min {1} s"),
        "hours": tr("{0} h {1} min"),
        "attached": tr("attached while it ran"),
        "open": tr("end not seen"),
        "queued": tr("queued"),
        "running": tr("computing"),
        "unseen": tr("ended, not yet seen"),
        "none_shown": tr("No cluster matches."),
        "some_shown": tr("The {shown} that took longest, of {all} in this period."),
        "all_shown": tr("Clusters, by the time of submission: {all}."),
    }
