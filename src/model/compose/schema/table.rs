//! The keys of the Compose specification and the forms that they take: a table of our own, after compose-go 2.14's
//! schema and what its loader casts and refuses on top of it.

use super::{
    shape::{Check, Fields, List, Map, Names, Shape, Types},
    values,
};

const ANY: Shape = Shape::ANY;
const TEXT: Shape = text(Check::Any);
const BOOL: Shape = Shape::scalar(Types::STRING.or(Types::BOOL), Check::Text(values::BOOL));
const ONLY_BOOL: Shape = Shape::scalar(Types::BOOL, Check::Any);
const CAST_BOOL: Shape = Shape::scalar(Types::BOOL, Check::Cast(values::BOOL));
const INT: Shape = Shape::scalar(Types::STRING.or(Types::INTEGER), Check::Text(values::INT));
const FLOAT: Shape = Shape::scalar(Types::STRING.or(Types::NUMBER), Check::Text(values::FLOAT));
/// A number that Compose reads as a whole one if it is in quotes.
const COUNT: Shape = Shape::scalar(Types::STRING.or(Types::NUMBER), Check::Text(values::INT));
const NUMBER: Shape = Shape::scalar(Types::NUMBER, Check::Any);
const TEXT_OR_NUMBER: Shape = Shape::scalar(Types::STRING.or(Types::NUMBER), Check::Any);
/// A text that Compose does not read.
const REMARK: Shape = Shape::scalar(Types::STRING.or(Types::DATE), Check::Any);
const GO_INT: Shape = Shape::scalar(Types::STRING.or(Types::INT), Check::Text(values::INT));
const TEXT_OR_INT: Shape = Shape::scalar(Types::STRING.or(Types::INT), Check::Any);
const TEXT_OR_BOOL: Shape = Shape::scalar(Types::STRING.or(Types::BOOL), Check::Any);
const SIZE: Shape = Shape::scalar(Types::STRING.or(Types::NUMBER), Check::Text(values::SIZE));
const INT_SIZE: Shape = Shape::scalar(Types::STRING.or(Types::INTEGER), Check::Text(values::SIZE));
const TEXT_SIZE: Shape = text(Check::Text(values::SIZE));
const DURATION: Shape = text(Check::Text(values::DURATION));

const fn text(check: Check) -> Shape {
    Shape::scalar(Types::STRING, check)
}

const TEXTS: Shape = Shape::list(&List { item: TEXT, unique: false });
const SET: Shape = Shape::list(&List { item: TEXT, unique: true });
const TEXT_OR_SET: Shape = TEXT.or_list(&List { item: TEXT, unique: true });
const TEXT_OR_TEXTS: Shape = TEXT.or_list(&List { item: TEXT, unique: false });
const COMMAND: Shape =
    Shape::scalar(Types::STRING.or(Types::NULL).or(Types::DATE), Check::Text(values::COMMAND))
        .or_list(&List { item: TEXT, unique: false });

const LITERAL: Shape = Shape::scalar(
    Types::STRING.or(Types::NUMBER).or(Types::BOOL).or(Types::NULL).or(Types::DATE),
    Check::Any,
);
const LITERALS: Shape =
    Shape::map(&Map::Names(Names { value: LITERAL, name: values::NON_EMPTY, closed: true }));
/// Where the last one of several equal names wins.
const PAIRS: Shape = LITERALS.or_list(&List { item: TEXT, unique: false });
const UNIQUE_PAIRS: Shape = LITERALS.or_list(&List { item: TEXT, unique: true });
const VARIABLES: Shape = LITERALS.or_list(&List { item: text(Check::Text(values::VARIABLE)), unique: false });
const UNIQUE_VARIABLES: Shape =
    LITERALS.or_list(&List { item: text(Check::Text(values::VARIABLE)), unique: true });
