//! `ana env`: the variables that point the AWS CLI and SDKs at the cluster.

use super::Context;
use crate::error::{CliError, Exit};
use crate::output::{self, Format};

/// Print the variables that point the AWS CLI and SDKs at the cluster.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The credentials are dummies, unless you have your own in the environment or give --credentials:
without authentication the cluster takes any, but SDKs insist on having some. With an https
endpoint and --ca FILE it also prints how SDKs come to trust it.

Example:
  eval $(ana env)
  aws kinesis list-streams")]
pub(super) struct PrintEnv {}

impl PrintEnv {
    pub(super) fn run(self, context: &Context) -> Result<Exit, CliError> {
        let PrintEnv {} = self;
        let mut variables = vec![("AWS_ENDPOINT_URL_KINESIS", context.endpoint.to_string())];
        if context.environment.aws_keys.is_none() && context.credentials.is_none() {
            variables.push(("AWS_ACCESS_KEY_ID", "anabranch".to_owned()));
            variables.push(("AWS_SECRET_ACCESS_KEY", "anabranch".to_owned()));
        }
        variables.extend([
            ("AWS_DEFAULT_REGION", "us-east-1".to_owned()),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        ]);
        if let (Some(ca), true) = (&context.ca, context.endpoint.is_tls()) {
            let ca = std::path::absolute(ca)
                .map_err(|error| CliError::file("find the CA file", ca, &error))?;
            let ca = ca.display().to_string();
            variables.push(("AWS_CA_BUNDLE", ca.clone()));
            variables.push(("NODE_EXTRA_CA_CERTS", ca));
        }
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
