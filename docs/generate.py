"""Write the pages of reference from the code, so that they say what the code does.

    python docs/generate.py FOLDER

`conf.py` does so before each build. The pages in Chinese are those that the command itself makes where the locale is Chinese.
"""

from __future__ import annotations

import ast
import inspect
import os
import re
import subprocess
import sys
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

PACKAGE = "ta_cluster_async"

GROUPS = {
    "session": (
        "Session and its settings",
        ("session", "client", "protocol.retry", "protocol.answer_limits"),
    ),
    "clusters": (
        "Clusters and tags",
        ("resources", "models.requests", "models.responses"),
    ),
    "definitions": ("Definitions", ("models", "definitions")),
    "refresh": (
        "One refresh",
        ("resources.refresh", "models.ticket", "models.ticket_errors", "protocol.refresh"),
    ),
    "batch": ("Many refreshes", ("batch",)),
    "uploads": ("Uploads", ("uploads", "batch.uploads")),
    "members": ("Members", ("resources.members", "models.members")),
    "errors": ("Errors and messages", ("errors", "messages")),
    "wire": (
        "Below the facade",
        ("client.api", "client.transport", "protocol.endpoints", "protocol.requests"),
    ),
    "other": ("Other", ("",)),
}
"""The pages of the public names: the title of each, and the modules whose names it has. The longest prefix decides."""

VARIABLES = {
    "TA_BASE_URL": "The address of TA, such as `http://ta2:8992`.",
    "TA_TOKEN": "The Open API token.",
    "TA_TOKEN_FILE": "A file that contains the token.",
    "TA_PROJECT_ID": "The numeric id of the project, not the APPID.",
    "TA_PROFILE": "The profile of the configuration file.",
    "TA_CA_FILE": "A PEM file of a private CA.",
    "TA_JOURNAL": "The journal that commands write and read.",
    "TA_TIMEZONE": "The server's time zone, where it differs from that of this machine.",
    "TA_RATE_LIMIT": "The most requests a second.",
    "TA_TIMEOUT": "The time for one call of the command, such as `10` or `2m`.",
    "TA_LOG_LEVEL": "What the command tells of its work on stderr: `info`, `debug`, or `warning`.",
    "TA_LOG_FORMAT": "How all that the command writes to stderr looks: `text` or `json`.",
    "TA_MAX_LINE": "The most characters of a line that the command reads.",
    "TA_MAX_COLUMNS": "The most columns in the header of a CSV file.",
    "TA_MAX_REFS": "The most references that `--from-file` takes.",
}
"""The environment variables, and what each says."""

KEYS = {
    "base_url": "The address of TA.",
    "project_id": "The numeric id of the project.",
    "token_file": "The file that contains the token; a relative path starts at the folder of the configuration file.",
    "token_keyring": "True to read the token from the machine's keyring (extra `keyring`).",
    "ca_file": "A PEM file of a private CA.",
    "verify": "False to verify no certificate.",
    "journal": "The journal that commands write and read.",
    "timezone": "The server's time zone, where it differs from that of this machine.",
    "rate_limit": "The most requests a second.",
    "max_connections": "The most requests in flight.",
    "max_uploads": "The most uploads at a time.",
    "upload_buffer": "Bytes up to which an upload of rows is read before it is sent.",
    "strict_names": "False for servers with other rules for names.",
    "timeout": "Seconds for one call, retries included.",
    "proxy": "The address of a proxy.",
}
"""What the keys of a profile say that are no field of a policy."""


def write(folder: Path) -> None:
    """Write all pages into a folder, and remove those that were there and are not among them."""
    texts = {**pages(), **chinese_pages()}
    folder.mkdir(exist_ok=True)
    for path in folder.rglob("*.md"):
        if path.relative_to(folder).as_posix() not in texts:
            path.unlink()
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        # Sphinx reads again what is newer than its last build.
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def pages() -> dict[str, str]:
    """Return the pages in English by their paths."""
    found = in_language("C.UTF-8")
    found |= {f"api/{key}.md": page for key, page in api_pages()}
    listed = "\n".join(path.removesuffix(".md") for path in found if path.startswith("api/"))
    return {
        **found,
        "settings.md": settings_page(),
        "endpoints.md": endpoints_page(),
        "index.md": (
            f"# Reference\n\n```{{toctree}}\n:maxdepth: 1\ncommand\nsettings\ncodes\nendpoints\n{listed}\ncommand.zh\ncodes.zh\n```\n"
        ),
    }


def chinese_pages() -> dict[str, str]:
    """Return the pages that there are in Chinese by their paths."""
    return {path.replace(".md", ".zh.md"): page for path, page in in_language("zh_CN.UTF-8").items()}


def in_language(locale: str) -> dict[str, str]:
    """Return the pages whose texts the command has in two languages. It chooses one when it is imported."""
    environment = {
        name: value for name, value in os.environ.items() if name not in ("LANGUAGE", "LC_MESSAGES")
    }
    environment |= {"LC_ALL": locale, "PYTHONUTF8": "1", "COLUMNS": "80"}
    made = subprocess.run(
        [sys.executable, __file__, "--texts"],
        env=environment,
        capture_output=True,
        check=True,
        encoding="utf-8",
    )
    command, codes = made.stdout.split("\x00")
    return {"command.md": command, "codes.md": codes}


