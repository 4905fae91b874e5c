//! Every rule of the settings by an example that breaks it, and the example files of the repository.

use std::ffi::OsString;

use super::*;

const GOOD: &str = r#"
node_id = 1
zone = "a"
data_dir = "/data"
api = "0.0.0.0:4567"
peer = "0.0.0.0:4667"
auth = { mode = "on", credentials = "/credentials.toml" }

[[members]]
id = 1
zone = "a"
api = "10.0.0.1:4567"
peer = "10.0.0.1:4667"

[[members]]
id = 2
zone = "b"
api = "10.0.0.2:4567"
peer = "10.0.0.2:4667"
"#;

/// A piece of the good settings, what to put in its place, how the refusal begins.
const BROKEN: &[(&str, &str, &str)] = &[
    ("node_id = 1\n", "node_id = 0\n", "node_id: at least 1"),
    ("zone = \"a\"\ndata", "zone = \"A!\"\ndata", "zone: "),
    (
        "zone = \"a\"\ndata",
        "zone = \"b\"\ndata",
        "zone: b here, a among the members",
    ),
    (
        "data_dir = \"/data\"",
        "data_dir = \"\"",
        "data_dir: must not be empty",
    ),
    (
        "api = \"0.0.0.0:4567\"",
        "api = \"4567\"",
        "api: \"4567\" is not host:port",
    ),
    ("id = 2\n", "id = 1\n", "members.id: 1 is there twice"),
    (
        "10.0.0.2:4667",
        "10.0.0.1:4667",
        "members.peer: 10.0.0.1:4667 is there twice",
    ),
    (
        "10.0.0.2:4567",
        "0.0.0.0:4567",
        "members.api: 0.0.0.0:4567 cannot be reached",
    ),
    (
        "node_id = 1\n",
        "node_id = 3\n",
        "api: 0.0.0.0:4567 cannot be reached",
    ),
    (
        "node_id = 1\n",
        "node_id = 1\naccount = \"12\"\n",
        "account: ",
    ),
    (
        "auth = { mode = \"on\", credentials = \"/credentials.toml\" }\n",
        "",
        "api: 0.0.0.0:4567 can be reached from other machines, and authentication is off: add [auth]",
    ),
    (
        "mode = \"on\", credentials",
        "mode = \"off\", credentials",
        "auth.mode: credentials are of no use",
    ),
    (
        ", credentials = \"/credentials.toml\"",
        "",
        "auth.credentials: the file of those who may call is needed",
    ),
    (
        "node_id = 1\n",
        "node_id = 1\ntransition_ms = 60001\n",
        "transition_ms: ",
    ),
    (
        "node_id = 1\n",
        "node_id = 1\nlog.segment_bytes = 1\n",
        "log.segment_bytes: ",
    ),
    (
        "node_id = 1\n",
        "node_id = 1\nretention_hour_ms = 0\n",
        "retention_hour_ms: ",
    ),
    (
        "node_id = 1\n",
        "node_id = 1\ntrim.check_ms = 0\n",
        "trim.check_ms: ",
    ),
    (
        "node_id = 1\n",
        "node_id = 1\non_demand.look_ms = 0\n",
        "on_demand.look_ms: ",
    ),
    (
        "node_id = 1\n",
        "node_id = 1\non_demand.split_after_ms = 14999\n",
        "on_demand.split_after_ms: ",
    ),
    (
        "node_id = 1\n",
        "node_id = 1\non_demand.merge_after_ms = 59999\n",
        "on_demand.merge_after_ms: ",
    ),
    (
        "node_id = 1\n",
        "node_id = 1\non_demand.mibps_max = 0\n",
        "on_demand.mibps_max: ",
    ),
    (
        "node_id = 1\n",
        "node_id = 1\nraft.heartbeat_ms = 0\n",
        "raft.heartbeat_ms: ",
    ),
    (
        "node_id = 1\n",
        "node_id = 1\nraft.heartbeat_ms = 500\n",
        "raft.election_min_ms: ",
    ),
    (
        "node_id = 1\n",
        "node_id = 1\nraft.election_max_ms = 200\n",
        "raft.election_max_ms: ",
    ),
];

#[test]
fn defaults_fill_what_is_left_out() {
    let config = NodeConfig::parse(GOOD).expect("good settings");
    assert_eq!(config.account, "000000000000");
    assert_eq!(config.region, "us-east-1");
    assert_eq!(config.limits, LimitsSetting::Aws);
    assert_eq!(config.raft.election_max_ms, 300);
    assert_eq!(config.log.segment_bytes, 64 << 20);
    assert_eq!(config.this_member().api, "10.0.0.1:4567");
}

#[test]
fn settings_survive_being_written() {
    let config = NodeConfig::parse(GOOD).expect("good settings");
    assert_eq!(
        NodeConfig::parse(&config.to_toml()).expect("what we write we read"),
        config
    );
}

#[test]
fn each_broken_rule_names_its_key() {
    for (from, to, expected) in BROKEN {
        assert!(GOOD.contains(from), "{from}");
        let error = NodeConfig::parse(&GOOD.replacen(from, to, 1))
            .expect_err(to)
            .to_string();
        assert!(error.starts_with(expected), "{to}: {error}");
    }
}