const CONTEXTS: Shape = TEXT_MAP.or_list(&List { item: text(Check::Text(values::PAIR)), unique: false });
const SSH: Shape = LITERALS.or_list(&List { item: text(Check::Text(values::SSH)), unique: true });
const HOSTS: Shape =
    Shape::map(&Map::Names(Names { value: TEXT_OR_TEXTS, name: values::HOST, closed: true }))
        .or_list(&List { item: text(Check::Text(values::HOST_ENTRY)), unique: true });
const DRIVER_OPTS: Shape =
    Shape::map(&Map::Names(Names { value: TEXT_OR_NUMBER, name: values::NON_EMPTY, closed: false }));
const TEXT_MAP: Shape = Shape::map(&Map::Names(Names { value: TEXT, name: values::NON_EMPTY, closed: true }));
const LOG_OPTIONS: Shape = Shape::map(&Map::Names(Names {
    value: TEXT_OR_NUMBER.or_null(),
    name: values::NON_EMPTY,
    closed: false,
}));
const ANYTHING: Shape = Shape::map(&Map::Names(Names { value: ANY, name: values::NON_EMPTY, closed: false }));

/// The whole file.
pub(super) static FILE: Map = Map::of(
    "a compose file",
    &[
        ("version", REMARK),
        ("name", REMARK),
        ("include", Shape::list(&List { item: TEXT.or_null().or_map(&INCLUDE), unique: false }).or_null()),
        (
            "services",
            Shape::map(&Map::Names(Names { value: Shape::map(&SERVICE), name: values::NAME, closed: true })),
        ),
        (
            "models",
            Shape::map(&Map::Names(Names { value: Shape::map(&MODEL), name: values::NAME, closed: false })),
        ),
        (
            "networks",
            Shape::map(&Map::Names(Names {
                value: Shape::map(&NETWORK).or_null(),
                name: values::NAME,
                closed: false,
            })),
        ),
        (
            "volumes",
            Shape::map(&Map::Names(Names {
                value: Shape::map(&VOLUME).or_null(),
                name: values::NAME,
                closed: true,
            })),
        ),
        (
            "secrets",
            Shape::map(&Map::Names(Names { value: Shape::map(&SECRET), name: values::NAME, closed: true })),
        ),
        (
            "configs",
            Shape::map(&Map::Names(Names { value: Shape::map(&CONFIG), name: values::NAME, closed: true })),
        ),
    ],
);

/// Compose reads it before it looks at the schema, and ignores what it does not know.
static INCLUDE: Map = loosely(
    "an entry of `include`",
    &[],
    &[("path", TEXT_OR_TEXTS.or_null()), ("env_file", TEXT_OR_TEXTS.or_null()), ("project_directory", ANY)],
);

const fn loosely(
    of: &'static str,
    required: &'static [&'static str],
    fields: &'static [(&'static str, Shape)],
) -> Map {
    Map::Fields(Fields { of, known: fields, required, extensions: true, open: true, exclusive: None })
}

