//! `tenon audit`: verifies the hash chain of the audit log.
use std::process::ExitCode;

use clap::Subcommand;

use super::{connect, errors::database_message, print};
use crate::{config::Config, infra::audit_log::Verified};

#[derive(Subcommand)]
pub enum AuditCommand {
    /// Verify the hash chain of the audit log, and print its newest position and hash
    ///
    /// Names the first entry that was changed, inserted or deleted after it was written, and exits with 1. The server may
    /// run meanwhile.
    Verify,
}

impl AuditCommand {
    pub async fn run(self, config: &Config) -> Result<ExitCode, String> {
        let AuditCommand::Verify = self;
        let db = connect::open(&config.database_url(), config.log.log_sql.observer()).await?;
        let result = db.verify_audit_log().await.map_err(|error| database_message(&error));
        db.close().await.map_err(|error| database_message(&error))?;
        let Verified { entries, position, hash } = result?.map_err(|broken| broken.to_string())?;
        print(&format!("{entries} entries verified; position {position}, hash {hash}\n"));
        Ok(ExitCode::SUCCESS)
    }
}
