"""What the specification leaves open about a TA server, as settings with stated defaults.

Each setting exists because the vendor's documents do not say how the server behaves. A correct client works with every
combination; a test chooses one.
"""

from __future__ import annotations

from typing import Literal

from attrs import frozen


@frozen(kw_only=True)
class ReturnCodes:
    """The return codes of errors.

    Only the first three are documented anywhere. The others are unknown for real servers: the emulator uses numbers of its own
    from -3001 on, which no client may give a meaning to.

    Attributes:
        missing_parameter: A required parameter is absent or empty (specification: `参数(token)为空`).
        bad_token: The token is wrong or has expired (inferred from the product's internal API).
        too_frequent: Too many requests (seen by third parties: `请求频率过快`).
        invalid_parameter: A parameter has the wrong type or a value that is not allowed.
        wrong_project: The token does not open this project, or the project does not exist.
        not_found: No cluster or tag has this id or name.
        duplicate_name: Another cluster or tag has this name.
        invalid_name: A name or display name breaks the rule or is too long.
        not_evaluable: The definition cannot be evaluated; the message names the key.
        bad_upload: The CSV cannot be read; the message names the line.
        refresh_refused: The refresh is refused: one runs already, or an id cluster has nothing to refresh.
        queue_full: The refresh is refused: `max_jobs` wait or run already.
        too_complex: The definition has more parts than `max_events`, `max_filters`, `max_values` or `max_depth`, or takes
            longer to evaluate than `evaluation_seconds`.
        bad_sql: The statement is no single SELECT, is wrong, or took too long.
    """

    missing_parameter: int = -1008
    bad_token: int = -1001
    too_frequent: int = -1005
    invalid_parameter: int = -3001
    wrong_project: int = -3002
    not_found: int = -3003
    duplicate_name: int = -3004
    invalid_name: int = -3005
    not_evaluable: int = -3006
    bad_upload: int = -3007
    refresh_refused: int = -3008
    queue_full: int = -3009
    too_complex: int = -3010
    bad_sql: int = -3011


