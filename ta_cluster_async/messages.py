"""What the library says: one English template for each code.

The codes are stable and this list is closed, so that programs can decide by a code and a translation needs nothing but the code and its
parameters. Templates speak to a programmer; the command has words of its own where its user would do something else.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar, Final, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Plural(NamedTuple):
    """A template that depends on a count.

    Attributes:
        one: The template for a count of one.
        many: The template for every other count.
        number: The parameter that is the count.
    """

    one: str
    many: str
    number: str = "count"


Template: TypeAlias = str | Plural

# All of C0, C1, DEL, line and paragraph separators, halves of characters, and what has no shape of its own, such as the marks that change
# the direction of text. Unicode calls them Cc, Zl, Zp, Cs and Cf; what it has not assigned yet may be a new Chinese character, and stays.
UNSEEN: Final = re.compile(
    r"[\x00-\x1f\x7f-\x9f\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b-\u200f\u2028-\u202e\u2060-\u2064"
    r"\u2066-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3"
    r"\U0001d173-\U0001d17a\U000e0001\U000e0020-\U000e007f]"
)


def escaped(text: str) -> str:
    """Return `text` with escapes for all that a terminal obeys, that begins a line, or that cannot be seen.

    Names and messages come from other people and servers. Letters and spaces of all scripts stay.
    """
    return UNSEEN.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def fill(template: str, params: Mapping[str, object]) -> str:
    """Return a template with its parameters, whose texts are escaped: only a template makes a line."""
    return template.format_map(
        {name: _Text(value) if isinstance(value, str) else value for name, value in params.items()}
    )


class _Text(str):
    """A text that is escaped where a template takes it up; `{name!r}` escapes it anyway."""

    __slots__ = ()

    def __format__(self, spec: str) -> str:
        return escaped(super().__format__(spec))


class _Sentence:
    """The sentence of a message within another, which has been escaped where need be, and may have several lines."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def __str__(self) -> str:
        return self._text

    __repr__ = __str__


def english(template: Template, count: int) -> str:
    """Return the English form of a template."""
    return template if isinstance(template, str) else template.one if count == 1 else template.many


class Message:
    """What happened: a code of `MESSAGES` and its parameters. `str()` makes the English sentence.

    Attributes:
        code: The code.
        params: Its parameters: str, int, float, bool, None, or another Message.
    """

    __slots__ = ("code", "params")
    code: str
    params: dict[str, object]

    def __init__(self, code: str, /, **params: object) -> None:
        self.code = code
        self.params = params

    def __str__(self) -> str:
        return self.render(english)

    def __repr__(self) -> str:
        return (
            f"Message({self.code!r}{''.join(f', {name}={value!r}' for name, value in self.params.items())})"
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Message) and (self.code, self.params) == (other.code, other.params)

    __hash__: ClassVar[None]  # type: ignore[assignment]  # the parameters may be of any kind

    def render(
        self, form: Callable[[Template, int], str], templates: Mapping[str, Template] | None = None
    ) -> str:
        """Return the sentence, with `form` choosing the text of each template by its count.

        The templates are those of `MESSAGES` unless others are given.
        """
        template = (templates or MESSAGES)[self.code]
        count = self.params[template.number] if isinstance(template, Plural) else 0
        params = {
            name: _Sentence(value.render(form, templates)) if isinstance(value, Message) else value
            for name, value in self.params.items()
        }
        return fill(form(template, count if isinstance(count, int) else 0), params)


_API: Final = "the server answered return_code {return_code}: {return_message}."

