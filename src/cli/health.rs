//! `tenon health`: checks the server of this machine.
use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    process::ExitCode,
};

use clap::Args;

use super::print;
use crate::{
    config::Config,
    infra::http_client::{CallKind, HttpClient},
};

/// Check that the server of this machine responds, for example as the health check of a container
///
/// Requests `/livez` at the `listen` address. Exits with 1 if the response is not 200 within 2 seconds.
#[derive(Args)]
pub struct Health {
    /// Address and port on which the server listens [default: the setting listen]
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<String>,
    /// Request `/readyz`, which also checks the database and the free space, and fails while the server stops
    #[arg(long)]
    ready: bool,
}

impl Health {
    pub async fn run(self, config: &Config) -> Result<ExitCode, String> {
        let path = if self.ready { "/readyz" } else { "/livez" };
        let url = format!("http://{}{path}", reachable(config.server.listen));
        let client = HttpClient::new(true, CallKind::Health).map_err(|error| error.to_string())?;
        let response =
            client.get(&url, "application/json").await.map_err(|error| format!("{url}: {error}"))?;
        match response.status {
            200 => {
                print("ok\n");
                Ok(ExitCode::SUCCESS)
            }
            status => Err(format!("{url}: the status must be 200, got {status}")),
        }
    }
}

/// Returns an address that reaches a server which listens on this address: the loopback address for an unspecified one.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}