/// A service: what most keys belong to.
pub(super) static SERVICE: Map = Map::of(
    "a service",
    &[
        ("image", TEXT),
        ("build", TEXT.or_map(&BUILD)),
        ("ports", Shape::list(&List { item: PORT, unique: false })),
        (
            "volumes",
            Shape::list(&List { item: text(Check::Text(values::MOUNT)).or_map(&MOUNT), unique: false }),
        ),
        ("environment", VARIABLES),
        ("env_file", TEXT.or_list(&List { item: TEXT.or_map(&ENV_FILE), unique: false })),
        ("command", COMMAND),
        ("entrypoint", COMMAND),
        ("depends_on", SET.or_map(&DEPENDS_ON)),
        ("restart", TEXT),
        ("networks", SET.or_map(&SERVICE_NETWORKS)),
        ("healthcheck", Shape::map(&HEALTHCHECK)),
        ("labels", PAIRS),
        ("container_name", text(Check::Text(values::CONTAINER_NAME))),
        ("deploy", Shape::map(&DEPLOY).or_null()),
        ("develop", Shape::map(&DEVELOP).or_null()),
        ("annotations", PAIRS),
        ("attach", BOOL),
        ("blkio_config", Shape::map(&BLKIO)),
        ("cap_add", TEXTS),
        ("cap_drop", TEXTS),
        ("cgroup", text(Check::OneOf(&["host", "private"]))),
        ("cgroup_parent", TEXT),
        ("configs", FILE_MOUNTS),
        ("cpu_count", Shape::scalar(Types::STRING.or(Types::INTEGER), Check::Within(0, i64::MAX))),
        ("cpu_percent", Shape::scalar(Types::STRING.or(Types::INTEGER), Check::Within(0, 100))),
        ("cpu_shares", COUNT),
        ("cpu_quota", COUNT),
        ("cpu_period", COUNT),
        ("cpu_rt_period", COUNT),
        ("cpu_rt_runtime", COUNT),
        ("cpus", FLOAT),
        ("cpuset", TEXT),
        ("credential_spec", Shape::map(&CREDENTIAL_SPEC)),
        ("device_cgroup_rules", SET),
        (
            "devices",
            Shape::list(&List { item: text(Check::Text(values::DEVICE)).or_map(&DEVICE), unique: false }),
        ),
        ("dns", TEXT_OR_TEXTS),
        ("dns_opt", TEXTS),
        ("dns_search", TEXT_OR_TEXTS),
        ("domainname", TEXT),
        ("label_file", TEXT_OR_TEXTS),
        ("expose", Shape::list(&List { item: TEXT_OR_INT, unique: false })),
        ("extends", TEXT.or_map(&EXTENDS)),
        ("provider", Shape::map(&PROVIDER)),
        ("external_links", SET),
        ("extra_hosts", HOSTS),
        ("gpus", text(Check::OneOf(&["all"])).or_list(&List { item: Shape::map(&GPU), unique: false })),
        ("group_add", Shape::list(&List { item: TEXT_OR_NUMBER, unique: true })),
        ("hostname", TEXT),
        ("init", BOOL),
        ("ipc", TEXT),
        ("isolation", TEXT),
        ("links", TEXTS),
        ("logging", Shape::map(&LOGGING)),
        ("mac_address", TEXT),
        ("mem_limit", SIZE),
        ("mem_reservation", INT_SIZE),
        ("mem_swappiness", INT_SIZE),
        ("memswap_limit", SIZE),
        ("network_mode", TEXT),
        ("models", SET.or_map(&SERVICE_MODELS)),
        ("oom_kill_disable", BOOL),
        ("oom_score_adj", Shape::scalar(Types::STRING.or(Types::INTEGER), Check::Within(-1000, 1000))),
        ("pid", TEXT.or_null()),
        ("pids_limit", COUNT),
        ("platform", TEXT),
        ("pre_start", Shape::list(&List { item: Shape::map(&PRE_START), unique: false })),
        ("post_start", Shape::list(&List { item: Shape::map(&HOOK), unique: false })),
        ("pre_stop", Shape::list(&List { item: Shape::map(&HOOK), unique: false })),
        ("privileged", BOOL),
        ("profiles", TEXTS),
        ("pull_policy", text(Check::Text(values::PULL_POLICY))),
        ("pull_refresh_after", TEXT),
        ("read_only", BOOL),
        ("runtime", TEXT),
        ("scale", INT),
        ("security_opt", SET),
        ("shm_size", SIZE),
        ("secrets", FILE_MOUNTS),
        ("sysctls", PAIRS),
        ("stdin_open", BOOL),
        ("stop_grace_period", DURATION),
        ("stop_signal", TEXT),
        ("storage_opt", ANYTHING),
        ("tmpfs", TEXT_OR_TEXTS),
        ("tty", BOOL),
        ("ulimits", ULIMITS),
        ("use_api_socket", ONLY_BOOL),
        ("user", TEXT),
        ("uts", TEXT),
        ("userns_mode", TEXT),
        ("volumes_from", SET),
        ("working_dir", TEXT),
    ],
);