MESSAGES: Final[Mapping[str, Template]] = {
    # Errors whose sentence is the caller's own, by their class.
    "error": "{message}",
    "configuration": "{message}",
    "invalid-request": "{message}",
    "transport": "{message}",
    "not-sent": "{message}",
    "outcome-unknown": "{message}",
    "protocol": "{message}",
    "http-status": "{message}",
    "not-json": "{message}",
    "schema": "{message}",
    "refresh": "{message}",
    "refresh-failed": "{message}",
    "refresh-unconfirmed": "{message}",
    "refresh-stalled": "{message}",
    "refresh-timeout": "{message}",
    "journal": "{message}",
    "journal-busy": "{message}",
    "match-too-low": "{message}",
    "members-changed": "{message}",
    "members-incomplete": "{message}",
    "source-changed": "{message}",
    # The server's refusals.
    "api": _API,
    "token-rejected": _API,
    "rate-limited": _API,
    "missing-parameter": _API,
    "not-found": _API,
    "no-return-message": "no message",
    # Shared.
    "file-unreadable": "The file {path} cannot be read: {reason}.",
    "json-absent": "absent",
    "json-array": "an array",
    "json-boolean": "a boolean",
    "json-decimal-number": "a decimal number",
    "json-finite-number": "a finite number of at least 0",
    "json-integer": "an integer",
    "json-integer-at-least": "an integer of at least {least}",
    "json-integer-or-string": "an integer or a string",
    "json-mismatch": "{where} must be {expected}, not {actual}.",
    "json-not": "no JSON",
    "json-null": "null",
    "json-number": "a number",
    "json-object": "an object",
    "json-one-of": "one of {values}",
    "json-other-value": "another value",
    "json-progress": "an integer from -1 to 100",
    "json-server-time": "a time as YYYY-MM-DD HH:MM:SS",
    "json-string": "a string",
    "json-string-or-number": "a string or a number",
    "json-utc-time": "a time with a zone as YYYY-MM-DDTHH:MM:SS+00:00",
    "json-whole": "the value",
    "json-with-event": "an object with an event",
    "kind-blank-str": "a blank str",
    "kind-str": "a str",
    "must-be-at-least-one": "{name} must be an int of at least 1.",
    "must-be-at-least-zero": "{name} must be an int of at least 0.",
    "must-be-bool": "{name} must be True or False.",
    "must-be-one-of": "{name} must be one of {values}.",
    "must-be-positive": "{name} must be a finite number above 0.",
    "must-be-positive-int": "{what} must be a positive int, not {actual}.",
    "must-not-be-negative": "{name} must be an int of at least 0.",
    "must-be-str": "{name} must be a str, not {kind}.",
    "not-json-text": "The text is not valid JSON.",
    "not-utf-8": "it is not UTF-8 text",
    "project-id": "The project id",
    "ref-by-id": "A ref that is not a name",
    "refresh-echoed": "it was seen to run, and then the server showed the state of before it again.",
    "refresh-not-proven": "nothing proved within {seconds:.0f} seconds that the refresh ran.",
    "refresh-out-of-time": "the time for the refresh is over.",
    "refresh-reported-failed": "the server says that the refresh failed.",
    "refresh-stood-still": "the progress has stood still for {seconds:.0f} seconds.",
    "version-unreadable": "It has version {version}, and this library reads version {known}: use the library that wrote it.",
    # models
    "any-of-nothing": "any_of() needs a condition. For all users write all_of().",
    "comparator-misspelled": "The API lists no comparator {comparator!r}; {meant!r} may be meant. It is sent as it is written.",
    "compared-with-bool": "A property is compared with true or false by is_true() and is_false().",
    "compared-with-other-type": "A condition must compare with text, a finite number or a time, not {kind}.",
    "definition-too-deep": "The definition is nested too deeply, or contains itself.",
    "deployment-unknown": "This worker has no deployment {name!r}. It has: {known}.",
    "event-relation-set": (
        "The event's conditions are joined by {relation!r} already. Give where() the relation that joins all of them."
    ),
    "filter-values-not-a-list": "The values of a filter must be a list, also when there is only one.",
    "filter-without-values": "{comparator!r} needs at least one value to compare {column!r} with.",
    "group-cannot-be-nested": (
        "The API has one group of conditions on events and one of conditions on properties: a nested all_of() or any_of() must hold all"
        " conditions of one of the two, and none of the other."
    ),
    "measure-compared-with-text": "The measure of an event must be compared with a number, such as 4, not with other text.",
    "part-of-other-type": (
        "A list of {expected} contains {actual}. Conditions on events begin with event(), conditions on properties with user() or"
        " event_property(), and each ends with a comparison."
    ),
    "percent-out-of-range": "percentile(property, percent) needs 1 <= percent <= 100.",
    "recent-days-out-of-order": "recent_days(first, last) needs integers with 0 <= first <= last and last >= 1.",
    "start-after-end": "between_times(start, end) needs a start that is not after the end.",
    "submitted-at-beyond-utc": "submitted_at must be a time whose year in UTC is 1 to 9999.",
    "submitted-at-without-zone": "submitted_at must be a datetime with a zone.",
    "tag-value-of-other-type": "A tag value must be text, a finite number or a time, not {kind}.",
    "ticket-not-text": "A ticket is str or bytes, not {kind}. Use the text of a ticket's to_json().",
    "ticket-unreadable": (
        "This is not a ticket: {problem} Attach with the text of a ticket's to_json(), or start a new refresh."
    ),
    "time-of-other-type": "A time must be a datetime, a date or the server's text, not {kind}.",
    "time-with-zone": "A time must not have a zone: give the server's local time as a datetime without tzinfo.",
    "member-query-invalid": "MemberQuery: {name} must be {expected}.",
    # protocol
    "answer-bytes": "it has more than {limit} bytes",
    "answer-depth": "its arrays and objects are more than {limit} levels deep",
    "answer-digits": "it has numbers of more than {limit} digits",
    "answer-memory": "its {size} bytes would take more than {limit} bytes of memory",
    "answer-ratio": "it is more than {limit} times as long as what was sent of it",
    "answer-too-large": (
        "HTTP {status} with an answer that is too large: {problem}. If it is what the server should send, allow a larger {setting} in"
        " answer_limits= of the session."
    ),
    "answer-values": "it has more than {limit} values",
    "body-broken-json": "broken or truncated JSON",
    "body-empty": "an empty body",
    "body-html": "an HTML page",
    "body-html-titled": "an HTML page ({title!r})",
    "body-json": "other JSON ({excerpt!r})",
    "body-not-json": "The definition given to {endpoint} contains a value that JSON cannot express ({reason}).",
    "body-not-utf-8": Plural("1 byte that is not UTF-8", "{count} bytes that are not UTF-8"),
    "body-text": "text ({excerpt!r})",
    "csv-in-utf-16": "{source} starts with a UTF-16 byte order mark. Write the file as UTF-8, or give the ids as an iterable of str.",
    "display-name-blank": "A display name must be a str with at least one visible character, not {actual}.",
    "display-name-too-long": (
        "The display name has {length} characters; at most {limit} are allowed. If your server takes longer ones, open the session"
        " with strict_names=False."
    ),
    "earlier-attempt-unknown": "{error} An earlier attempt may have taken effect.",
    "http-redirect": (
        "HTTP {status}: the server redirects, and redirects are not followed because the token would travel along. Set the base URL to"
        " the final address."
    ),
    "http-without-answer": "HTTP {status} with {body} in place of an answer.",
    "http-without-json": "HTTP {status} with {body} in place of JSON.",
    "name-empty-or-padded": "The name {name!r} is refused: it is empty or has white space at its ends.",
    "name-not-a-str": "A cluster or tag name must be a str, not {actual}.",
    "name-not-allowed": (
        "The name {name!r} is refused: it must be 1 to 24 letters A-Z a-z, digits and '_'. If your server takes other names, open the"
        " session with strict_names=False."
    ),
    "member-line-broken": "Row {row} of the answer is no JSON array of {width} values.",
    "member-line-too-long": "A row of the answer has more than {limit} bytes.",
    "query-parameters": "{endpoint} needs the query parameters {required} and no others than {allowed}.",
    "return-code-missing": "the answer is JSON without a return_code.",
    "row-id": "id",
    "row-id-missing": 'The id of row {row} is missing. Leave it out, or pass on_null="skip".',
    "row-id-with-line-break": (
        "The id of row {row} contains a line break, which the id of a user does not. Remove it, such as with strip()."
    ),
    "row-not-a-pair": "Row {row} must be a pair of an id and a tag value, not {kind}.",
    "row-tag-value": "tag value",
    "row-value-blank": "The {what} of row {row} is blank.",
    "row-value-type": "The {what} of row {row} must be a str, an int or a Decimal, not {kind}.",
    "row-value-with-nul": "The {what} of row {row} contains a NUL character, which CSV cannot express.",
    "row-value-with-surrogate": "The {what} of row {row} contains a lone surrogate, which UTF-8 cannot encode.",
    "sql-text-with-nul": "A name in an SQL statement contains a NUL character.",
    "text-with-surrogate": "A text of the request contains a lone surrogate, which UTF-8 cannot encode.",
    # client
    "answer-compressed": (
        "the answer is compressed in a way that was not asked for (only gzip and deflate were): is a gateway changing answers?"
    ),
    "answer-head-invalid": "the answer has a head that is not valid HTTP: is a gateway changing answers?",
    "answer-head-too-long": "the answer has a header of more than {limit} bytes, or too many headers.",
    "answer-not-http": "the answer is not HTTP: is this an https:// port, or another service?",
    "answer-out-of-time": "no whole answer within {seconds:.3g} seconds.",
    "answer-truncated": "the connection broke in the middle of the answer.",
    "answer-with-two-lengths": (
        "the answer has both Content-Length and Transfer-Encoding, which is not safe to read: is a gateway changing answers?"
    ),
    "answer-wrongly-compressed": (
        "the answer is not compressed as its head says, or its end is missing: is a gateway changing answers?"
    ),
    "asyncio-not-running": (
        "No event loop of asyncio is running here: start the program with asyncio.run(main()) or anyio.run(main). trio is not supported."
    ),
    "base-url-invalid-host": "The base URL has an invalid host or port, such as a port above 65535.",
    "base-url-not-a-str": "The base URL must be a str such as 'http://ta2:8992'.",
    "base-url-with-blank": "The base URL contains a blank, a line end or a backslash.",
    "base-url-with-query": "The base URL contains a '?' or '#': pass only scheme, host, port and path, such as 'http://ta2:8992'.",
    "base-url-with-token": "The base URL contains the token: pass the address alone, each request adds the token.",
    "base-url-with-user": "The base URL contains a user or password, which the TA Open API does not take.",
    "base-url-without-host": "The base URL has no host, or port 0. It must be such as 'http://ta2:8992'.",
    "base-url-without-scheme": "The base URL must start with http:// or https://, such as 'http://ta2:8992'.",
    "call-out-of-time": "the time of the call was over before the request could be sent.",
    "certificate-unusable": "The certificate file {path!r} given as ssl= cannot be used: {reason}.",
    "client-session-closed": "The aiohttp.ClientSession given as client_session= is closed.",
    "client-session-in-other-loop": "The aiohttp.ClientSession given as client_session= belongs to another event loop.",
    "connection-lost": "the connection was lost ({kind}).",
    "connection-out-of-time": "no connection to {host} within {seconds:.3g} seconds.",
    "connection-refused": "no connection to {host}: {reason}. Check the base URL and the server.",
    "host-unknown": "the host name {host!r} is not known. Check the base URL and the name service.",
    "keyring-extra-missing": 'The keyring needs an extra: python -m pip install "ta-cluster-async[keyring]"',
    "keyring-unreadable": "The token cannot be read from the keyring: {reason}",
    "keyring-without-token": (
        "The keyring has no token for this address. To put one in: keyring set {service} {user}"
    ),
    "integer-at-least": "a whole number of at least {least}",
    "integer-between": "a whole number from {least} to {most}",
    "length-required": (
        "HTTP {status}: the server or a gateway refuses an upload whose length is not sent. Upload a path or bytes, or set upload_buffer="
        " of the session above the size of the upload (it is {limit} bytes)."
    ),
    "no-connection-in-time": "none of the session's max_connections= became free within the call's time.",
    "no-upload-in-time": "none of the session's max_uploads= ({limit}) became free within the call's time.",
    "overloaded": (
        "the session has more calls than the server answers in their time: {problem}, and an answer takes {usual:.2g} s. Make fewer calls at"
        " a time, or give them more time with timeout=."
    ),
    "paused-too-long": "the session's pause after a rate-limit answer, or its rate_limit=, lasts longer than the call's time.",
    "pipe-silent": "nothing was written to the pipe within {seconds:g} s",
    "place-late": "the call waited {waited:.2g} s for one of max_connections=",
    "place-without-token": "{place} contains no token.",
    "places-taken": "{ahead} others wait for one of max_connections= already",
    "pool-closed": "the connection pool is closed: was the borrowed aiohttp.ClientSession closed?",
    "pool-closed-during-request": "the connection pool was closed during the request.",
    "profile-extra-missing": 'Profiles need an extra: python -m pip install "ta-cluster-async[cli]"',
    "profile-file-empty": (
        "There is no profile {name!r}: write its settings below a line [{name}] into the file {path}."
    ),
    "profile-key-unknown": "{key!r} is not a setting. The settings are {known}.",
    "profile-nor-variable": "The file {path} has no profile named default, and {variable} is not set.",
    "profile-unknown": "The file {path} has no profile {name!r}. It has: {known}.",
    "profile-unusable": "The profile {name!r} in the file {path} cannot be used: {problem}",
    "profile-value": "{key} must be {expected}.",
    "profile-with-token": (
        "the token does not belong into this file, which is copied and shown too easily. Put it into a file of its own and name that"
        " with token_file, or into the keyring with token_keyring = true."
    ),
    "profile-without-base-url": "The profile {name!r} in the file {path} has no base_url.",
    "profile-without-table": "its settings must stand below a line [{name}].",
    "profile-without-token": "The profile {name!r} in the file {path} has no token_file and no token_keyring, and TA_TOKEN is not set.",
    "provider-failed": "the token provider failed ({kind}).",
    "provider-not-async": "The token provider must be an async function.",
    "provider-out-of-time": "the token provider did not answer within the call's time.",
    "provider-token-unusable": "The token provider returned no token that can be used. {problem}",
    "proxy-refused": "the proxy refused to connect (HTTP {status}).",
    "request-failed": "the request failed ({kind}).",
    "session-closed": "the session was closed.",
    "session-closed-during-call": "the session was closed during the call.",
    "session-in-other-loop": "The session belongs to another event loop: open one session in each loop.",
    "session-is-closed": "The session is closed: make a new TaSession.",
    "session-not-open": "The session is not open yet: use it inside `async with TaSession(...) as ta:`.",
    "session-open-already": "The session is open already: make a new TaSession.",
    "ssl-wrong-type": "ssl= must be the path of a PEM file, an ssl.SSLContext, True or False.",
    "tls-broken": "TLS with {host} failed ({reason}).",
    "tls-failed": "TLS with {host} failed ({reason}). For a private CA pass ssl=<its certificate file>.",
    "tls-not-spoken": "{host} does not speak TLS ({reason}): is it an http:// port?",
    "token-empty": "The token is empty.",
    "token-file": "The token file {path}",
    "token-file-open-to-others": (
        "Other users of this machine may read or change the token file {path}. To close it: chmod 600 {path}"
    ),
    "token-file-unreadable": "The token file {path} cannot be read: {reason}.",
    "token-in-keyring": "The token in the keyring",
    "token-too-long": "{place} has more than {limit} characters: that is no token, or more than one.",
    "token-unencrypted": (
        "The token travels unencrypted to the public host {host}: use https:// if the server has it."
    ),
    "token-unusable": "The token {problem}. Was it read from a file or a shell variable that contains more?",
    "token-with-control-character": "contains a line end or another control character",
    "token-with-surrogate": "contains a lone surrogate, which UTF-8 cannot encode",
    "token-with-white-space": "has white space at its ends",
    "token-wrong-type": "The token must be a str, a Secret or an async function that returns one of them.",
    # session
    "environment-incomplete": "Set the environment variables {names}.",
    "table-without-pyarrow": "An Arrow table needs the extra arrow: pip install 'ta-cluster-async[arrow]'.",
    "project-id-unusable": "The project id in {place} must be a whole number above 0. It is the numeric id, not the APPID.",
    "project-unknown": "This session has no project id: give it as project(102), or set TA_PROJECT_ID or project_id in the profile.",
    # resources
    "definition-of-other-kind": "{method} takes {takes} or a mapping, not {kind}.",
    "definition-of-other-project": "The definition has the projectId {other}, and this is project {own}. Leave its projectId out.",
    "definition-without-display-name": "A definition to create needs a displayName.",
    "detail-without-data": "the server answered without data, so the cluster or tag does not exist.",
    "detail-without-id": "data.id must be a positive integer.",
    "id-of-upload-unknown": "the upload was taken, but the id of {name!r} could not be read: {reason}",
    "is-a-cluster": "It is a cluster and not a tag: use the project's clusters for it.",
    "is-a-tag": "It is a tag and not a cluster: use the project's tags for it.",
    "main-column-invalid": "main_column must be the name of a property, such as '#account_id'.",
    "member-columns-invalid": "columns must be a sequence of names of columns, such as ['#account_id'].",
    "member-id-not-text": "The id in row {row} is neither a text nor a whole number.",
    "member-value-not-scalar": "Row {row} has a value that is an array or an object.",
    "member-value-of-other-type": "The column {column!r} has a value that is no {kind}: pass schema= with a type for all its values.",
    "members-being-computed": "it is being computed, at {progress} percent.",
    "members-changed-meanwhile": "it was computed anew, or changed, while its members were read.",
    "members-cut": "the answer broke off after {count} members: {reason}",
    "members-miscounted": "{count} members came, and the server counts {expected}.",
    "members-not-counted": (
        "{count} members came, and the server does not say how many there are: pass MemberQuery(count_rows=False) to take them unchecked."
    ),
    "members-out-of-time": "the time of the call was over after {count} members: give it more with timeout=.",
    "members-query-failed": "the server's query ended as {status}.",
    "members-schema-width": "schema must have one field for each of these columns: {columns}.",
    "members-without-pyarrow": "Arrow batches need the extra arrow: pip install 'ta-cluster-async[arrow]'.",
    "members-without-rows": "an envelope came in place of a row.",
    "new-id-not-an-integer": "data must be the id of what was created, an integer.",
    "not-a-ticket": "attach() takes a RefreshTicket, such as RefreshTicket.from_json(text), not {kind}.",
    "outcome-looked-for": "{problem} {looked}",
    "progress-out-of-range": "data.progress must be an integer from -1 to 100.",
    "refresh-not-seen-to-begin": "It could not be seen whether the refresh has begun.",
    "refresh-refused-before": "{problem} The request to start it was refused: {refusal}",
    "refresh-wait-over": "the time to wait for the refresh is over.",
    "result-not-found": "No cluster or tag that is certainly its result was found under the name {name!r}.",
    "rows-missing": Plural(
        "The list has {missing} row fewer than the server's totalNum says.",
        "The list has {missing} rows fewer than the server's totalNum says.",
        number="missing",
    ),
    "sql-task-without-id": "data.taskId must be a text.",
    "sql-task-without-status": "data must be an object with the status of the query.",
    "ticket-of-other-catalog": "The ticket is for a {catalog}: attach to it with the project's other resource.",
    "ticket-of-other-project": "The ticket is for project {project}, not for project {expected}.",
    "total-keeps-changing": "totalNum does not let the list end: {pages} pages in a row brought no new row.",
    "types-invalid": "types must have at least one type, each as a str; leave it out for all types.",
    "upload-without-name": (
        "It has no name to look for. Look for the display name {display_name!r} in the list, where the newest row with it may be this "
        "upload; or pass name=, so that it can be looked up."
    ),
    # uploads
    "array-not-flat": (
        "The {kind} has rows and columns, or is one value: pass one column of it, such as array[:, 0], or for a tag pairs, such as"
        " array.tolist()."
    ),
    "arrow-unreadable": (
        "{source} cannot be read as Arrow data. It may have a type that pyarrow does not know, or a column of several types. "
        "Select the columns that are needed, and cast them to text."
    ),
    "batch-of-other-columns": "{source} has record batches with other columns than its schema.",
    "column-missing": "{source} has no column {name!r}. It has: {names}.",
    "column-not-a-name": "column must be the name of a column, or be left out.",
    "column-of-other-type": (
        "{source}: the column {name!r} has the type {kind}. Ids and tag values must be strings, integers or decimals: "
        "cast it in the query, so that its text is the one that TA knows."
    ),
    "column-repeated": "{source} has {count} columns {name!r}. Rename all but one.",
    "column-without-header": "column= picks a column by the name in the first line of a CSV: pass header=True as well.",
    "columns-not-names": "column and value_column must both be names of columns, or both be left out.",
    "compressed-file-cut": "it ends before its compressed data does",
    "compressed-file-damaged": "its compressed data is damaged",
    "compressed-not-csv": "{source} is not CSV text but compressed with {kind}: unpack it first.",
    "csv-malformed": "{source} is not valid CSV (line {line}): {problem}.",
    "dataset-no-source": "A {kind} is not read itself: pass what its scanner(columns=[...]).to_reader() returns, or its folder.",
    "file-asynchronous": (
        "The file is asynchronous. Pass a file as open(path, 'rb') returns it, or an async iterable of rows."
    ),
    "file-became-shorter": "{source} became shorter while it was sent.",
    "file-changed": (
        "{source} was changed while it was read, so the upload was broken off. Upload it when nobody writes to it any more."
    ),
    "file-in-text-mode": "The file must be opened in binary mode, as open(path, 'rb'), so that its text goes out unchanged.",
    "file-not-regular": (
        "The file {path} is not a regular file. Open a pipe or device in binary mode, and pass what open() returns."
    ),
    "file-source": "The file {path}",
    "folder-of-delta": "{source} is a Delta table, whose files also have rows that were deleted: read it with its own library.",
    "folder-without-parquet": "{source} is a folder without Parquet files.",
    "gzip-not-csv": (
        "{source} is not CSV text but compressed with gzip: pass it as a path that ends in .gz, or open it with gzip.open()."
    ),
    "header-of-table": "header= is for CSV text; the columns of Parquet and Arrow data have names.",
    "line-too-long": "{source}, line {line}: a row of more than {most} characters. Is it CSV? To allow more, pass max_line=.",
    "lazy-frame-no-source": "A LazyFrame is not read itself: pass what its collect() returns.",
    "match-count-unknown": Plural(
        "the server gave no counts, so whether the record matches a user is not known; {required:.2%} is required. The id is"
        " {cluster_id}.",
        "the server gave no counts, so how many of {records} records match a user is not known; {required:.2%} is required. The id is"
        " {cluster_id}.",
        number="records",
    ),
    "match-rate-too-low": Plural(
        "{rate:.2%} of 1 uploaded record matches a user; {required:.2%} is required. The id is {cluster_id}.",
        "{rate:.2%} of {records} uploaded records match a user; {required:.2%} is required. The id is {cluster_id}.",
        number="records",
    ),
    "match-rate-unknown": Plural(
        "the server gave no counts, and of 1 record only {matched} certainly matches a user; {required:.2%} is required. "
        "The id is {cluster_id}.",
        "the server gave no counts, and of {records} records only {matched} certainly match a user; {required:.2%} is required. "
        "The id is {cluster_id}.",
        number="records",
    ),
    "not-a-source": (
        "The rows of an upload must be a path, bytes, a binary file, Arrow data, or an iterable or async iterable of rows, not {kind}."
    ),
    "not-gzip": "it is not compressed with gzip",
    "on-progress-not-callable": "on_progress must be a function that takes an UploadProgress.",
    "one-column-needed": "{source} has {count} columns: pass the name of the one with the ids as column=. It has: {names}.",
    "open-file-source": "The file",
    "parquet-damaged": "it is damaged, or not Parquet",
    "parquet-file-no-source": "A ParquetFile is not read itself: pass its path, or what its read(columns=[...]) returns.",
    "parquet-not-csv": "{source} is not CSV text but Parquet: pass it as a path that ends in .parquet.",
    "parquet-unreadable": "{source} cannot be read as Parquet: {reason}.",
    "pyarrow-missing": 'Uploads of Parquet and Arrow data need pyarrow: install the extra "arrow" of ta-cluster-async.',
    "require-match-invalid": "require_match must be a number from 0 to 1, such as 0.95.",
    "row-at-line": "{source}, line {line}",
    "row-in-column": "{source}, column {name!r}",
    "row-in-file": "{source}: {problem}",
    "row-of-other-width": Plural(
        "{source}: line {line} has 1 column, and needs {needed}.",
        "{source}: line {line} has {count} columns, and needs {needed}.",
    ),
    "rows-without-columns": (
        "header=, column= and value_column= are not for an iterable of rows: only CSV text has a header, and only CSV with one, "
        "Parquet and Arrow data have columns with names."
    ),
    "scanner-no-source": "A Scanner is not read itself: pass what its to_reader() returns.",
    "table-not-csv": "{source} is not CSV text but {kind}: save its rows as CSV or Parquet.",
    "text-not-utf-8": "{source} is not UTF-8 (line {line}). Save it as UTF-8, or pass the ids as an iterable of str.",
    "text-with-nul": (
        "{source} has a NUL character (line {line}). Is it UTF-16? Save it as UTF-8, or pass the ids as an iterable of str."
    ),
    "too-many-columns": "{source} has a header of {count} columns, more than {most}. Is it CSV? To allow more, pass max_columns=.",
    "two-columns-needed": Plural(
        "{source} has 1 column; ids and tag values need two. It has: {names}.",
        "{source} has {count} columns: pass the names of two as column= and value_column=. It has: {names}.",
    ),
    "typed-source": "The {kind}",
    "unnamed-source": "The source",
    "upload-of-changed-source": (
        "{source} was changed during the upload, which was taken and may be wrong: with half an id, or rows of before and after. The id is"
        " {cluster_id}."
    ),
    "upload-empty": "The upload has no rows, and an upload without rows is refused. Pass at least one id.",
    "upload-with-replace-and-name": "An Upload has either replace= or the name= of a new one.",
    "upload-without-names": "An Upload of a new cluster or tag needs display_name= and main_column=.",
    "value-column-of-cluster": "value_column is for tags: the rows of a cluster have ids only.",
    "zip-not-csv": "{source} is not CSV text but a zip archive or an Excel workbook: save its rows as CSV.",
    "zip-file-no-source": "A ZipFile is not read itself: pass what its open(name) returns.",
    "zstd-not-csv": "{source} is not CSV text but compressed with zstd: pass it as a path that ends in .zst, or unpack it.",
    # batch
    "already-running": "It was being refreshed already.",
    "already-running-fail": "It was being refreshed already, and on_running is 'fail'.",
    "batch-cancelled": "The batch was cancelled.",
    "batch-error": "An error ended the batch: {error}.",
    "batch-ended-before": "The batch itself had ended with {kind}: {error}",
    "batch-journal-lost": "The journal can no longer be written: {cause}",
    "batch-max-failures": Plural(
        "1 refresh failed; max_failures={limit} was reached.",
        "{count} refreshes failed; max_failures={limit} was reached.",
    ),
    "batch-not-begun": "The batch has not begun: use it in `async with`.",
    "batch-refreshes-refused": (
        "The server refused every refresh for {seconds:.0f} s: {cause} A run with the same journal or plan continues."
    ),
    "batch-runs-once": "A batch runs once: make a new RefreshBatch.",
    "batch-server-down": "Every request failed for {seconds:.0f} s: {cause} A run with the same journal or plan continues.",
    "batch-timeout": "The time for the batch is over.",
    "batch-token-rejected": "The token was rejected.",
    "batch-without-plan": "With keep_successes=False a batch keeps a plan only when it is given one: plan=await plan_refresh(project, refs).",
    "cluster-id-changed": "{name!r} has the id {found} now, not {expected} any more",
    "dependencies-circle": "They need each other, so that none can be first: {circle}.",
    "depends-on-invalid": 'depends_on must be "definitions" or a mapping from references to lists of references, not {kind}.',
    "depends-on-missing": "fresh_for and with_dependencies are for batches with depends_on.",
    "fresh-for-with-zone": "fresh_for is a server time without a zone, or seconds.",
    "guard-not-a-guard": "guard must be a SizeGuard, not {kind}.",
    "left-on-its-way": "{reason} Its request was on its way: attach to the ticket to see whether it has begun.",
    "left-running": "{reason} The refresh continues on the server: attach to the ticket to watch it.",
    "needs-failed": "Not started: it needs {needed!r}, which did not succeed ({status}).",
    "needs-missing": "Not started: it needs {needed!r}, which does not exist in this project.",
    "needs-skipped": "Not started: it needs {needed!r}, which was not started, as {failed!r} did not succeed.",
    "needs-stale": "Not started: it needs {needed!r}, which is not fresh enough (last refresh: {refreshed}) and is not refreshed here.",
    "needs-unreadable": "Not started: it needs {needed!r}, whose state cannot be read: {problem}",
    "no-such-cluster": "There is no cluster or tag {ref!r} in this project.",
    "no-such-cluster-answered": "There is no cluster or tag {ref!r} in this project. The server answered: {answer}.",
    "not-started": "{reason} It was not started.",
    "outcome-unreadable": "This is not an outcome: {problem} Read what Outcome.to_dict() returned.",
    "polls-failed": "it could not be polled for {seconds:.0f} seconds; the last error was: {cause}",
    "plan-and-refs": "A plan has its references: give either refs or plan.",
    "plan-not-a-plan": "plan must be a RefreshPlan, not {kind}: RefreshPlan.from_bytes reads what to_bytes returned.",
    "plan-not-bytes": "A plan is read from the bytes that `to_bytes` returned, not from {kind}.",
    "plan-of-other-project": "The plan is of project {planned}; this is project {project_id}.",
    "plan-unreadable": "The bytes are not a plan, or are damaged. Take them from where `to_bytes` put them.",
    "plan-version": (
        "The plan has version {version}, and this version of the library reads {known}. Use the library that wrote it: a new plan could"
        " start refreshes a second time."
    ),
    "project-not-a-project": "project must be a project of a session, such as ta.project(2), not {kind}.",
    "refs-not-iterable": "refs must be an iterable of ids, names or rows; put a single one into a list.",
    "refreshes-left-running": Plural(
        "1 refresh continues on the server. Attach to its ticket to watch it:",
        "{count} refreshes continue on the server. Attach to their tickets to watch them:",
    ),
    "report-unreadable": "This is not a report: {problem} Read what RefreshReport.to_json() returned.",
    "size-changed": Plural(
        "1 user is more than {most:g} % away from the usual {usual:.12g}.",
        "{count} users are more than {most:g} % away from the usual {usual:.12g}.",
    ),
    "size-too-small": Plural(
        "1 user is fewer than the expected {least}.", "{count} users are fewer than the expected {least}."
    ),
    "size-unknown": "The server does not say how many users there are, so that the size cannot be checked.",
    # journal
    "journal-altered": (
        "The journal {path!r} has other tables, views or triggers than a journal of its version: another program has changed it. Restore a"
        " copy, or give another path."
    ),
    "journal-busy-now": (
        "Another runner works on project {project_id} of {base_url} with the journal {path!r}: {holder}. Its lease expires in"
        " {expires_in:.0f} seconds if it gives no sign of life."
    ),
    "journal-closed": "The journal {path!r} is closed.",
    "journal-damaged": (
        "The journal {path!r} is damaged, or is not a journal: move the file away with its -wal and -shm files, or give another path."
        " Without it, look in TA which clusters have been refreshed."
    ),
    "journal-disk-failed": (
        "The journal {path!r} could not be read or written ({name}): check the disk, its quota and limits, and run again."
    ),
    "journal-disk-full": (
        "The journal {path!r} cannot grow, because the disk is full: make room and run again, which goes on where this run ended."
    ),
    "journal-empty": "The journal {path!r} is empty: no run has been written to it yet.",
    "journal-empty-file": (
        "The journal {path!r} is empty and was not made by this user for a journal: remove the file, or give another path."
    ),
    "journal-endless": (
        "The journal {path!r} keeps SQLite busy for more than {seconds:g} seconds with one query: it is damaged, or was made to do so."
        " Restore a copy, or give another path."
    ),
    "journal-entry-unreadable": (
        "The journal {path!r} holds an entry that this library cannot read. A later version or another program wrote it: use the version"
        " that wrote it, or another journal file."
    ),
    "journal-folder-missing": (
        "The journal {path!r} cannot be made: there is no folder {folder!r}. Create it, or give another path."
    ),
    "journal-folder-read-only": (
        "The journal {path!r} cannot be made: the folder {folder!r} is read-only for this user."
    ),
    "journal-holder": "{process}, which holds run {run_id} since {since} UTC",
    "journal-holder-ended": "another runner, which has ended since",
    "journal-holder-here": "{process} (this process itself), which holds run {run_id} since {since} UTC",
    "journal-is-folder": "The journal {path!r} is a folder: give the path of a file.",
    "journal-is-link": "The journal {path!r} is a link: give the path of the file itself.",
    "journal-locked": (
        "The journal {path!r} has been locked by another process for {seconds:g} seconds: run again when that has ended."
    ),
    "journal-missing": "There is no journal at {path!r}: give the path that the runs were given.",
    "journal-moved": "The journal {path!r} was moved, deleted or replaced during the run: leave it where it is.",
    "journal-newer-version": (
        "The journal {path!r} has version {version}, and this library knows versions up to {known}: use a newer one, or another journal"
        " file."
    ),
    "journal-not-closed": (
        "The journal could not be closed within {seconds:g} seconds: check the disk. The next run looks up on the server what was not"
        " written."
    ),
    "journal-not-file": "The journal {path!r} is a pipe or a device: give the path of a file.",
    "journal-of-something-else": (
        "The file {path!r} is the database of something else and not a journal: give another path."
    ),
    "journal-path-invalid": "The journal must be the path of a file, such as 'runs.db'.",
    "journal-read-only": (
        "The journal {path!r} cannot be written: the file, its folder or its file system is read-only for this user. All three must be"
        " writable."
    ),
    "journal-run-closed": "The journal is closed: open a run of it first.",
    "journal-taken-over": (
        "This runner gave no sign of life for more than {seconds:g} seconds, and project {project_id} of {base_url} with the journal"
        " {path!r} has been taken over by {holder}."
    ),
    "journal-unusable": (
        "The journal {path!r} cannot be used ({name}: {error}): give another path, and report this if the file is sound."
    ),
    "journal-without-run": "The journal {path!r} has no run {run_id!r}: runs() tells which it has.",
    # definitions
    "catalog-conflict": "{key!r} conflicts with an earlier key: one defines a cluster, the other a tag.",
    "comparator-unknown": "the API has no comparator {value!r}; did you mean {meant!r}?",
    "definition-empty": "there is no definition.",
    "definition-invalid": Plural(
        "{source} cannot be used: {mistakes}", "{source} has {count} mistakes:\n  {mistakes}"
    ),
    "definition-line": "line {line}: {what}",
    "definition-lines": "{first}\n  {rest}",
    "definition-not-object": "a definition must be an object with keys such as displayName and qp.",
    "definition-warning": "{source}, {warning}",
    "filter-value-expected": "a value in {key!r} must be text or a number, not {actual}.",
    "json-colon-missing": "a colon is missing after the key {key!r}.",
    "json-comma-missing": "a comma is missing here.",
    "json-ends-early": "the text ends too early: {sign!r} is missing.",
    "json-key-expected": "expected a key in double quotes; a comma before a closing bracket must be removed.",
    "json-string-syntax": "this text is not valid JSON: {reason}.",
    "json-trailing-text": "there is more text after the end of the JSON value.",
    "json-value-expected": "expected a JSON value; text must be in double quotes.",
    "key-missing": "{key!r} is missing.",
    "key-misspelled": "there is no key {key!r}; did you mean {meant!r}?",
    "key-not-text": "a key must be text.",
    "key-perhaps-meant": "the specification has no key {key!r} here; it is sent as it is. Did you mean {meant!r}?",
    "key-repeated": "{key!r} is given twice.",
    "key-unknown": "the specification has no key {key!r} here; it is sent as it is.",
    "list-expected": "{key!r} must be a list, even with only one item.",
    "nested-too-deeply": "it is nested too deeply.",
    "number-expected": "{key!r} must be a number, not {value!r}.",
    "number-not-finite": "{value} is not a number that can be sent. If it is text, put it in quotes.",
    "number-too-long": "a number of {digits} digits is too long; at most {most} are allowed. If it is text, put it in quotes.",
    "object-expected": "expected an object here, not {actual}.",
    "project-differs": "it is for project {other}, but this is project {own}.",
    "recent-day-invalid": "{key!r} must be a range of days such as 1-7, counted back from today.",
    "standard-input": "standard input",
    "upload-has-no-definition": "uploaded ids have no definition: upload them instead.",
    "value-not-of-its-tag": "the value does not fit its tag.",
    "value-perhaps-meant": "the specification has no {key} {value!r}; it is sent as it is. Did you mean {meant!r}?",
    "value-unknown": "the specification has no {key} {value!r}; it is sent as it is.",
    "values-missing": "{comparator!r} needs at least one value: {key!r} is empty or missing.",
    "wrong-type": "{key!r} must be {expected}, not {actual}.",
    "yaml-merge-not-object": "what '<<' merges must be an object or a list of objects.",
    "yaml-repeats-too-much": "aliases repeat more than {most} values. Write them out, or allow more with --max-repeated.",
    "yaml-syntax": "this is not valid YAML: {reason}.",
    "yaml-tag-unknown": "a definition cannot have the tag {tag!r}.",
    # emulator
    "clock-goes-back": "seconds must not be negative, not {seconds!r}: a clock does not go back.",
    "clock-speed": "speed must be greater than 0, not {speed!r}.",
    "emulator-capacity": "capacity must be at least 1, not {capacity!r}.",
    "emulator-closed": "The emulator is closed. Ask for members and counts while it runs.",
    "emulator-evaluation-too-long": (
        "The evaluation took longer than settings.evaluation_seconds={seconds}. Set more seconds, or None for no limit."
    ),
    "emulator-exposed": (
        "On {host!r} anyone who reaches this machine can read, change and delete what the emulator serves, "
        "with the default token that everybody knows. Give a token of your own."
    ),
    "emulator-keep-requests": "keep_requests must be at least 1 or None, not {keep_requests!r}.",
    "emulator-mark": "The mark ta_emulator takes its arguments by name only, such as ta_emulator(capacity=2), not {argument}.",
    "emulator-name-taken": "A cluster or tag already has the name {name!r}. Choose another prefix.",
    "emulator-needs-duckdb": (
        'The emulator evaluates definitions with DuckDB: python -m pip install "ta-cluster-async[emulator]". '
        "Without it, Emulator(settings=Settings(evaluate=False)) works."
    ),
    "emulator-not-evaluated": "The users are unknown because settings.evaluate is False.",
    "emulator-not-started": "The emulator has no address before `async with` or `with` starts it.",
    "emulator-now": "now must be a naive time: the server's clock has no time zone.",
    "emulator-source": "The {table} source",
    "emulator-source-column": "{source} has no column {column!r}; it has {columns}.",
    "emulator-source-file": "The {table} source {path!r}",
    "emulator-source-id-type": "{source} has the type {type} in {column!r}; ids must be strings or whole numbers.",
    "emulator-source-not-a-file": "{source} is not a file.",
    "emulator-source-suffix": "{source} must end in .parquet or .csv.",
    "emulator-source-type": "{source} must be a path or an Arrow stream, not {type}.",
    "emulator-source-unreadable": "{source} cannot be loaded: {reason}",
    "emulator-source-user-twice": "{source} has more than one row with {column} {account!r}; each user must have one.",
    "emulator-started": "An emulator can be started once. Make a new one.",
    "emulator-token": "token must have at least one character.",
    "loop-start": "start must be a finite number of seconds, not {start!r}.",
    # cli
    "check-failed": "The latest refresh failed.",
    "check-never-refreshed": "It was never refreshed.",
    "check-stale": "It was last refreshed at {refreshed}.",
    "not-running-failed": "Nothing is running, and the latest refresh failed.",
    "not-running-never-refreshed": "Nothing is running, and it was never refreshed.",
    "token-on-stdin": "The first line of standard input",
    "typed-token": "What was typed",
}
"""The English template of each code."""
