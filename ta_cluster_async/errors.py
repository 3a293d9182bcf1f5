"""Every error this library raises, as one tree under `TaError`.

Each error says in its message what happened and what to do next, carries `endpoint`, `attempts`, `sent`, `safe_to_retry` and
`may_pass`, and survives pickle and copy. None of them ever contains a URL or the token.
"""

from __future__ import annotations

import re
from typing import Any, ClassVar, Literal, Self, TypeAlias, TypedDict, Unpack

from .messages import Message

Sent: TypeAlias = Literal["no", "unknown", "yes"]
"""Whether the request reached the server: certainly not, perhaps, or certainly (it answered)."""

_LASTING_REASONS = frozenset({"tls", "closed"})
_TOO_LARGE = frozenset({413, 414, 431})
_ID_AS_TEXT = "A str is a name, also one of digits: write an id as an int."
# It stands for any exception of the server's, whose message may say what happened.
_UNSPECIFIC = -1


class CallState(TypedDict, total=False):
    """What every error can say of the call: the attributes of `TaError` by name."""

    endpoint: str | None
    attempts: int
    sent: Sent
    safe_to_retry: bool


def _rebuild(cls: type[TaError], args: tuple[object, ...], state: dict[str, object]) -> TaError:
    error = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class TaError(Exception):
    """The base of all errors of this library.

    Args:
        message: A `Message`, or a sentence of the caller's own, which goes under the code of the class.

    Attributes:
        code: What happened, as one of the codes in `messages.MESSAGES`: stable, for programs to decide by.
        params: The parameters of the code, by name.
        message: The same in English, without the endpoint and the advice that `str()` puts around it.
        endpoint: The operation in the endpoint table, such as `"refresh-by-name"`; None when no call was involved.
        attempts: How many times the request was tried.
        sent: Whether the request reached the server, over all attempts.
        safe_to_retry: True when the same call may be made again without the risk that it takes effect twice. It says nothing about
            whether that helps: it is True for a wrong token. See `may_pass`.
        report: The `RefreshReport` of the batch that ended with this error, with an outcome and a ticket for each refresh that was begun;
            None where no batch was involved.
    """

    advice: ClassVar[str] = ""
    code: str = "error"
    endpoint: str | None = None
    attempts: int = 0
    sent: Sent = "no"
    safe_to_retry: bool = True
    report: Any = None
    params: dict[str, object]
    message: str
    # Of BaseException: declared again for type checkers, since they are assigned below.
    args: tuple[Any, ...]
    __cause__: BaseException | None
    __context__: BaseException | None

    def __init__(self, message: str | Message, **call: Unpack[CallState]) -> None:
        if unknown := call.keys() - CallState.__annotations__.keys():
            raise TypeError(f"{type(self).__name__}() got an unexpected keyword argument {min(unknown)!r}")
        what = message if isinstance(message, Message) else Message(self.code, message=message)
        self.set_message(what)
        if isinstance(message, Message):
            self.args = (self.message,)
        self.__dict__.update(call)

    @property
    def may_pass(self) -> bool:
        """True for trouble that time may cure, so that the same call may succeed later. See `safe_to_retry` for whether it may be made."""
        return False

    def __str__(self) -> str:
        where = f"{self.endpoint}: " if self.endpoint else ""
        tries = f" ({self.attempts} attempts)" if self.attempts > 1 else ""
        advice = self.what_to_do()
        return f"{where}{self.message}{tries}{' ' if advice else ''}{advice}"

    def what_to_do(self) -> str:
        """Return the advice at the end of `str()`; "" where there is none."""
        return self.advice

    def set_message(self, message: Message) -> None:
        """Say what happened with this message from now on."""
        self.code, self.params, self.message = message.code, message.params, str(message)

    def what(self) -> Message:
        """Return what happened as a value, to be a parameter of another message or to be translated."""
        return Message(self.code, **self.params)

    def __reduce__(self) -> tuple[Any, ...]:
        # The state is set last, since it may hold the error itself: the report of a batch has the errors of its outcomes. Earlier versions
        # have it as the last argument.
        return _rebuild, (type(self), self.args, {}), self.__dict__.copy()

    def without_history(self) -> Self:
        """Return this error without traceback, cause and context, whose frames may contain what must not be shown."""
        self.__cause__ = None
        self.__context__ = None
        return self.with_traceback(None)


