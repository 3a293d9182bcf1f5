"""The command's messages in Chinese, by their English text. What help says is in `chinese_help`, errors of the library in `chinese_errors`."""

from __future__ import annotations

from .chinese_help import OPTIONS

MESSAGES: dict[str, str] = {
    # The command as a whole
    "Error: ta-cluster met something that it does not expect, which is a fault of its own. Please report the lines above.": (
        "错误：ta-cluster 遇到了预料之外的情况，这是它自身的缺陷。请把上面的内容报告给我们。"
    ),
    "Error: The token is not taken from the command line, where other users see it in the process list and the shell keeps it in its "
    "history. Set the environment variable TA_TOKEN, or give a file with --token-file.": (
        "错误：不接受写在命令行里的令牌，因为其他用户能在进程列表里看到它，shell 也会把它记入历史。"
        "请设置环境变量 TA_TOKEN，或用 --token-file 指定文件。"
    ),
    'Error: The command needs an extra: python -m pip install "ta-cluster-async[cli]"': (
        '错误：命令需要附加组件：python -m pip install "ta-cluster-async[cli]"'
    ),
    "Stopped.": "已停止。",
    "Warning: ": "警告：",
    "Error: ": "错误：",
    ".": "。",
    "{what} `{command} --help` has the arguments and an example.": "{what}用法和示例见 `{command} --help`。",
    "{first} and {last}": "{first} 和 {last}",
    "{first}, {next}": "{first}、{next}",
    ", ": "，",
    "{first} {second}": "{first}{second}",
    # Settings and the token
    "Set {names} in the environment. A profile does as well, and so do --base-url, --project-id and --token-file; the token itself is not "
    "taken from the command line. `ta-cluster doctor` says what was found and where.": (
        "请在环境变量中设置 {names}。也可以写进配置文件，或使用 --base-url、--project-id 和 --token-file；令牌本身不能写在命令行里。"
        "`ta-cluster doctor` 会说明找到了哪些设置、来自哪里。"
    ),
    "The profile {name!r} cannot be used: {what}": "配置 {name!r} 无法使用：{what}",
    'Profiles need an extra: python -m pip install "ta-cluster-async[cli]"': (
        '配置文件需要附加组件：python -m pip install "ta-cluster-async[cli]"'
    ),
    "The file {path} has no profile {name!r}. It has: {known}.": "文件 {path} 中没有配置 {name!r}，现有：{known}。",
    "There is no profile {name!r}: write its settings below a line [{name}] into the file {path}.": (
        "没有配置 {name!r}：请在文件 {path} 中以 [{name}] 一行开头写下它的设置。"
    ),
    "The profile {name!r} in the file {path} cannot be used: {what}": "文件 {path} 中的配置 {name!r} 无法使用：{what}",
    "its settings have to stand below a line [{name}].": "它的设置必须写在 [{name}] 一行之下。",
    "the token does not belong into this file, which is copied and shown too easily. Put it into a file of its own and name that with "
    "token_file, or into the keyring with token_keyring = true.": (
        "令牌不应写进这个文件，它太容易被复制或展示。请把令牌单独存为文件并用 token_file 指定，或存入钥匙串并写 token_keyring = true。"
    ),
    "it does not know {key!r}. It knows {known}.": "不认识 {key!r}。可用的有 {known}。",
    "{key} has to be of the type {kind}.": "{key} 的类型必须是 {kind}。",
    "the profile {name}": "配置 {name}",
    "Give one of --token-file and --token-keyring.": "--token-file 和 --token-keyring 只能给出一个。",
    "The project id ({place}) has to be a whole number above 0, and is {value!r}. It is the numeric id, not the APPID.": (
        "项目 ID（来自 {place}）必须是大于 0 的整数，现在是 {value!r}。它是数字 ID，不是 APPID。"
    ),
    "The token file {path} cannot be read: {reason}.": "无法读取令牌文件 {path}：{reason}。",
    "it has none for this address. To put one in: keyring set {service} {user}": (
        "其中没有这个地址的令牌。存入方法：keyring set {service} {user}"
    ),
    "The token cannot be taken from the keyring: {reason}": "无法从钥匙串取得令牌：{reason}",
    "There is no standard input to read the token from.": "没有可供读取令牌的标准输入。",
    "The first line of standard input": "标准输入的第一行",
    "{where} holds no token.": "{where}中没有令牌。",
    "The token file {path}": "令牌文件 {path} ",
    'The keyring needs an extra: python -m pip install "ta-cluster-async[keyring]"': (
        '钥匙串需要附加组件：python -m pip install "ta-cluster-async[keyring]"'
    ),
    "The token in the keyring": "钥匙串",
    "Token (it is not shown): ": "令牌（不会显示）：",
    "What was typed": "输入的内容",
    "Other users of this machine may read or change the token file {path}. To close it: chmod 600 {path}": (
        "本机的其他用户可以读取或修改令牌文件 {path}。收紧权限：chmod 600 {path}"
    ),
    "There is no time zone {timezone!r}. It has to be such as Asia/Shanghai.": (
        "没有时区 {timezone!r}。正确的写法如 Asia/Shanghai。"
    ),
    "{text!r} is no length of time: write it as 90, 90s, 5m, 2h or 1d.": (
        "{text!r} 不是时间长度，请写成 90、90s、5m、2h 或 1d。"
    ),
    # Files and standard input
    "standard input": "标准输入",
    "The file {path} cannot be read: {reason}.": "无法读取文件 {path}：{reason}。",
    "it is no UTF-8 text": "它不是 UTF-8 文本",
    "Standard input cannot give both the token and the definition: put one of them into a file.": (
        "标准输入不能同时提供令牌和定义，请把其中之一放进文件。"
    ),
    "Standard input cannot give both the token and the references: put one of them into a file.": (
        "标准输入不能同时提供令牌和分群列表，请把其中之一放进文件。"
    ),
    "standard input cannot give both the token and the ids": "标准输入不能同时提供令牌和 ID",
    "Line {number} of the references is JSON, and no row with an id as `ta-cluster list --json` writes it.": (
        "列表的第 {number} 行是 JSON，但不是 `ta-cluster list --json` 写出的那种带有 id 的行。"
    ),
    # refresh and wait
    "Say what to refresh: ids, names or globs, --all, --stale-older-than, --from-file or --failed-in. `ta-cluster list` shows what there is.": (
        "请说明要刷新什么：ID、名称或通配符，或 --all、--stale-older-than、--from-file、--failed-in。"
        "`ta-cluster list` 会列出现有的分群。"
    ),
    "--failed-in needs the journal that the run is in: give it with --journal FILE or TA_JOURNAL.": (
        "--failed-in 需要该次运行所在的日志文件：请用 --journal FILE 或 TA_JOURNAL 指定。"
    ),
    "Nothing matches {glob!r}.": "没有与 {glob!r} 匹配的分群或标签。",
    "Nothing matches, so there is nothing to refresh.": "没有匹配的分群或标签，无需刷新。",
    "{count} uploaded ones have nothing to refresh, and are left out.": "{count} 个由上传创建，无需刷新，已略过。",
    "And {count} more that did not succeed: --json tells all of them, and so does a --journal.": (
        "另有 {count} 个没有成功：--json 会全部列出，--journal 也会记录。"
    ),
    "{done} of {total} have ended.": "{total} 个中有 {done} 个已经结束。",
    "{count} refreshes go on on the server. Their tickets, which `ta-cluster wait` takes:": (
        "{count} 个刷新仍在服务器上进行。以下是它们的票据，可交给 `ta-cluster wait`："
    ),
    "And {count} more, which the journal has too.": "另有 {count} 张，日志中也有记录。",
    "Give it the same lines on standard input.": "请在标准输入上给出同样的内容。",
    "Without a --journal the next run knows nothing of this one, but it joins what still runs.": (
        "没有 --journal，下一次运行不知道这一次的情况，但会接上仍在进行的刷新。"
    ),
    "To go on: {command}": "继续运行：{command}",
    "Say what to wait for: ids, names, tickets, or --from-file.": "请说明要等待什么：ID、名称、票据，或 --from-file。",
    "There is nothing to wait for.": "没有需要等待的刷新。",
    "Nothing is running, and the latest refresh failed.": "没有正在进行的刷新，而最近一次刷新失败了。",
    "Nothing is running, and it was never refreshed.": "没有正在进行的刷新，它也从未刷新过。",
    # The display
    "{counts} in {seconds:.1f} s{at_best}, {requests} requests.": "{counts}，用时 {seconds:.1f} 秒{at_best}，{requests} 次请求。",
    " (at best {seconds:.1f} s with {count} at a time)": "（同时 {count} 个时最快 {seconds:.1f} 秒）",
    "{line}; latest failure: {failure}": "{line}；最近的失败：{failure}",
    "{done} of {known} done": "已完成 {done}/{known}",
    "{count} running": "{count} 个进行中",
    "{count} failed": "{count} 个失败",
    "More failures are counted below, and told at the end.": "更多失败只在下方计数，结束时再列出。",
    "Nothing to do": "无事可做",
    "Stopped early: {why}": "提前停止：{why}",
    "{time} left": "剩余 {time}",
    "about {time} left": "约剩 {time}",
    "All": "全部",
    "  and {count} more running": "  另有 {count} 个进行中",
    "succeeded": "成功",
    "failed": "失败",
    "unconfirmed": "未证实",
    "stalled": "停滞",
    "timed out": "超时",
    "rejected": "被拒绝",
    "skipped": "跳过",
    "cancelled": "已取消",
    # A dry run
    "Would refresh {refresh}, attach to {attach} that run already, and skip {skip}.": (
        "将刷新 {refresh} 个，接上已在进行的 {attach} 个，跳过 {skip} 个。"
    ),
    "at least {count} requests": "至少 {count} 次请求",
    "about {count} requests": "约 {count} 次请求",
    "No refresh was sent: the project was only read.": "没有发送任何刷新请求，只读取了项目。",
    "{count} run already and would count as failed.": "{count} 个已在进行，将算作失败。",
    "{count} do not exist.": "{count} 个不存在。",
    "{count} have ended in the run {run_id}, which was interrupted and would be gone on with.": (
        "{count} 个在被中断的运行 {run_id} 中已经结束，将接着该次运行继续。"
    ),
    "Predicted: {requests}. No history tells how long it takes; a --journal will.": (
        "预计：{requests}。没有历史可以说明需要多久，使用 --journal 之后就会有。"
    ),
    "Predicted: {requests} and about {time}, at most {max_running} at a time, from what others of the project took.": (
        "预计：{requests}，约 {time}，同时最多 {max_running} 个，依据项目中其他分群和标签的历史。"
    ),
    "Predicted: {requests} and about {time}, at most {max_running} at a time, from the history of {known} of them.": (
        "预计：{requests}，约 {time}，同时最多 {max_running} 个，依据其中 {known} 个的历史。"
    ),
    # Tables
    "id": "ID",
    "name": "名称",
    "display name": "显示名",
    "kind": "种类",
    "type": "类型",
    "status": "状态",
    "users": "用户数",
    "seconds": "秒",
    "progress": "进度",
    "refreshed": "刷新时间",
    "definition": "定义",
    "message": "说明",
    # list, show
    "No cluster has {name!r} in its name.": "没有名称中含有 {name!r} 的分群。",
    "No tag has {name!r} in its name.": "没有名称中含有 {name!r} 的标签。",
    "There is no tag in this project.": "这个项目中没有标签。",
    "There is no cluster in this project.": "这个项目中没有分群。",
    "{name} is a cluster, and --tags asks for a tag: leave it out.": "{name} 是分群，而 --tags 要求标签，请去掉它。",
    # create, update, delete, upload
    "Delete {names}? Reports and alerts that use it may break.": "删除{names}吗？使用它的报表和预警可能因此失效。",
    "{kind} {name} ({id}, {users} users)": "{kind} {name}（{id}，{users} 个用户）",
    "The name {name} is taken by {id}. To change that one: ta-cluster update {name} FILE": (
        "名称 {name} 已被 {id} 使用。要修改它：ta-cluster update {name} FILE"
    ),
    "the tag": "标签",
    "the cluster": "分群",
    "nothing": "无",
    "Created {name} ({id}).": "已创建 {name}（{id}）。",
    "Updated {name} ({id}).": "已更新 {name}（{id}）。",
    "Deleted {name} ({id}).": "已删除 {name}（{id}）。",
    "Nothing was deleted.": "没有删除任何内容。",
    "{name} on the server": "服务器上的 {name}",
    "{name} in the file": "文件中的 {name}",
    "Nothing would change.": "不会有任何变化。",
    "Not in the file, so what becomes of it is left to the server: {keys}.": "文件中没有，由服务器决定如何处理：{keys}。",
    "{file} defines {other}, and what is to be updated is {name}. A name cannot be changed: take it out of the file if this is meant.": (
        "{file} 定义的是 {other}，而要更新的是 {name}。名称不能更改；如果确实要用这个定义，请从文件中去掉名称。"
    ),
    "{file} defines a tag or a cluster, and {name} is the other of the two.": (
        "{file} 定义的种类与 {name} 不符：一个是分群，一个是标签。"
    ),
    "{file} defines a cluster, and --tags says that it is a tag.": "{file} 定义的是分群，而 --tags 说它是标签。",
    "There is nobody to ask whether {names} is to be deleted: give --yes if it is.": (
        "无法询问是否删除{names}：如果确定，请加上 --yes。"
    ),
    "Uploaded {id}.": "已上传 {id}。",
    "Uploaded {id}: {counts}.": "已上传 {id}：{counts}。",
    "a new cluster or tag needs one": "新的分群或标签需要它",
    "Uploading": "上传中",
    "{count} records": "{count} 条记录",
    "{count} users": "{count} 个用户",
    "{count} not matched": "{count} 条未匹配",
    "{count} without a tag value": "{count} 条没有标签值",
    "{count} rows without an id left out": "{count} 行因没有 ID 而略过",
    " of {size:.0f} MiB": "/{size:.0f} MiB",
    "{done:.0f} MiB{of} sent after {seconds:.0f} s.": "{seconds:.0f} 秒后已发送 {done:.0f} MiB{of}。",
    # Definitions
    "{where} has {count} mistakes:": "{where} 有 {count} 处错误：",
    "{where} cannot be used: {what}": "{where} 无法使用：{what}",
    "line {line}: {what}": "第 {line} 行：{what}",
    "{where}, line {line}: {what}": "{where}，第 {line} 行：{what}",
    "a string": "字符串",
    "a whole number": "整数",
    "a number": "数字",
    "true or false": "true 或 false",
    "an object": "对象",
    "a list": "列表",
    "null": "null",
    "an object is expected here, not {kind}.": "这里应是对象，而不是{kind}。",
    "{key!r} has to be a list, also when there is only one.": "{key!r} 必须是列表，只有一个时也一样。",
    " Put it between quotes.": "请加上引号。",
    "{value!r} is no {key} of the specification; it is sent as it is.": "{value!r} 不是规范中的 {key}，将原样发送。",
    "there is no key {key!r}; {meant!r} may be meant.": "没有键 {key!r}，或许是 {meant!r}。",
    "{key!r} is missing in this object.": "这个对象缺少 {key!r}。",
    "{key!r} has to be {expected}, not {kind}.": "{key!r} 必须是{expected}，而不是{kind}。",
    "{key!r} has to be such as 1-7: from the one day to the other, counted back from today.": (
        "{key!r} 的写法如 1-7：从今天往前数，自某天到某天。"
    ),
    "the specification has no key {key!r} here; it is sent as it is.": "规范在这里没有键 {key!r}，将原样发送。",
    "{key!r} says the same as a key before it.": "{key!r} 与前面的键含义相同。",
    "the API has no comparator {value!r}; {meant!r} may be meant.": "API 没有操作符 {value!r}，或许是 {meant!r}。",
    "it is nested too deeply.": "嵌套过深。",
    "a definition is an object with keys such as displayName and qp.": "定义应是带有 displayName、qp 等键的对象。",
    "{key!r} has to be text; put it between quotes.": "{key!r} 必须是文本，请加上引号。",
    "it is for project {other}, and the command works on project {own}.": "它属于项目 {other}，而命令针对项目 {own}。",
    "{key!r} is missing, which is needed to create it.": "缺少 {key!r}，创建时必须提供。",
    "the name {name!r} is refused: 1 to 24 letters A-Z a-z, digits and '_' are allowed.": (
        "名称 {name!r} 不被接受：只允许 1 到 24 个字母 A-Z a-z、数字和“_”。"
    ),
    "{key!r} does not fit what stands above it: one is of a cluster, one of a tag.": (
        "{key!r} 与上文不符：一个属于分群，一个属于标签。"
    ),
    "the display name is empty.": "显示名为空。",
    "the display name has {length} characters, and at most {most} are allowed.": "显示名有 {length} 个字符，最多允许 {most} 个。",
    "what is uploaded has no definition: use `ta-cluster upload`.": "上传的分群没有定义，请使用 `ta-cluster upload`。",
    "this is no YAML": "这不是 YAML",
    "this has no counterpart in JSON.": "这在 JSON 中没有对应物。",
    "there is nothing in it.": "其中没有内容。",
    "there is more after the end of the JSON value.": "JSON 值结束之后还有内容。",
    "a JSON value is expected here; text stands between double quotes.": "这里应是 JSON 值；文本要写在双引号之间。",
    "the text ends too early: {sign!r} is missing.": "文本过早结束：缺少 {sign!r}。",
    "a comma is missing between two members.": "两个成员之间缺少逗号。",
    "a key between double quotes is expected here; a comma before a closing bracket is one too many.": (
        "这里应是双引号之间的键；右括号之前的逗号是多余的。"
    ),
    "the key {key!r} stands here for the second time.": "键 {key!r} 在这里第二次出现。",
    "a colon is missing after the key {key!r}.": "键 {key!r} 之后缺少冒号。",
    "a comma is missing between two items.": "两项之间缺少逗号。",
    "a key has to be text.": "键必须是文本。",
    # doctor
    "well": "正常",
    "doubtful": "存疑",
    "WRONG": "有误",
    "not seen": "未知",
    "All is well.": "一切正常。",
    "Something is to be corrected: see above.": "有需要改正之处，见上。",
    "settings": "设置",
    "address": "地址",
    "token": "令牌",
    "project": "项目",
    "time zone": "时区",
    "clock": "时钟",
    "the address": "地址",
    "the project": "项目",
    "the token": "令牌",
    "the CA": "CA",
    "the journal": "日志",
    "the time zone": "时区",
    "{what} from {place}": "{what}（{place}）",
    "Found {places}.": "找到：{places}。",
    "Found none.": "没有找到。",
    "Set {names} in the environment, or write them into the profile [default] of {path}.": (
        "请在环境变量中设置 {names}，或写入 {path} 的 [default] 配置。"
    ),
    "There is nothing to try the token with: see settings.": "设置不全，无法检验令牌。",
    "The server takes the token.": "服务器接受这个令牌。",
    "The server does not complain of the token.": "服务器没有对令牌提出异议。",
    "Project {id} has {count} clusters and tags.": "项目 {id} 有 {count} 个分群和标签。",
    "On the TA server, `ta-tool generate_root_secret` makes a token for all projects, and `ta-tool generate_api_secret -appid APPID` one "
    "for a single project; the one before stops working.": (
        "在 TA 服务器上，`ta-tool generate_root_secret` 生成所有项目的令牌，`ta-tool generate_api_secret -appid APPID` "
        "生成单个项目的令牌；之前的令牌随即失效。"
    ),
    "Look up the numeric id of the project in TA, which is not the APPID, and whether the token is for it. It is {id} now.": (
        "请在 TA 中查看项目的数字 ID（不是 APPID），以及令牌是否属于该项目。现在是 {id}。"
    ),
    "The address leads to something else than the Open API, which often has the port 8992.": (
        "这个地址不是 Open API，它的端口通常是 8992。"
    ),
    "Nothing was ever refreshed, so no time of the server is known.": "从未刷新过，无从得知服务器的时间。",
    "The newest refresh time is {hours:.1f} hours in the future.": "最新的刷新时间在 {hours:.1f} 小时之后的未来。",
    "Set the server's time zone, such as TA_TIMEZONE=Asia/Shanghai: --stale-older-than goes by it.": (
        "请设置服务器的时区，如 TA_TIMEZONE=Asia/Shanghai：--stale-older-than 以它为准。"
    ),
    "No refresh time is in the future: the newest is {time}.": "没有未来的刷新时间，最新的是 {time}。",
    "There is no address for the host {host}.": "找不到主机 {host} 的地址。",
    "Check the host in the base URL, and whether this machine can look it up.": "请检查地址中的主机名，以及本机能否解析它。",
    "Nothing listens at {where}.": "{where} 没有服务在监听。",
    "Check the port in the base URL: the Open API often has 8992. Is the server running?": (
        "请检查地址中的端口：Open API 通常是 8992。服务器在运行吗？"
    ),
    "{where} does not answer within {seconds:.0f} s.": "{where} 在 {seconds:.0f} 秒内没有应答。",
    "A firewall may be in between: ask for a way from this machine to that port.": (
        "中间可能有防火墙：请申请开通从本机到该端口的访问。"
    ),
    "{where} cannot be reached: {reason}.": "无法连接 {where}：{reason}。",
    "Check the base URL and the network.": "请检查地址和网络。",
    "{where} answers after {took:.0f} ms.": "{where} 在 {took:.0f} 毫秒后应答。",
    "The base URL begins with http://, so the token travels in the clear.": "地址以 http:// 开头，令牌以明文传输。",
    "Use https:// if the server has it.": "如果服务器支持，请使用 https://。",
    "The profile has verify = false, so anybody may play the server and learn the token.": (
        "配置中 verify = false，任何人都可以冒充服务器并获知令牌。"
    ),
    "Give the CA's certificate with ca_file in its place.": "请改用 ca_file 给出 CA 的证书。",
    "{version}, and the certificate is trusted.": "{version}，证书可信。",
    "{version}, and the certificate is good for {days:.0f} more days.": "{version}，证书还有 {days:.0f} 天有效期。",
    "Have it renewed soon.": "请尽快更新证书。",
    "The certificate is not trusted: {reason}.": "证书不可信：{reason}。",
    "If the server has a private CA, give its certificate with --ca-file or TA_CA_FILE.": (
        "如果服务器使用私有 CA，请用 --ca-file 或 TA_CA_FILE 给出它的证书。"
    ),
    "There is no TLS at this port: {reason}.": "这个端口没有 TLS：{reason}。",
    "Check the port, or write http:// if the server has no TLS.": "请检查端口；如果服务器没有 TLS，请写 http://。",
    "The server does not say what time it is.": "服务器没有说明时间。",
    "It agrees with the server's to {seconds:.0f} s.": "与服务器的时钟相差不超过 {seconds:.0f} 秒。",
    "This machine's clock is {seconds:.0f} s ahead of the server's.": "本机时钟比服务器快 {seconds:.0f} 秒。",
    "This machine's clock is {seconds:.0f} s behind the server's.": "本机时钟比服务器慢 {seconds:.0f} 秒。",
    "Set one of the two clocks right: tickets and --stale-older-than go by them.": (
        "请校准其中一个时钟：票据和 --stale-older-than 以它为准。"
    ),
    # runs and reports
    "Say which journal the runs are in: give it with --journal FILE or TA_JOURNAL.": (
        "请说明运行记录在哪个日志文件中：用 --journal FILE 或 TA_JOURNAL 指定。"
    ),
    "The journal {path} has no runs yet.": "日志 {path} 中还没有运行记录。",
    "The journal {path} has {count} runs that begin with {run!r}: write more of the name.": (
        "日志 {path} 中有 {count} 次运行以 {run!r} 开头，请写得更完整。"
    ),
    "The journal {path} has no run {run!r}: `ta-cluster runs list` shows which it has.": (
        "日志 {path} 中没有运行 {run!r}：`ta-cluster runs list` 会列出现有的运行。"
    ),
    "run": "运行",
    "outcomes": "结果",
    " (at best {time})": "（最快 {time}）",
    "began": "开始",
    "took": "用时",
    "at a time": "同时",
    "requests": "请求",
    "not complete": "未完成",
    "server": "服务器",
    "state": "状态",
    "stopped early": "提前停止",
    "complete": "完成",
    "given up": "已放弃",
    "running": "进行中",
    "interrupted": "已中断",
    "{count} without an outcome yet": "{count} 个还没有结果",
    "And {count} that succeeded or were skipped: --json writes all of them.": (
        "另有 {count} 个成功或跳过：--json 会全部列出。"
    ),
    "Runs deleted: {count}.": "已删除 {count} 次运行。",
    "Wrote {path} ({size}).": "已写入 {path}（{size}）。",
    "A report ends in .html, .json or .xml, which {path} does not: choose one of them.": (
        "报告文件以 .html、.json 或 .xml 结尾，而 {path} 不是，请选择其中之一。"
    ),
    'The page needs an extra: python -m pip install "ta-cluster-async[report]"': (
        '页面需要附加组件：python -m pip install "ta-cluster-async[report]"'
    ),
    "The file {path} cannot be written: {reason}.": "无法写入文件 {path}：{reason}。",
    "The report {path} cannot be read: {reason}.": "无法读取报告 {path}：{reason}。",
    # demo and emulator
    'It needs an extra: python -m pip install "ta-cluster-async[demo]"': (
        '需要附加组件：python -m pip install "ta-cluster-async[demo]"'
    ),
    "The emulator cannot start. {problem}": "模拟器无法启动。{problem}",
    "cluster": "分群",
    "tag, conditions": "标签，条件",
    "tag, first/last": "标签，首末次",
    "tag, aggregate": "标签，指标",
    "An emulated TA server runs at {url}, with a sample game in project {project}.": (
        "模拟的 TA 服务器运行在 {url}，项目 {project} 中有一个示例游戏。"
    ),
    "Created {clusters} clusters and {tags} tags in {seconds:.1f} s.": "用 {seconds:.1f} 秒创建了 {clusters} 个分群和 {tags} 个标签。",
    "Uploaded the id cluster newsletter ({id}): {ids} ids, {users} of them players, {unmatched} not matched.": (
        "上传了 ID 分群 newsletter（{id}）：{ids} 个 ID，其中 {users} 个是玩家，{unmatched} 个未匹配。"
    ),
    "Refreshing {count}, at most {max_running} at a time.": "正在刷新 {count} 个，同时最多 {max_running} 个。",
    "To go on: `ta-cluster emulator --clusters 40` serves such a project, and says how to use it from another terminal.": (
        "接下来：`ta-cluster emulator --clusters 40` 会提供这样一个项目，并说明如何在另一个终端使用它。"
    ),
    "Project {id} is served at {url} until Ctrl-C.": "项目 {id} 运行在 {url}，按 Ctrl-C 结束。",
    "For ta-cluster and TaSession.from_env():": "供 ta-cluster 和 TaSession.from_env() 使用：",
    "To upload a cluster of two players:": "上传一个包含两名玩家的分群：",
}

CHINESE = {**MESSAGES, **OPTIONS}
"""Everything by its English text."""