static BUILD: Map = Map::of(
    "`build`",
    &[
        ("context", TEXT),
        ("dockerfile", TEXT),
        ("dockerfile_inline", TEXT),
        ("target", TEXT),
        ("args", VARIABLES),
        ("entitlements", TEXTS),
        ("ssh", SSH),
        ("labels", PAIRS),
        ("cache_from", TEXTS),
        ("cache_to", TEXTS),
        ("no_cache", BOOL),
        ("no_cache_filter", TEXT_OR_SET),
        ("additional_contexts", CONTEXTS),
        ("network", TEXT),
        ("provenance", TEXT_OR_BOOL),
        ("sbom", TEXT_OR_BOOL),
        ("pull", BOOL),
        ("shm_size", INT_SIZE),
        ("extra_hosts", HOSTS),
        ("isolation", TEXT),
        ("privileged", BOOL),
        ("secrets", FILE_MOUNTS),
        ("tags", TEXTS),
        ("ulimits", ULIMITS),
        ("platforms", TEXTS),
    ],
);

const PORT: Shape =
    Shape::scalar(Types::STRING.or(Types::INT), Check::Every(values::PORT)).or_map(&LONG_PORT);

static LONG_PORT: Map = Map::requires(
    "a port",
    &["target"],
    &[
        ("target", INT),
        ("published", TEXT_OR_INT),
        ("protocol", TEXT),
        ("host_ip", text(Check::Text(values::IP))),
        ("mode", TEXT),
        ("name", TEXT),
        ("app_protocol", TEXT),
    ],
);

static MOUNT: Map = Map::requires(
    "a mount",
    &["type", "target"],
    &[
        ("type", text(Check::OneOf(&["bind", "volume", "tmpfs", "cluster", "npipe", "image"]))),
        ("source", TEXT),
        ("target", TEXT),
        ("read_only", BOOL),
        ("consistency", TEXT),
        ("bind", Shape::map(&BIND)),
        ("volume", Shape::map(&MOUNTED_VOLUME)),
        ("tmpfs", Shape::map(&TMPFS)),
        ("image", Shape::map(&MOUNTED_IMAGE)),
    ],
);

static BIND: Map = Map::of(
    "`bind`",
    &[
        ("propagation", TEXT),
        ("create_host_path", BOOL),
        ("recursive", text(Check::OneOf(&["enabled", "disabled", "writable", "readonly"]))),
        ("selinux", text(Check::OneOf(&["z", "Z"]))),
    ],
);

static MOUNTED_VOLUME: Map =
    Map::of("a mount's `volume`", &[("labels", UNIQUE_PAIRS), ("nocopy", BOOL), ("subpath", TEXT)]);

static TMPFS: Map = Map::of("a mount's `tmpfs`", &[("size", INT_SIZE), ("mode", COUNT)]);

static MOUNTED_IMAGE: Map = Map::of("a mount's `image`", &[("subpath", TEXT)]);

static ENV_FILE: Map =
    strictly("an entry of `env_file`", &["path"], &[("path", TEXT), ("format", TEXT), ("required", BOOL)]);

const fn strictly(
    of: &'static str,
    required: &'static [&'static str],
    fields: &'static [(&'static str, Shape)],
) -> Map {
    Map::Fields(Fields { of, known: fields, required, extensions: false, open: false, exclusive: None })
}

static DEPENDS_ON: Map =
    Map::Names(Names { value: Shape::map(&DEPENDENCY), name: values::NAME, closed: true });