class TaWarning(UserWarning):
    """What works, but not safely: the token travels unencrypted, or other users of the machine may read its file.

    Attributes:
        message: What happened, with its code.
    """

    def __init__(self, message: Message) -> None:
        super().__init__(str(message))
        self.message = message


class ConfigurationError(TaError):
    """The session was set up or used wrongly: base URL, token, settings, not open, wrong event loop."""

    code = "configuration"


class InvalidRequest(TaError):
    """The request was refused before it was sent: a bad name, a length, an empty source, a value of the wrong kind."""

    code = "invalid-request"


class TransportError(TaError):
    """The request or its answer was lost on the way.

    Attributes:
        reason: A word to count by. `refused`, `dns`, `tls`, `connect`: there was no connection to the server. `no-connection`,
            `overloaded`, `paused`, `token`: the request did not get its turn or its token in the call's time, or so late that there was less
            left than answers take (`overloaded`). `timeout`, `lost`, `truncated`: there
            was no whole answer. `closed`: the session or its connection pool was closed.
    """

    code = "transport"
    reason: str

    def __init__(self, message: str | Message, *, reason: str = "lost", **call: Unpack[CallState]) -> None:
        super().__init__(message, **call)
        self.reason = reason

    @property
    def may_pass(self) -> bool:
        """True except for a failure of TLS and a closed session."""
        return self.reason not in _LASTING_REASONS


class NotSent(TransportError):
    """The request certainly did not reach the server: refused, DNS, TLS, or no free connection in time.

    Where there were earlier attempts, the server has rejected them, so nothing has taken effect.
    """

    code = "not-sent"
    advice = "It did not reach the server, so it is safe to call again."


class ProtocolError(TaError):
    """The server answered, but not with what the specification promises.

    Attributes:
        status: The HTTP status of the answer.
    """

    code = "protocol"
    sent: Sent = "yes"
    safe_to_retry = False
    status: int

    def __init__(self, message: str | Message, *, status: int = 200, **call: Unpack[CallState]) -> None:
        super().__init__(message, **call)
        self.status = status


class HttpStatusError(ProtocolError):
    """The answer has an HTTP error status or a redirect and no envelope: a gateway or proxy spoke, not the TA server.

    That includes 401 and 403, which are no word of the TA server about the token.

    Attributes:
        retry_after: Seconds that the answer asked to wait, or None.
    """

    code = "http-status"
    advice = "Check the base URL; if that is right, look at the gateway or try again later."
    retry_after: float | None

    def __init__(
        self,
        message: str | Message,
        *,
        status: int = 500,
        retry_after: float | None = None,
        **call: Unpack[CallState],
    ) -> None:
        super().__init__(message, status=status, **call)
        self.retry_after = retry_after

    def what_to_do(self) -> str:
        """Return the advice; "" where the message itself says what to do."""
        return "" if self.code == "length-required" else self.advice

    @property
    def may_pass(self) -> bool:
        """True unless the request is too large for the gateway."""
        return self.status not in _TOO_LARGE


class NotJson(ProtocolError):
    """The body is not JSON: an HTML page, a truncated answer, or text that is not UTF-8."""

    code = "not-json"
    advice = (
        "Check that the base URL names the TA Open API (often port 8992) and no web page or other service."
    )

    @property
    def may_pass(self) -> bool:
        """True: a gateway may have spoken, or the answer was cut off."""
        return True


class SchemaError(ProtocolError):
    """The JSON has not the shape or the types of the specification.

    Attributes:
        path: Where in the answer, such as `data.userClusters[3].id`. The value itself is never kept.
    """

    code = "schema"
    advice = "The server may speak another version of the API."
    path: str

    def __init__(
        self, message: str | Message, *, path: str = "", status: int = 200, **call: Unpack[CallState]
    ) -> None:
        super().__init__(message, status=status, **call)
        self.path = path

    @property
    def may_pass(self) -> bool:
        """True for JSON without a `return_code`, which is not the TA server's."""
        return self.path == "return_code"


