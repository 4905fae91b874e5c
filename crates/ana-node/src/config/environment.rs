//! The few facts taken from the environment.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

/// What the program takes from its environment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Environment {
    /// `NO_COLOR` is set to anything.
    pub no_color: bool,
    /// The caller's AWS credentials: `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`.
    pub aws_keys: Option<AwsKeys>,
    /// `AWS_REGION`, else `AWS_DEFAULT_REGION`.
    pub aws_region: Option<String>,
    /// `HOSTNAME`, where a shell exports it.
    pub host_name: Option<String>,
    /// `ANA_SIM`: the program that simulates drills.
    pub simulator: Option<PathBuf>,
    data_home: Option<PathBuf>,
    home: Option<PathBuf>,
}

/// AWS credentials; never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct AwsKeys {
    /// Access key id.
    pub access_key: String,
    /// Secret access key.
    pub secret_key: String,
    /// Session token, with temporary credentials.
    pub session_token: Option<String>,
}

impl fmt::Debug for AwsKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwsKeys")
            .field("access_key", &self.access_key)
            .finish_non_exhaustive()
    }
}

impl Environment {
    /// Reads it.
    pub fn read() -> Environment {
        Environment::from(|name| std::env::var_os(name))
    }

    pub(super) fn from(variable: impl Fn(&str) -> Option<OsString>) -> Environment {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let text = |name: &str| set(name).and_then(|value| value.into_string().ok());
        let keys = text("AWS_ACCESS_KEY_ID").zip(text("AWS_SECRET_ACCESS_KEY"));
        Environment {
            no_color: set("NO_COLOR").is_some(),
            aws_keys: keys.map(|(access_key, secret_key)| AwsKeys {
                access_key,
                secret_key,
                session_token: text("AWS_SESSION_TOKEN"),
            }),
            aws_region: text("AWS_REGION").or_else(|| text("AWS_DEFAULT_REGION")),
            host_name: text("HOSTNAME"),
            simulator: set("ANA_SIM").map(PathBuf::from),
            data_home: set("XDG_DATA_HOME").map(PathBuf::from),
            home: set("HOME").map(PathBuf::from),
        }
    }

    /// Where `ana up` keeps its data when not told: `$XDG_DATA_HOME/anabranch`, else
    /// `~/.local/share/anabranch`, else `./anabranch-data`.
    pub fn data_dir(&self) -> PathBuf {
        match (&self.data_home, &self.home) {
            (Some(data), _) if data.is_absolute() => data.join("anabranch"),
            (_, Some(home)) => home.join(".local/share/anabranch"),
            _ => PathBuf::from("anabranch-data"),
        }
    }
}
