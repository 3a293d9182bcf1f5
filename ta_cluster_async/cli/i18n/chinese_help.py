"""What help says in Chinese: options by their English text, and commands by their names."""

from __future__ import annotations

OPTIONS: dict[str, str] = {
    "Refresh, read and change the clusters and tags of a TA project.": "刷新、查看和修改 TA 项目的分群与标签。",
    "Settings come from options, the environment (TA_BASE_URL, TA_TOKEN, TA_PROJECT_ID) or a profile of the configuration file; "
    "`ta-cluster doctor` says which, and whether they are right. Exit codes: 0 all well, 1 some failed, 2 usage, settings or token, "
    "3 nothing matched, 4 a deadline passed, 5 the server could not be reached, 130 and 143 after Ctrl-C and SIGTERM.": (
        "设置来自选项、环境变量（TA_BASE_URL、TA_TOKEN、TA_PROJECT_ID）或配置文件；`ta-cluster doctor` 会说明来自哪里、是否正确。"
        "退出码：0 一切正常，1 部分失败，2 用法、设置或令牌有误，3 没有匹配，4 超过期限，5 无法连接服务器，"
        "130 和 143 表示被 Ctrl-C 或 SIGTERM 停止。"
    ),
    "Show the version.": "显示版本。",
    "Show this message and exit.": "显示本说明并退出。",
    "Connection": "连接",
    "Where TA is, such as http://ta2:8992 (TA_BASE_URL).": "TA 的地址，如 http://ta2:8992（TA_BASE_URL）。",
    "The numeric project id, not the APPID (TA_PROJECT_ID).": "项目的数字 ID，不是 APPID（TA_PROJECT_ID）。",
    "Take the settings from this profile of the configuration file (TA_PROFILE).": "使用配置文件中的这个配置（TA_PROFILE）。",
    "Read the token from a file, or with - from standard input (TA_TOKEN_FILE, TA_TOKEN).": (
        "从文件读取令牌，- 表示标准输入（TA_TOKEN_FILE、TA_TOKEN）。"
    ),
    "Take the token from the keyring of this machine.": "从本机的钥匙串取得令牌。",
    "The certificate of a private CA as a PEM file (TA_CA_FILE).": "私有 CA 的证书，PEM 文件（TA_CA_FILE）。",
    "Write nothing to stderr but warnings and errors.": "除警告和错误外，不向标准错误输出任何内容。",
    "A cluster or tag: digits are an id, everything else a name.": "分群或标签：数字是 ID，其余是名称。",
    "Clusters and tags: digits are an id, everything else a name.": "分群和标签：数字是 ID，其余是名称。",
    "It has to be a tag; without this, either is taken.": "必须是标签；不加此选项则两者皆可。",
    "Tags in place of clusters.": "列出标签而不是分群。",
    "Only names with this in them.": "只列出名称中含有它的。",
    "Write each row as a line of JSON in the API's own names.": "每行输出一个 JSON，使用 API 的字段名。",
    "Write it as JSON in the API's own names, which `update` and `create` read.": (
        "输出 JSON，使用 API 的字段名，可供 `update` 和 `create` 读取。"
    ),
    "What to refresh": "刷新哪些",
    "How to refresh": "如何刷新",
    "Clusters and tags: digits are an id, everything else a name, or a glob such as 'recent_*'.": (
        "分群和标签：数字是 ID，其余是名称，或通配符，如 'recent_*'。"
    ),
    "All clusters and tags of the project. Uploaded ones have nothing to refresh and are left out.": (
        "项目的所有分群和标签。由上传创建的无需刷新，会略过。"
    ),
    "Only those whose last refresh is longer ago, such as 1d; of all, where nothing else is named.": (
        "只刷新上次刷新早于此时长的，如 1d；没有指定其他内容时，从全部中选择。"
    ),
    "Those in a file, one in a line, or the lines of `list --json`; - is standard input.": (
        "文件中列出的，每行一个，或 `list --json` 的输出；- 表示标准输入。"
    ),
    "Those that did not succeed in a run of the journal; `last` is the newest.": (
        "日志中某次运行里没有成功的；`last` 表示最近一次。"
    ),
    "Leave these out: an id, a name or a glob. May be given several times.": "排除：ID、名称或通配符，可多次给出。",
    "Choose among clusters alone.": "只在分群中选择。",
    "Choose among tags alone.": "只在标签中选择。",
    "Send no refresh, only read, and write how many would be refreshed, attached to and skipped. Requests are predicted from the mean of "
    "the journal's last five complete runs, the time from its durations.": (
        "不发送刷新请求，只读取，并说明将刷新、接上、跳过多少个。"
        "请求数依据日志中最近五次完整运行的平均值预计，时间依据其中记录的耗时。"
    ),
    "The most refreshes at a time.": "同时进行的最多刷新数。",
    "So many more, for a server that queues refreshes by itself.": "额外提交的个数，适用于自行排队的服务器。",
    "What begins first; the journal tells which ones take long.": "先开始哪些；日志记录了哪些耗时长。",
    "What is being refreshed already: watch it, refresh it anew afterwards, leave it out, or fail.": (
        "对已在刷新的：等待它、结束后重新刷新、跳过，或算作失败。"
    ),
    "Start no more after so many have failed.": "失败达到此数后不再启动新的刷新。",
    "For each refresh, such as 90, 30m or 2h.": "每个刷新的时限，如 90、30m 或 2h。",
    "For all of them together.": "全部刷新合计的时限。",
    "Keep what was begun and how it ended here; run again with it to go on after a crash (TA_JOURNAL).": (
        "在此记录启动了什么、结果如何；崩溃后用同一文件再次运行即可继续（TA_JOURNAL）。"
    ),
    "Write each event as a line of JSON, and the report as the last.": "每个事件输出一行 JSON，最后一行是报告。",
    "Write each event as a line of JSON.": "每个事件输出一行 JSON。",
    "Ids, names, or tickets as their JSON text.": "ID、名称，或票据的 JSON 文本。",
    "Those in a file, one in a line, or the lines of `refresh --json`; - is standard input.": (
        "文件中列出的，每行一个，或 `refresh --json` 的输出；- 表示标准输入。"
    ),
    "Wait no longer than this, such as 90, 30m or 2h.": "最多等待多久，如 90、30m 或 2h。",
    "JSON or YAML in the API's own names, in the library's, or as `show --json` writes it; - is standard input.": (
        "JSON 或 YAML，使用 API 的字段名、本库的字段名，或 `show --json` 的输出；- 表示标准输入。"
    ),
    "Change nothing, and write what would change as a diff.": "不做任何修改，只以差异的形式列出变化。",
    "It is a tag, where the definition does not tell it.": "定义本身没有说明时，表示它是标签。",
    "Do not ask.": "不询问。",
    "A CSV (also .gz) or Parquet file of ids, for tags of ids and tag values; - is standard input.": (
        "CSV（可为 .gz）或 Parquet 文件，内容为 ID，标签则为 ID 和标签值；- 表示标准输入。"
    ),
    "How the file is read": "如何读取文件",
    "The first line of the CSV names the columns.": "CSV 的第一行是列名。",
    "The column with the ids.": "ID 所在的列。",
    "The column with the tag values.": "标签值所在的列。",
    "Leave out rows without an id.": "略过没有 ID 的行。",
    "Fail when fewer of the ids match a user, such as 0.9.": "匹配到用户的比例低于此值则算失败，如 0.9。",
    "The name that TA shows, up to 50 characters.": "TA 中的显示名，最多 50 个字符。",
    "The name; without one, an upload whose answer is lost cannot be found again.": "名称；没有名称时，若应答丢失就无法再找到它。",
    "The property that the ids are matched with; #account_id when nothing is said.": "ID 对应的属性；默认 #account_id。",
    "A note.": "备注。",
    "A tag in place of a cluster.": "创建标签而不是分群。",
    "Give these ids to an uploaded cluster or tag that exists.": "把这些 ID 交给已有的上传分群或标签。",
    "Write the counts as JSON.": "以 JSON 输出各项数量。",
    "Write each finding as a line of JSON.": "每项检查输出一行 JSON。",
    "The shell that the script is for.": "脚本适用的 shell。",
    "How many clusters and tags.": "分群和标签的数量。",
    "The most refreshes at a time; the server computes 8.": "同时进行的最多刷新数；服务器同时计算 8 个。",
    "Decides the sample game and how long computations take.": "决定示例游戏的内容和计算所需的时间。",
    "Where to listen; 0 takes a free port.": "监听的端口；0 表示任选空闲端口。",
    "The address to listen on.": "监听的地址。",
    "Events (.parquet or .csv) with #account_id, #event_name, #event_time and any properties.": (
        "事件（.parquet 或 .csv），含 #account_id、#event_name、#event_time 和任意属性。"
    ),
    "Users (.parquet or .csv) with #account_id and any properties.": "用户（.parquet 或 .csv），含 #account_id 和任意属性。",
    "The token that opens it. It is made up, so it is no secret.": "访问它的令牌。它是虚构的，并非机密。",
    "The most computations at a time.": "同时进行的最多计算数。",
    "The project that it serves.": "它提供的项目。",
    "Begin with so many clusters and tags for the sample game.": "一开始就为示例游戏创建这么多分群和标签。",
    "How many runs of each project stay.": "每个项目保留多少次运行。",
    "Look at earlier runs, write reports of them, and delete old ones.": "查看以往的运行，生成报告，删除旧的运行。",
    "The journal that the runs were given (TA_JOURNAL).": "运行时使用的日志文件（TA_JOURNAL）。",
    "A run by its name or the beginning of it, `last` for the newest, or the JSON file of a report.": (
        "运行的名称或其开头，`last` 表示最近一次，或报告的 JSON 文件。"
    ),
    "Write each run as a line of JSON.": "每次运行输出一行 JSON。",
    "Write each outcome as a line of JSON.": "每个结果输出一行 JSON。",
    "Where to: .html is a page for people, .json the report for machines, .xml the same as JUnit. May be given several times.": (
        "输出到哪里：.html 是供人阅读的页面，.json 是供机器读取的报告，.xml 是 JUnit 格式。可多次给出。"
    ),
}