class ApiError(TaError):
    """The server refused the request with a `return_code` other than 0.

    Attributes:
        return_code: The server's code. Only some are documented; see the subclasses.
        return_message: The server's text, with the token masked if it was echoed.
        stack_message: The server's own stack trace, where it sent one. Not part of `str()`.
        status: The HTTP status of the answer, 200 as a rule.
        retry_after: Seconds that the answer asked to wait, or None.
    """

    _names_the_reason: ClassVar[bool] = False
    code = "api"
    sent: Sent = "yes"
    safe_to_retry = False
    return_code: int
    return_message: str
    stack_message: str | None
    status: int
    retry_after: float | None

    def __init__(
        self,
        return_code: int,
        return_message: str,
        *,
        stack_message: str | None = None,
        status: int = 200,
        retry_after: float | None = None,
        **call: Unpack[CallState],
    ) -> None:
        # The sentence ends with a full stop of its own.
        text = return_message.rstrip(".。") or Message("no-return-message")
        super().__init__(Message(self.code, return_code=return_code, return_message=text), **call)
        self.args: tuple[Any, ...] = (return_code, return_message)
        self.return_code = return_code
        self.return_message = return_message
        self.stack_message = stack_message
        self.status = status
        self.retry_after = retry_after

    @property
    def may_pass(self) -> bool:
        """True for too many requests, and unless the server names the reason, for HTTP 5xx and the return_code -1, which names none."""
        is_unclear = self.status >= 500 or self.return_code == _UNSPECIFIC
        return self.status == 429 or (is_unclear and not self._names_the_reason)


class TokenRejected(ApiError):
    """The server does not accept the token (return_code -1001), also when it was asked again.

    Attributes:
        from_provider: True where a provider gives the token. It may learn of a new one later than the server does.
    """

    _names_the_reason = True
    from_provider: bool = False

    code = "token-rejected"
    advice = "Check the token: making a new one on the TA server makes the previous one invalid."

    @property
    def may_pass(self) -> bool:
        """True where a provider gives the token."""
        return self.from_provider


class RateLimited(ApiError):
    """The server says that requests come too often (return_code -1005)."""

    code = "rate-limited"
    advice = "Lower rate_limit= or max_connections= of the session, or give the call more time with timeout=."

    @property
    def may_pass(self) -> bool:
        """True."""
        return True


class MissingParameter(ApiError):
    """The server says that a required parameter is empty (return_code -1008).

    Attributes:
        parameter: The parameter's name as the server wrote it, or None when its message has none.
    """

    _names_the_reason = True
    code = "missing-parameter"

    @property
    def parameter(self) -> str | None:
        """The name between the parentheses of the server's message."""
        found = re.search(r"[(（]([^()（）]+)[)）]", self.return_message)
        return found[1].strip() if found else None


class NotFound(ApiError):
    """The server's message says that the cluster or tag does not exist. The specification gives this no code of its own.

    Attributes:
        is_id_as_text: True where a str of digits was given, which is a name, and may have been meant as an id.
    """

    _names_the_reason = True
    code = "not-found"
    is_id_as_text: bool = False

    def what_to_do(self) -> str:
        """Return the advice to write an id as an int, where that may be what was meant."""
        return _ID_AS_TEXT if self.is_id_as_text else self.advice


class JournalError(TaError):
    """The journal cannot be used: a full disk, a file that cannot be written, a damaged file, a newer schema."""

    code = "journal"


class JournalBusy(JournalError):
    """Another runner works on the same project with the same journal.

    Attributes:
        holder: Who has it, as `host:pid`; "" when that is no longer known.
        expires_in: Seconds until its lease ends if it gives no sign of life.
    """

    code = "journal-busy"
    advice = "Let it finish or stop it, or use another journal file."
    holder: str
    expires_in: float

    def __init__(
        self, message: str | Message, *, holder: str = "", expires_in: float = 0.0, **call: Unpack[CallState]
    ) -> None:
        super().__init__(message, **call)
        self.holder = holder
        self.expires_in = expires_in

    @property
    def may_pass(self) -> bool:
        """True: the other runner ends sooner or later."""
        return True