@frozen(kw_only=True)
class Settings:
    """Behaviour of the emulated server where the specification is silent or contradicts itself.

    Attributes:
        codes: The return codes of errors.
        error_status: HTTP status of an answer with a non-zero return code. Third parties report 200.
        stack_messages: Send `stackMessage` and `showStackMessage` with errors, as the general Open API page describes.
        check_content_type: Refuse a request without the specification's Content-Type with HTTP 415 and HTML: `text/csv` for
            uploads and `application/json` for all others, with a body or without.
        path_prefix: A path in front of `/open`, such as "/te", for deployments behind a proxy.
        latency: Seconds of the event loop before each answer.
        rate_limit: Requests per second of the event loop above which the server answers "too frequent", with bursts of one
            second's worth. None means no limit. No real figure is known.
        evaluate: False skips every evaluation: any definition is accepted, SQL and result types included, user counts are
            seeded random numbers, and every uploaded id counts as a user. For load tests.
        cluster_comparators: The comparators of filters on clusters: in it, and not in it. Third parties send these; the vendor names none.
        evaluation_seconds: Seconds of the machine's clock that one evaluation may take, so that no request keeps the server from
            others. None means no limit.
        max_events: Most event conditions of one definition, those of all tag values together.
        max_filters: Most filters of one definition, in all its `filts` together.
        max_values: Most values of one definition, in all its other lists together.
        max_depth: Most objects and lists within each other in one definition.
        max_body: Most bytes of a JSON body; a larger one is refused with HTTP 413. Uploads have no limit.
        failure_rate: Share of the computations, chosen by the seed, that end with progress -1.
        compute_on_create: Creating a cluster starts its first computation.
        compute_on_update: Changing the definition starts a computation; changing only the display name never does.
        progress_before_first: Progress shown for a cluster that was never computed.
        while_running: What a refresh does while one is waiting or running: answered with success and ignored, queued
            behind it, or rejected.
        max_jobs: Most computations that wait or run at once; a refresh beyond them is refused with `codes.queue_full`. None means
            no limit.
        refresh_time: Whether `refreshTime` marks the start or the end of the latest computation, or is never set again after the
            first one. The resolution is 1 second.
        replica_lag: For how many server seconds a lagging replica is behind.
        lagging_share: Share of the details, lists and progress answers, chosen by the seed, that come from a lagging replica.
        list_lag: For how many server seconds every list is behind, as one that is cached.
        stale_seconds: Server seconds after a refresh was accepted during which the previous progress, `refreshTime` and user
            count are still shown: the "stale 100".
        queued_shows: A computation that waits for capacity shows progress 0, or the previous progress until it starts.
        refresh_id_clusters: Whether a refresh of an uploaded cluster is accepted (its users stay the same) or rejected.
        resolve_windows: Details of clusters show the `startTime` and `endTime` that a `recentDay` stands for, as the
            specification's sample does.
        first_id: The id of the first cluster.
        name_pattern: Regular expression that the whole `clusterName` must match.
        strip_names: Ignore blanks around the `clusterName` of an existing cluster, so that the specification's own by-name URLs work,
            which have one before the name. False finds nothing there.
        name_length: Maximum length of a `clusterName` in characters.
        display_name_length: Maximum length of a `displayName` in characters.
        list_order: Order of list rows by id. With "newest_first" rows move to later pages while others are created.
        default_page_size: Rows of a page if `pageSize` is absent.
        max_page_size: Maximum rows of a page, whatever `pageSize` asks for.
        refuse_page_size: A `pageSize` above it is refused with `codes.invalid_parameter`. None means that any is taken.
        modify: Whether a modifying upload replaces the users or adds to them.
        modify_answers: Whether a modifying upload answers `"data": ""` (the specification's sample) or the counters (its curl
            trace).
        accept_bom: Accept and drop a UTF-8 byte order mark before the first record.
        sql_in: Where statements are taken from: the query string, or a form in the body.
        sql_envelope: Whether the first line of `/querySql` is an envelope with the headers.
        sql_first_page: The number of the first page of `sql-result-page`.
        user_ids: How `#user_id` is written in rows.
    """

    codes: ReturnCodes = ReturnCodes()
    error_status: int = 200
    stack_messages: bool = False
    check_content_type: bool = True
    path_prefix: str = ""
    latency: float = 0.0
    rate_limit: float | None = None
    evaluate: bool = True
    cluster_comparators: tuple[str, str] = ("belongToCluster", "notBelongToCluster")
    evaluation_seconds: float | None = 30.0
    max_events: int = 100
    max_filters: int = 500
    max_values: int = 10_000
    max_depth: int = 32
    max_body: int = 8 << 20
    failure_rate: float = 0.0
    compute_on_create: bool = True
    compute_on_update: bool = True
    progress_before_first: int = 0
    while_running: Literal["ignore", "queue", "reject"] = "ignore"
    max_jobs: int | None = None
    refresh_time: Literal["start", "end", "never"] = "start"
    replica_lag: float = 0.0
    lagging_share: float = 0.0
    list_lag: float = 0.0
    stale_seconds: float = 0.0
    queued_shows: Literal["zero", "previous"] = "zero"
    refresh_id_clusters: Literal["accept", "reject"] = "reject"
    resolve_windows: bool = True
    first_id: int = 970
    name_pattern: str = "[A-Za-z0-9_]+"
    strip_names: bool = False
    name_length: int = 24
    display_name_length: int = 50
    list_order: Literal["newest_first", "oldest_first"] = "newest_first"
    default_page_size: int = 10
    max_page_size: int = 1000
    refuse_page_size: int | None = None
    modify: Literal["replace", "append"] = "replace"
    modify_answers: Literal["empty", "counters"] = "counters"
    accept_bom: bool = False
    sql_in: Literal["query", "form"] = "query"
    sql_envelope: bool = True
    sql_first_page: int = 0
    user_ids: Literal["number", "text"] = "number"