#[test]
fn an_unknown_key_is_refused_with_its_name() {
    for (key, text) in [
        ("transition", format!("transition = 5\n{GOOD}")),
        (
            "colour",
            GOOD.replacen("id = 2\n", "id = 2\ncolour = 1\n", 1),
        ),
        ("hearbeat_ms", format!("raft.hearbeat_ms = 5\n{GOOD}")),
        (
            "colour",
            GOOD.replacen("mode = \"on\"", "mode = \"on\", colour = 1", 1),
        ),
        (
            "chain",
            format!("tls = {{ certificate = \"c\", key = \"k\", chain = \"x\" }}\n{GOOD}"),
        ),
    ] {
        let error = NodeConfig::parse(&text).expect_err("unknown").to_string();
        assert!(error.contains(key), "{error}");
    }
}

#[test]
fn loopback_needs_no_authentication_and_tls_allows_plain_http() {
    let text = GOOD.replacen("0.0.0.0:4567", "127.0.0.1:4567", 1).replacen(
        "auth = { mode = \"on\", credentials = \"/credentials.toml\" }",
        "tls = { certificate = \"c.pem\", key = \"k.pem\" }",
        1,
    );
    let config = NodeConfig::parse(&text).expect("good settings");
    assert_eq!(config.auth, AuthSettings::default());
    assert_eq!(
        config.tls.as_ref().map(|tls| tls.plain),
        Some(PlainSetting::Allow)
    );
    assert_eq!(NodeConfig::parse(&config.to_toml()).expect("good"), config);
    let exposed = NodeConfig::parse_with(&text, |config| config.api = "[::]:4567".to_owned());
    assert!(exposed.is_err(), "what options change is checked as well");
    let refusing = text.replacen("\"k.pem\"", "\"k.pem\", plain = \"refuse\"", 1);
    let config = NodeConfig::parse(&refusing).expect("good settings");
    assert_eq!(config.tls.map(|tls| tls.plain), Some(PlainSetting::Refuse));
}

#[test]
fn a_node_is_disposable_only_when_it_says_so() {
    assert!(!NodeConfig::parse(GOOD).expect("good settings").disposable);
    let text = format!("disposable = true\n{GOOD}");
    let config = NodeConfig::parse(&text).expect("good settings");
    assert!(config.disposable);
    let written = NodeConfig::parse(&config.to_toml()).expect("what we write we read");
    assert!(written.disposable);
}

#[test]
fn secrets_of_the_environment_are_not_printed() {
    let environment = Environment::from(|name| match name {
        "AWS_ACCESS_KEY_ID" => Some("AKIAEXAMPLE".into()),
        "AWS_SECRET_ACCESS_KEY" => Some("hush-hush".into()),
        "AWS_SESSION_TOKEN" => Some("psst-psst".into()),
        "AWS_DEFAULT_REGION" => Some("eu-central-1".into()),
        _ => None,
    });
    assert_eq!(environment.aws_region.as_deref(), Some("eu-central-1"));
    let printed = format!("{environment:?}");
    assert!(printed.contains("AKIAEXAMPLE"));
    assert!(
        !printed.contains("hush") && !printed.contains("psst"),
        "{printed}"
    );
}

#[test]
fn the_data_dir_follows_the_environment() {
    let environment = |pairs: &[(&str, &str)]| {
        Environment::from(|name| {
            pairs
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| OsString::from(value))
        })
    };
    let cases: [(&[(&str, &str)], &str); 4] = [
        (&[("XDG_DATA_HOME", "/x"), ("HOME", "/h")], "/x/anabranch"),
        (
            &[("XDG_DATA_HOME", "relative"), ("HOME", "/h")],
            "/h/.local/share/anabranch",
        ),
        (&[("HOME", "/h")], "/h/.local/share/anabranch"),
        (&[], "anabranch-data"),
    ];
    for (pairs, expected) in cases {
        assert_eq!(environment(pairs).data_dir(), PathBuf::from(expected));
    }
    assert!(environment(&[("NO_COLOR", "1")]).no_color);
    assert!(!environment(&[("NO_COLOR", "")]).no_color);
}

#[test]
fn the_example_files_are_good_and_agree() {
    let files = [
        include_str!("../../../../cluster/zone-a.toml"),
        include_str!("../../../../cluster/zone-b.toml"),
        include_str!("../../../../cluster/zone-c.toml"),
    ];
    let configs: Vec<NodeConfig> = files
        .iter()
        .map(|text| NodeConfig::parse(text).expect("a good example"))
        .collect();
    for config in &configs {
        assert_eq!(
            config.members, configs[0].members,
            "the same list on every node"
        );
    }
    let zones: Vec<&str> = configs.iter().map(|config| config.zone.as_str()).collect();
    assert_eq!(zones, ["a", "b", "c"]);
    let single = include_str!("../../../../cluster/single.toml");
    let single = NodeConfig::parse(single).expect("a good example");
    for config in configs.iter().chain([&single]) {
        assert!(
            !config.disposable,
            "an example for data that somebody needs"
        );
    }
}