class SourceChanged(TaError):
    """An upload was taken, but its file was written to meanwhile, so that it may have half an id, or rows of before and after.

    The cluster or tag is there all the same.

    Attributes:
        cluster_id: The id of the cluster or tag that was made or changed.
        upload_num: How many records were uploaded; None where the server does not say, as for the others.
        user_num: How many users are in it now.
        unmatched_num: How many records matched no user.
    """

    code = "source-changed"
    sent: Sent = "yes"
    safe_to_retry = False
    attempts = 1
    advice = "Upload a file that nobody writes to any more. The cluster is there: replace its upload, or delete it."
    cluster_id: int
    upload_num: int | None
    user_num: int | None
    unmatched_num: int | None

    def __init__(
        self,
        message: str | Message,
        *,
        cluster_id: int,
        upload_num: int | None = None,
        user_num: int | None = None,
        unmatched_num: int | None = None,
        **call: Unpack[CallState],
    ) -> None:
        super().__init__(message, **call)
        self.cluster_id = cluster_id
        self.upload_num = upload_num
        self.user_num = user_num
        self.unmatched_num = unmatched_num


class MatchTooLow(TaError):
    """An upload was taken, but fewer of its records match users than `require_match=` asks for. The cluster or tag is there all the same.

    Attributes:
        cluster_id: The id of the cluster or tag that was made or changed.
        required: The share of the records that must match, 0 to 1.
        match_rate: The share that does; None where the server does not say enough to tell.
        upload_num: How many records were uploaded; None where the server does not say, as for the others.
        user_num: How many users are in it now.
        unmatched_num: How many records matched no user.
    """

    code = "match-too-low"
    sent: Sent = "yes"
    safe_to_retry = False
    attempts = 1
    advice = "Look at main_column= and at the ids. The cluster is there: replace its upload, or delete it."
    cluster_id: int
    required: float
    match_rate: float | None
    upload_num: int | None
    user_num: int | None
    unmatched_num: int | None

    def __init__(
        self,
        message: str | Message,
        *,
        cluster_id: int,
        required: float,
        match_rate: float | None = None,
        upload_num: int | None = None,
        user_num: int | None = None,
        unmatched_num: int | None = None,
        **call: Unpack[CallState],
    ) -> None:
        super().__init__(message, **call)
        self.cluster_id = cluster_id
        self.required = required
        self.match_rate = match_rate
        self.upload_num = upload_num
        self.user_num = user_num
        self.unmatched_num = unmatched_num


class MembersIncomplete(TaError):
    """Members were read, but not all of them, or more than the server counts. What came is right as far as it goes.

    Attributes:
        count: How many came.
        expected: How many the server counts; None where it does not say.
        members: What came, for `collect()`; what is iterated has been passed on before.
        resume: Where reading can go on, for the route `task`.
    """

    code = "members-incomplete"
    sent: Sent = "yes"
    advice = "Do not take it for the whole: read the members again."
    count: int
    expected: int | None
    members: list[Any]
    resume: Any

    def __init__(
        self,
        message: str | Message,
        *,
        count: int = 0,
        expected: int | None = None,
        members: list[Any] | None = None,
        resume: object = None,
        **call: Unpack[CallState],
    ) -> None:
        super().__init__(message, **call)
        self.count = count
        self.expected = expected
        self.members = [] if members is None else members
        self.resume = resume

    @property
    def may_pass(self) -> bool:
        """True."""
        return True


class MembersChanged(TaError):
    """The cluster or tag is being computed, or was computed while its members were read: they may be of two computations."""

    code = "members-changed"
    sent: Sent = "yes"
    advice = "Wait for the end of its refresh, and read the members again."

    @property
    def may_pass(self) -> bool:
        """True."""
        return True