def table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a table in Markdown."""
    lines = [list(heads)]
    lines += [["---"] * len(lines[0]), *map(list, rows)]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


def code(text: str) -> str:
    """Return a text as code in Markdown."""
    fence = "``" if "`" in text else "`"
    space = " " if "`" in text else ""
    return f"{fence}{space}{' '.join(text.split())}{space}{fence}"


def command_page() -> str:
    """Return the page of the command: each command with its arguments and options, as its help has them."""
    from ta_cluster_async.cli import app
    from ta_cluster_async.cli.i18n.translate import tr

    parts = [f"# ta-cluster\n\n{tr(app.app.info.help or '')}\n"]
    for name in app.COMMANDS:
        parts += command_parts(f"ta-cluster {name}", app.load_command(name), 2)
    return "\n".join(parts)


def command_parts(path: str, command: Any, level: int) -> Iterator[str]:
    """Yield the parts of the page that one command has, and those of the commands below it."""
    from ta_cluster_async.cli.i18n.translate import tr

    yield f"{'#' * level} {path}\n"
    yield f"{markdown(command.help or '')}\n"
    parameters = [one for one in command.params if not getattr(one, "hidden", False) and one.name != "help"]
    arguments = [one for one in parameters if one.param_type_name == "argument"]
    if arguments:
        rows = ((code(one.metavar or one.name.upper()), markdown(one.help or "")) for one in arguments)
        yield table((tr("Arguments"), ""), rows)
    options = [one for one in parameters if one.param_type_name != "argument"]
    if options:
        rows = (
            (", ".join(map(code, [*one.opts, *one.secondary_opts])), markdown(one.help or ""))
            for one in options
        )
        yield table((tr("Options"), ""), rows)
    for name, below in getattr(command, "commands", {}).items():
        yield from command_parts(f"{path} {name}", below, level + 1)


def markdown(text: str) -> str:
    """Return a text of help, which may have the marks of rich and blocks with examples, in Markdown."""
    text = re.sub(r"(?<!\\)\[/?(?:bold|dim|italic|cyan|green|red|yellow)\]", "", text)
    return inspect.cleandoc(text.replace("\b\n", "").replace("\f", "")).replace("<", "&lt;")


def codes_page() -> str:
    """Return the page of codes: exit codes, outcomes, and the messages with their templates."""
    from ta_cluster_async.batch.report import Status
    from ta_cluster_async.cli.exit_codes import Exit
    from ta_cluster_async.cli.i18n.language import catalogue, is_chinese
    from ta_cluster_async.messages import MESSAGES, Plural

    def text(template: Any) -> str:
        many = template.many if isinstance(template, Plural) else template
        if not is_chinese():
            return code(many)
        if isinstance(template, Plural):
            return code(catalogue().ngettext(template.one, template.many, 2))
        return code(catalogue().gettext(template))

    exits, statuses = member_docs(Exit), member_docs(Status)
    messages = table(("code", "template"), ((code(name), text(one)) for name, one in MESSAGES.items()))
    if is_chinese():
        return (
            "# 错误代码\n\n每个错误和每个未成功的结果都带有稳定的 `code` 和参数 `params`。`message` 是英文句子；命令在中文环境中显示下面的文字。\n\n"
            + messages
        )
    return (
        "# Codes\n\nPrograms decide by these codes. They are stable; the texts may change.\n\n"
        "## Exit codes of the command\n\n"
        + table(("code", "name", "meaning"), ((str(one.value), one.name, exits[one.name]) for one in Exit))
        + "| 70 | | An internal error of the command. |\n"
        + "\n## Outcomes\n\nThe status of each reference of a batch.\n\n"
        + table(("status", "meaning"), ((code(one.value), statuses[one.name]) for one in Status))
        + "\n## Errors\n\nEach error has a code and parameters; the code of its class stands for a message of the caller's own.\n\n"
        + table(("class", "code", "what it says"), error_rows())
        + "\n## Messages\n\n`error.code`, `outcome.code` and `report.stop_code` are among these. The names in braces are `params`.\n\n"
        + messages
    )


def error_rows() -> Iterator[tuple[str, str, str]]:
    """Yield a row for each class of the error tree, indented by its depth."""
    ta = import_module(PACKAGE)

    def below(kind: type[Any], depth: int) -> Iterator[tuple[str, str, str]]:
        line = " ".join(inspect.cleandoc(kind.__doc__ or "").split("\n\n")[0].split())
        yield "\u2003" * depth + code(kind.__name__), code(kind.code), line
        for one in sorted(kind.__subclasses__(), key=lambda one: one.__name__):
            if one.__name__ in ta.__all__:
                yield from below(one, depth + 1)

    for name in ta.__all__:
        getattr(ta, name)  # loads all classes
    return below(ta.TaError, 0)


def member_docs(kind: type[Any]) -> dict[str, str]:
    """Return the texts below the members of an enumeration, or below the assignments of a module."""
    tree = ast.parse(inspect.getsource(kind))
    body = tree.body[0].body if inspect.isclass(kind) else tree.body  # type: ignore[attr-defined]
    found = {}
    for one, after in pairwise(body):
        target = one.targets[0] if isinstance(one, ast.Assign) else getattr(one, "target", None)
        if (
            isinstance(target, ast.Name)
            and isinstance(after, ast.Expr)
            and isinstance(after.value, ast.Constant)
        ):
            found[target.id] = " ".join(str(after.value.value).split())
    return found


def settings_page() -> str:
    """Return the page of the environment variables and the keys of a profile."""
    return (
        "# Settings\n\nOptions of the command take precedence over the environment, and the environment over the profile. "
        "A profile that is named with `--profile` takes precedence over the environment.\n\n"
        "## Environment variables\n\n"
        + table(("variable", "meaning"), ((code(name), text) for name, text in VARIABLES.items()))
        + "\n## Keys of a profile\n\nProfiles are tables of `ta-cluster/config.toml` in the platform's folder for configuration "
        "(`~/.config` on Linux). A token is never in this file.\n\n"
        + table(("key", "value", "meaning"), profile_rows())
    )


def profile_rows() -> Iterator[tuple[str, str, str]]:
    """Yield a row for each key of a profile: those of a policy with the text of its field."""
    from ta_cluster_async import AnswerLimits, MemberQuery, PollPolicy
    from ta_cluster_async.client import profiles

    texts = dict(KEYS)
    for prefix, policy in (("poll_", PollPolicy), ("answer_", AnswerLimits), ("members_", MemberQuery)):
        texts |= {prefix + name: text for name, text in attribute_docs(policy).items()}
    for key, kind in profiles._KINDS.items():
        yield code(key), str(kind.expected), texts[key]


def attribute_docs(kind: type[Any]) -> Mapping[str, str]:
    """Return the texts of the section Attributes of a docstring by the names of the attributes."""
    section = inspect.cleandoc(kind.__doc__ or "").partition("Attributes:\n")[2]
    found = re.findall(r"^    (\w+): (.*(?:\n {8,}.*)*)", section, re.MULTILINE)
    return {name: " ".join(text.split()) for name, text in found}


def endpoints_page() -> str:
    """Return the page of the API's paths with what sending each twice means."""
    from ta_cluster_async.protocol import endpoints

    meanings = member_docs(endpoints.Replay)
    found = [one for one in vars(endpoints).values() if isinstance(one, endpoints.Endpoint)]
    return (
        "# Paths of the API\n\nWhat happens when a request is sent again although the first one may have been applied:\n\n"
        + table(("kind", "meaning"), ((code(one.value), meanings[one.name]) for one in endpoints.Replay))
        + "\n"
        + table(
            ("operation", "method", "path", "kind"),
            ((code(one.name), one.method, code(one.path), code(one.replay.value)) for one in found),
        )
    )