static DEPENDENCY: Map = Map::requires(
    "an entry of `depends_on`",
    &["condition"],
    &[
        (
            "condition",
            text(Check::OneOf(&["service_started", "service_healthy", "service_completed_successfully"])),
        ),
        ("restart", BOOL),
        ("required", CAST_BOOL),
    ],
);

static SERVICE_NETWORKS: Map =
    Map::Names(Names { value: Shape::map(&SERVICE_NETWORK).or_null(), name: values::NAME, closed: true });

static SERVICE_NETWORK: Map = Map::of(
    "a service's network",
    &[
        ("aliases", TEXTS),
        ("interface_name", TEXT),
        ("ipv4_address", TEXT),
        ("ipv6_address", TEXT),
        ("link_local_ips", TEXTS),
        ("mac_address", TEXT),
        ("driver_opts", DRIVER_OPTS),
        ("priority", NUMBER),
        ("gw_priority", NUMBER),
    ],
);

static SERVICE_MODELS: Map =
    Map::Names(Names { value: Shape::map(&SERVICE_MODEL).or_null(), name: values::NAME, closed: false });

static SERVICE_MODEL: Map = Map::of("a service's model", &[("endpoint_var", TEXT), ("model_var", TEXT)]);

static HEALTHCHECK: Map = Map::of(
    "`healthcheck`",
    &[
        ("test", TEXT_OR_TEXTS),
        ("interval", DURATION),
        ("timeout", DURATION),
        ("retries", Shape::scalar(Types::STRING.or(Types::NUMBER), Check::Every(values::NOT_NEGATIVE))),
        ("start_period", DURATION),
        ("start_interval", DURATION),
        ("disable", BOOL),
    ],
);

static DEPLOY: Map = Map::of(
    "`deploy`",
    &[
        ("mode", TEXT),
        ("endpoint_mode", TEXT),
        ("replicas", INT),
        ("labels", PAIRS),
        ("rollback_config", Shape::map(&UPDATE)),
        ("update_config", Shape::map(&UPDATE)),
        ("resources", Shape::map(&RESOURCES)),
        ("restart_policy", Shape::map(&RESTART_POLICY)),
        ("placement", Shape::map(&PLACEMENT)),
    ],
);

static UPDATE: Map = Map::of(
    "`update_config` and `rollback_config`",
    &[
        ("parallelism", INT),
        ("delay", DURATION),
        ("failure_action", TEXT),
        ("monitor", DURATION),
        ("max_failure_ratio", FLOAT),
        ("order", text(Check::OneOf(&["start-first", "stop-first"]))),
    ],
);

static RESOURCES: Map =
    Map::of("`resources`", &[("limits", Shape::map(&LIMITS)), ("reservations", Shape::map(&RESERVATIONS))]);

static LIMITS: Map = Map::of("`limits`", &[("cpus", FLOAT), ("memory", TEXT_SIZE), ("pids", INT)]);

static RESERVATIONS: Map = Map::of(
    "`reservations`",
    &[
        ("cpus", FLOAT),
        ("memory", TEXT_SIZE),
        ("generic_resources", Shape::list(&List { item: Shape::map(&GENERIC), unique: false })),
        ("devices", Shape::list(&List { item: Shape::map(&RESERVED_DEVICE), unique: false })),
    ],
);

static GENERIC: Map =
    Map::of("an entry of `generic_resources`", &[("discrete_resource_spec", Shape::map(&DISCRETE))]);

static DISCRETE: Map = Map::of("`discrete_resource_spec`", &[("kind", TEXT), ("value", COUNT)]);

const DEVICE_FIELDS: &[(&str, Shape)] = &[
    ("capabilities", SET),
    ("count", Shape::scalar(Types::STRING.or(Types::INT), Check::Text(values::DEVICE_COUNT))),
    ("device_ids", SET),
    ("driver", TEXT),
    ("options", UNIQUE_PAIRS),
];