HELP: dict[str, str] = {
    "refresh": (
        "刷新分群和标签，并等待全部结束。\n\n"
        "示例：ta-cluster refresh 970 'recent_*' --exclude recent_test --max-running 8 --journal runs.db"
    ),
    "wait": (
        "等待在别处启动的刷新，自己不启动任何刷新。\n\n票据代表一次刷新；用 ID 或名称指定的分群或标签，代表它现在正在进行的刷新。\n\n"
        "示例：ta-cluster wait whales 971 --timeout 2h"
    ),
    "list": "列出项目的分群或标签。\n\n示例：ta-cluster list --tags --name pay",
    "show": "显示一个分群或标签及其定义。\n\n示例：ta-cluster show whales --json > whales.json",
    "progress": (
        "输出最近一次计算的进度。\n\n它是百分数，完成为 100，失败为 -1。100 可能属于上一次刷新，`wait` 可以分辨。\n\n"
        "示例：ta-cluster progress 970"
    ),
    "create": (
        "创建分群或标签，并输出它的 ID。\n\n发送之前会检查定义。服务器会自行开始第一次计算，可用 `wait` 等待。\n\n"
        "示例：ta-cluster create whales.yaml --dry-run"
    ),
    "update": (
        "修改分群或标签的定义。\n\n发送之前会检查定义。\n\n示例：ta-cluster update whales whales.json --dry-run"
    ),
    "delete": "询问之后删除分群和标签。\n\n示例：ta-cluster delete whales 971 --yes",
    "upload": (
        "用上传的 ID 创建分群或标签，或替换已有的 ID，并输出它的 ID。\n\n"
        '示例：ta-cluster upload players.csv --name newsletter --display-name "通讯订阅者"'
    ),
    "doctor": (
        "检查设置、地址、TLS、令牌、项目和时钟，并说明需要改正什么。\n\n不会改变服务器上的任何内容。\n\n"
        "示例：ta-cluster doctor --profile production"
    ),
    "completion": (
        "输出让 shell 补全命令和选项的脚本。\n\n"
        "bash：把示例中的一行写进 ~/.bashrc；fish：写入 ~/.config/fish/completions/ta-cluster.fish。\n\n"
        '示例：eval "$(ta-cluster completion bash)"'
    ),
    "demo": (
        "刷新一个示例游戏的分群。\n\n在空闲端口启动模拟的 TA 服务器，在其中创建分群和标签，上传一个，刷新其余的供您观看，"
        "并显示每个有多少用户。约需十五秒，无需任何设置。\n\n示例：ta-cluster demo --clusters 20 --max-running 4"
    ),
    "emulator": (
        "提供模拟的 TA 服务器，直到按下 Ctrl-C。\n\n供试用和测试。不给出 --events 和 --users 时，"
        "它有一个约 2000 名用户、60 天的示例游戏。\n\n示例：ta-cluster emulator --clusters 40"
    ),
    "runs list": "列出日志中的运行，最近的在前。\n\n示例：ta-cluster runs list --journal runs.db",
    "runs show": "显示一次运行及其结果。\n\n示例：ta-cluster runs show last --journal runs.db",
    "runs report": (
        "把一次运行写成报告：供人阅读的页面，或供机器读取的文件。\n\n示例：ta-cluster runs report last --journal runs.db -o run.html -o run.xml"
    ),
    "runs prune": (
        "从日志中删除运行，每个项目只保留最近的 N 次。\n\n未完成的运行会保留，`refresh --order longest-first` 所依据的时长也会保留。"
        "文件不会变小，空出的空间留给以后的运行。\n\n示例：ta-cluster runs prune --keep 30 --journal runs.db"
    ),
}