def groups() -> dict[str, list[tuple[str, str]]]:
    """Return for each page of public names the names with their modules."""
    ta = import_module(PACKAGE)
    found: dict[str, list[tuple[str, str]]] = {key: [] for key in GROUPS}
    for name in ta.__all__:
        module = ta._MODULES[name]
        prefixes = {
            prefix: key
            for key, (_, listed) in GROUPS.items()
            for prefix in listed
            if not prefix or f"{module}.".startswith(f"{prefix}.")
        }
        found[prefixes[max(prefixes, key=len)]].append((name, f"{PACKAGE}.{module}"))
    return {key: names for key, names in found.items() if names}


def api_pages() -> Iterator[tuple[str, str]]:
    """Yield the pages of public names: of the library, and of its emulator."""
    for key, names in groups().items():
        body = "\n".join(api_entry(PACKAGE, name, module) for name, module in names)
        yield key, f"# {GROUPS[key][0]}\n\n```{{eval-rst}}\n{body}```\n"
    emulator = import_module(f"{PACKAGE}.emulator")
    body = "\n".join(
        api_entry(emulator.__name__, name, getattr(getattr(emulator, name), "__module__", emulator.__name__))
        for name in emulator.__all__
    )
    yield "emulator", f"# The emulator\n\n```{{eval-rst}}\n{body}```\n"


def api_entry(package: str, name: str, module: str) -> str:
    """Return what makes Sphinx describe a public name under the package that it is imported from."""
    value = getattr(import_module(package), name)
    # Of a name that two packages have, links lead to the library's.
    also = "   :no-index:\n" if package != PACKAGE and name in import_module(PACKAGE).__all__ else ""
    if inspect.isclass(value):
        return f".. autoclass:: {package}.{name}\n   :members:\n{also}"
    if inspect.isroutine(value):
        return f".. autofunction:: {package}.{name}\n{also}"
    text = member_docs(import_module(module)).get(name, "")  # type: ignore[arg-type]
    return f".. py:data:: {package}.{name}\n{also}\n   {text}\n"


if __name__ == "__main__":
    if sys.argv[1] == "--texts":
        print(command_page(), codes_page(), sep="\x00", end="")
    else:
        write(Path(sys.argv[1]))