static RESERVED_DEVICE: Map = Map::Fields(Fields {
    of: "an entry of `devices`",
    known: DEVICE_FIELDS,
    required: &["capabilities"],
    extensions: true,
    open: false,
    exclusive: Some(("count", "device_ids")),
});

static GPU: Map = Map::Fields(Fields {
    of: "an entry of `gpus`",
    known: DEVICE_FIELDS,
    required: &[],
    extensions: true,
    open: true,
    exclusive: Some(("count", "device_ids")),
});

static RESTART_POLICY: Map = Map::of(
    "`restart_policy`",
    &[("condition", TEXT), ("delay", DURATION), ("max_attempts", INT), ("window", DURATION)],
);

static PLACEMENT: Map = Map::of(
    "`placement`",
    &[
        ("constraints", TEXTS),
        ("preferences", Shape::list(&List { item: Shape::map(&PREFERENCE), unique: false })),
        ("max_replicas_per_node", INT),
    ],
);

static PREFERENCE: Map = Map::of("an entry of `preferences`", &[("spread", TEXT)]);

static DEVELOP: Map =
    Map::of("`develop`", &[("watch", Shape::list(&List { item: Shape::map(&WATCH), unique: false }))]);

static WATCH: Map = Map::requires(
    "an entry of `watch`",
    &["path", "action"],
    &[
        ("path", text(Check::Text(values::NON_EMPTY))),
        ("action", text(Check::OneOf(&["rebuild", "sync", "restart", "sync+restart", "sync+exec"]))),
        ("target", TEXT),
        ("ignore", TEXT_OR_SET),
        ("include", TEXT_OR_SET),
        ("exec", Shape::map(&HOOK)),
        ("initial_sync", ONLY_BOOL),
    ],
);

static HOOK: Map = Map::requires(
    "a hook",
    &["command"],
    &[
        ("command", COMMAND),
        ("user", TEXT),
        ("privileged", BOOL),
        ("working_dir", TEXT),
        ("environment", UNIQUE_VARIABLES),
    ],
);

static PRE_START: Map = Map::of(
    "a `pre_start` hook",
    &[
        ("command", COMMAND),
        ("image", TEXT),
        ("user", TEXT),
        ("privileged", BOOL),
        ("working_dir", TEXT),
        ("environment", UNIQUE_VARIABLES),
        ("per_replica", BOOL),
    ],
);

const BLKIO_LIMITS: Shape = Shape::list(&BLKIO_LIMIT_LIST);

static BLKIO_LIMIT_LIST: List = List { item: Shape::map(&BLKIO_LIMIT), unique: false };

static BLKIO: Map = Map::strict(
    "`blkio_config`",
    &[
        ("device_read_bps", BLKIO_LIMITS),
        ("device_read_iops", BLKIO_LIMITS),
        ("device_write_bps", BLKIO_LIMITS),
        ("device_write_iops", BLKIO_LIMITS),
        ("weight", INT),
        ("weight_device", Shape::list(&List { item: Shape::map(&BLKIO_WEIGHT), unique: false })),
    ],
);

static BLKIO_LIMIT: Map = Map::strict("a limit of `blkio_config`", &[("path", TEXT), ("rate", INT_SIZE)]);

static BLKIO_WEIGHT: Map = Map::strict("an entry of `weight_device`", &[("path", TEXT), ("weight", INT)]);

static CREDENTIAL_SPEC: Map =
    Map::of("`credential_spec`", &[("config", TEXT), ("file", TEXT), ("registry", TEXT)]);

static DEVICE: Map = Map::requires(
    "a device",
    &["source", "target"],
    &[("source", TEXT), ("target", TEXT), ("permissions", TEXT)],
);

static EXTENDS: Map = loosely("`extends`", &["service"], &[("service", TEXT), ("file", TEXT.or_null())]);

static PROVIDER: Map = Map::requires("`provider`", &["type"], &[("type", TEXT), ("options", OPTIONS)]);

