"""The words of the report page, in English and in Chinese."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..i18n.translate import is_chinese
from ..output.errors import for_the_command

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ...batch.report import Status

_ENGLISH = {
    "lang": "en",
    "title": "Refreshes of project {project}",
    "run": "Run",
    "began": "Began",
    "project": "Project",
    "going": "This run is not complete: what follows is what the journal knows of it so far.",
    "unfinished": "Begun, without an outcome yet",
    "stopped": "Stopped early",
    "clusters": "Clusters",
    "makespan": "Makespan",
    "bound": "Lower bound",
    "bound_note": "no order of these refreshes could have ended sooner",
    "bound_work": "all run times over {running} at a time",
    "bound_longest": "the longest run time",
    "bound_rate": "the requests at the rate limit",
    "times_bound": "{ratio} × the lower bound",
    "requests": "Requests",
    "each": "{count} for each cluster",
    "at_a_time": "At a time, at most",
    "failures": "Not succeeded",
    "no_failures": "All of them succeeded or were skipped.",
    "none_so_far": "None so far.",
    "search": "Search",
    "search_hint": "id, name, status or message",
    "rows_shown": "{shown} of {all}",
    "cut": "Messages longer than {most} characters are cut; run.json has them whole.",
    "id": "id",
    "name": "name",
    "status": "status",
    "progress": "progress",
    "attempts": "tries",
    "message": "message",
    "timeline": "Timeline",
    "timeline_note": "Above, how many refreshes were in flight. Below, one bar for each cluster. Drag over a stretch of time in either to "
    "see what was in flight then; a double click shows the whole time.",
    "find": "Find a cluster",
    "find_hint": "id or name",
    "only_failures": "only what did not succeed",
    "all_shown": "{all} clusters, by the time of submission.",
    "some_shown": "The {shown} that took longest of the {all} clusters in this stretch of time.",
    "none_shown": "No cluster fits.",
    "not_drawn": "Never submitted, and so without a bar: {count}.",
    "left_out": "This report was made without its successes, which are in the counts alone: {count}.",
    "queued": "queued",
    "running": "running",
    "unseen": "ended, not yet seen",
    "did_not_succeed": "ran and failed",
    "open": "end not seen",
    "joined": "joined while it ran",
    "in_flight": "in flight",
    "limit": "at most {count} at a time",
    "time": "time (UTC)",
    "durations": "Run times",
    "durations_note": "How long the computations took, against what the earlier runs in the journal led to expect for the same clusters. "
    "The dotted lines are the medians.",
    "no_history": "The journal has no earlier runs of these clusters to compare with.",
    "this_run": "this run ({count})",
    "earlier": "earlier runs ({count})",
    "median": "The median is {time}, the longest {time_longest}.",
    "count": "clusters",
    "run_time": "run time",
    "slower": "Furthest above their history",
    "slower_none": "None took more than one and a half times as long as in earlier runs.",
    "took": "took",
    "expected": "earlier",
    "ratio": "ratio",
    "throughput": "Throughput",
    "throughput_note": "Refreshes seen to have ended. The dashed lines are the lower bound: an even pace that has them all by then.",
    "ended": "ended in all",
    "ended_per": "ended per {time}",
    "well": "succeeded",
    "badly": "not succeeded",
    "at_best": "at the lower bound",
    "nothing": "Nothing was submitted in this run.",
    "needs_script": "The figures are drawn by a script in this file. The table needs none.",
    "made_by": "Made by ta-cluster {version}. This page loads nothing from the network.",
    "short_seconds": "{0} s",
    "short_minutes": "{0} min {1} s",
    "short_hours": "{0} h {1} min",
}

_CHINESE = {
    "lang": "zh-CN",
    "title": "项目 {project} 的刷新",
    "run": "运行",
    "began": "开始时间",
    "project": "项目",
    "going": "本次运行尚未完成，以下是日志目前的记录。",
    "unfinished": "已开始、尚无结果",
    "stopped": "提前停止",
    "clusters": "分群与标签",
    "makespan": "总耗时",
    "bound": "理论下限",
    "bound_note": "任何刷新顺序都不可能更快完成",
    "bound_work": "计算时间总和，同时 {running} 个",
    "bound_longest": "最长的一次计算",
    "bound_rate": "按请求频率上限发送全部请求",
    "times_bound": "理论下限的 {ratio} 倍",
    "requests": "请求数",
    "each": "平均每个 {count} 次",
    "at_a_time": "最大并行数",
    "failures": "未成功",
    "no_failures": "全部成功或已跳过。",
    "none_so_far": "目前没有。",
    "search": "搜索",
    "search_hint": "ID、名称、状态或消息",
    "rows_shown": "{shown} / {all}",
    "cut": "超过 {most} 个字符的消息已截断，完整内容见 run.json。",
    "id": "ID",
    "name": "名称",
    "status": "状态",
    "progress": "进度",
    "attempts": "尝试",
    "message": "消息",
    "timeline": "时间线",
    "timeline_note": "上图为同时进行中的刷新数量，下图每行一个分群或标签。在任一图中拖选一段时间，即可查看当时进行中的刷新；双击显示全部时间。",
    "find": "查找",
    "find_hint": "ID 或名称",
    "only_failures": "只看未成功的",
    "all_shown": "共 {all} 个，按提交时间排序。",
    "some_shown": "这段时间内共 {all} 个，显示耗时最长的 {shown} 个。",
    "none_shown": "没有符合条件的分群或标签。",
    "not_drawn": "从未提交、因此没有时间条：{count} 个。",
    "left_out": "本报告未保留成功项的明细，仅计入总数：{count} 个。",
    "queued": "排队",
    "running": "计算中",
    "unseen": "已结束，尚未发现",
    "did_not_succeed": "计算失败",
    "open": "未见结束",
    "joined": "接续已在进行的刷新",
    "in_flight": "进行中",
    "limit": "最多同时 {count} 个",
    "time": "时间（UTC）",
    "durations": "计算时间",
    "durations_note": "本次的计算时间，与同一批分群和标签在日志中以往的计算时间对比。点线为中位数。",
    "no_history": "日志中没有这些分群或标签以往的记录，无法对比。",
    "this_run": "本次（{count}）",
    "earlier": "以往（{count}）",
    "median": "中位数为 {time}，最长 {time_longest}。",
    "count": "数量",
    "run_time": "计算时间",
    "slower": "比以往慢得最多的",
    "slower_none": "没有超过以往 1.5 倍的。",
    "took": "本次",
    "expected": "以往",
    "ratio": "倍数",
    "throughput": "完成速度",
    "throughput_note": "已发现结束的刷新。虚线为理论下限：匀速进行、恰在下限时刻全部完成。",
    "ended": "累计完成",
    "ended_per": "每 {time} 完成",
    "well": "成功",
    "badly": "未成功",
    "at_best": "理论下限",
    "nothing": "本次运行没有提交任何刷新。",
    "needs_script": "图表由本文件内的脚本绘制，表格则不需要脚本。",
    "made_by": "由 ta-cluster {version} 生成。本页面不访问网络。",
    "short_seconds": "{0} 秒",
    "short_minutes": "{0} 分 {1} 秒",
    "short_hours": "{0} 小时 {1} 分",
}


class Words:
    """The page's words in one language, with its ways to write a time.

    Attributes:
        texts: The words by their keys. Some have places to fill, in braces.
    """

    def __init__(self, *, chinese: bool) -> None:
        self._chinese = chinese
        self.texts: Mapping[str, str] = _CHINESE if chinese else _ENGLISH

    @classmethod
    def of_locale(cls) -> Words:
        """The words in the language of the command."""
        return cls(chinese=is_chinese())

    def __getitem__(self, key: str) -> str:
        return self.texts[key]

    def fill(self, key: str, **places: object) -> str:
        """The words of a key with its places filled."""
        return self.texts[key].format(**places)

    def status(self, status: Status) -> str:
        """A status as a word."""
        english = status.value.replace("_", " ")
        if not self._chinese:
            return english
        from ..i18n.chinese import CHINESE  # noqa: PLC0415 - most need none of it

        return CHINESE[english]

    def reason(self, text: str) -> str:
        """Why something did not succeed, as far as its language has it."""
        if not self._chinese or not text:
            return for_the_command(text)
        from ..i18n.chinese_reasons import reason  # noqa: PLC0415 - most need none of it

        return reason(text)

    def duration(self, seconds: float) -> str:
        """Seconds as `0.4 s`, `12 s`, `3 min 20 s` or `2 h 05 min`."""
        if seconds < 10:
            return self["short_seconds"].format(f"{seconds:.1f}".removesuffix(".0"))
        whole = round(seconds)
        if whole < 60:
            return self["short_seconds"].format(whole)
        minutes, second = divmod(whole, 60)
        if minutes < 60:
            return self["short_minutes"].format(minutes, f"{second:02}")
        hours, minute = divmod(round(seconds / 60), 60)
        return self["short_hours"].format(hours, f"{minute:02}")

    def tick(self, seconds: float) -> str:
        """A round time on an axis, such as `30 s`, `10 min` or `2 h`."""
        for size, key in ((3600, "short_hours"), (60, "short_minutes")):
            if seconds >= size and seconds % size == 0:
                return self[key].split(" {1}")[0].format(f"{seconds / size:g}")
        return self["short_seconds"].format(f"{seconds:g}")
