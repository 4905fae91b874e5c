//! `ana env`: the variables that point the AWS CLI and SDKs at the cluster.

use super::Context;
use crate::error::{CliError, Exit};
use crate::output::{self, Format};

/// Print the variables that point the AWS CLI and SDKs at the cluster.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The credentials are dummies: the cluster does not check them yet, but SDKs insist on having some.

Example:
  eval $(ana env)
  aws kinesis list-streams")]
pub(super) struct PrintEnv {}

impl PrintEnv {
    pub(super) fn run(self, context: &Context) -> Result<Exit, CliError> {
        let PrintEnv {} = self;
        let variables = [
            ("AWS_ENDPOINT_URL_KINESIS", context.endpoint.to_string()),
            ("AWS_ACCESS_KEY_ID", "anabranch".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "anabranch".to_owned()),
            ("AWS_DEFAULT_REGION", "us-east-1".to_owned()),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        ];
        match context.format {
            Format::Json => {
                let object = variables
                    .into_iter()
                    .map(|(name, value)| (name.into(), value.into()));
                output::json(&serde_json::Value::Object(object.collect()))?;
            }
            Format::Table => {
                for (name, value) in variables {
                    output::line(&format!("export {name}={value}"))?;
                }
            }
        }
        Ok(Exit::Ok)
    }
}
