"""What the library's errors mean, in Chinese, by the names of their classes."""

from __future__ import annotations

ERRORS: dict[str, str] = {
    "TaError": "操作没有成功。",
    "ConfigurationError": "设置有误，请按说明改正。",
    "InvalidRequest": "请求在发送前被拒绝，请按说明改正参数。",
    "TransportError": "请求或应答在途中丢失，请检查地址和网络。",
    "NotSent": "请求没有到达服务器，可以安全地重试。请检查地址、网络和负载。",
    "OutcomeUnknown": "连接中断，不知道请求是否生效。重试之前请先查看结果。",
    "ProtocolError": "服务器的应答不符合规范。",
    "HttpStatusError": "应答来自网关而不是 TA。请检查地址；如果无误，请查看网关或稍后重试。",
    "NotJson": "应答不是 JSON，可能是网页。请检查地址是否指向 TA 的 Open API（端口通常是 8992）。",
    "SchemaError": "应答的结构与规范不同，服务器的版本可能更新或更旧。",
    "ApiError": "服务器拒绝了请求。",
    "TokenRejected": "服务器不接受令牌。请检查令牌：在 TA 服务器上生成新令牌会使之前的失效。",
    "RateLimited": "请求过于频繁。请在配置中降低 rate_limit，或稍后重试。",
    "MissingParameter": "缺少必需的参数。",
    "NotFound": "没有这个分群或标签。",
    "RefreshError": "刷新没有正常结束。",
    "RefreshFailed": "服务器报告计算失败。请在 TA 中查看它的定义，然后重新刷新。",
    "RefreshUnconfirmed": "没有证据表明刷新运行过。请在 TA 中查看它的刷新时间。",
    "RefreshStalled": "进度长时间没有变化。服务器可能仍在计算，可用票据继续等待。",
    "RefreshTimeout": "等待超时。服务器仍在计算，可用票据继续等待。",
    "MatchTooLow": "已上传，但匹配到的用户少于要求。请检查 --main-column 和 ID；分群已经存在，可以替换或删除。",
    "JournalError": "日志文件无法使用。",
    "JournalBusy": "另一个进程正在使用这个日志处理同一项目。请等它结束，或换一个日志文件。",
}