const OPTION: Shape = Shape::scalar(Types::STRING.or(Types::NUMBER).or(Types::BOOL), Check::Any);
const OPTIONS: Shape = Shape::map(&Map::Names(Names {
    value: OPTION.or_list(&List { item: OPTION, unique: false }),
    name: values::NON_EMPTY,
    closed: false,
}));

static LOGGING: Map = Map::of("`logging`", &[("driver", TEXT), ("options", LOG_OPTIONS)]);

const FILE_MOUNTS: Shape = Shape::list(&FILE_MOUNT_LIST);

static FILE_MOUNT_LIST: List = List { item: TEXT.or_map(&FILE_MOUNT), unique: false };

static FILE_MOUNT: Map = Map::of(
    "an entry of `secrets` and `configs`",
    &[("source", TEXT), ("target", TEXT), ("uid", TEXT), ("gid", TEXT), ("mode", COUNT)],
);

const ULIMITS: Shape = Shape::map(&ULIMIT_MAP);

static ULIMIT_MAP: Map =
    Map::Names(Names { value: GO_INT.or_map(&ULIMIT), name: values::LOWER_CASE, closed: false });

static ULIMIT: Map = Map::requires("a limit", &["soft", "hard"], &[("soft", INT), ("hard", INT)]);

const EXTERNAL: Shape = BOOL.or_map(&Map::of("`external`", &[("name", TEXT)]));
const OPEN_EXTERNAL: Shape = BOOL.or_map(&Map::Fields(Fields {
    of: "`external`",
    known: &[("name", TEXT)],
    required: &[],
    extensions: true,
    open: true,
    exclusive: None,
}));

static NETWORK: Map = Map::of(
    "a network",
    &[
        ("name", TEXT),
        ("driver", TEXT),
        ("driver_opts", DRIVER_OPTS),
        ("ipam", Shape::map(&IPAM)),
        ("external", EXTERNAL),
        ("internal", BOOL),
        ("enable_ipv4", BOOL),
        ("enable_ipv6", BOOL),
        ("attachable", BOOL),
        ("labels", PAIRS),
    ],
);

static IPAM: Map = Map::of(
    "`ipam`",
    &[
        ("driver", TEXT),
        ("config", Shape::list(&List { item: Shape::map(&POOL), unique: false })),
        ("options", TEXT_MAP),
    ],
);

static POOL: Map = Map::of(
    "an entry of `config`",
    &[("subnet", TEXT), ("ip_range", TEXT), ("gateway", TEXT), ("aux_addresses", TEXT_MAP)],
);

static VOLUME: Map = Map::of(
    "a volume",
    &[
        ("name", TEXT),
        ("driver", TEXT),
        ("driver_opts", DRIVER_OPTS),
        ("external", EXTERNAL),
        ("labels", UNIQUE_PAIRS),
    ],
);

static SECRET: Map = Map::Fields(Fields {
    of: "a secret",
    known: &[
        ("name", TEXT),
        ("environment", TEXT),
        ("file", TEXT),
        ("external", OPEN_EXTERNAL),
        ("labels", UNIQUE_PAIRS),
        ("driver", TEXT),
        ("driver_opts", DRIVER_OPTS),
        ("template_driver", TEXT),
    ],
    required: &[],
    extensions: true,
    open: false,
    exclusive: Some(("file", "environment")),
});

static CONFIG: Map = Map::of(
    "a config",
    &[
        ("name", TEXT),
        ("content", TEXT),
        ("environment", TEXT),
        ("file", TEXT),
        ("external", OPEN_EXTERNAL),
        ("labels", UNIQUE_PAIRS),
        ("template_driver", TEXT),
    ],
);

static MODEL: Map = Map::requires(
    "a model",
    &["model"],
    &[
        ("name", TEXT),
        ("model", TEXT),
        ("context_size", Shape::scalar(Types::INTEGER, Check::Any)),
        ("runtime_flags", TEXTS),
    ],
);
