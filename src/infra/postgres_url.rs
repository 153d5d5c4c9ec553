//! Rules of PostgreSQL URLs: the parameters that are accepted, and the verification of the server.
use std::{net::IpAddr, str::FromStr};

use reqwest::Url;
use sea_orm::sqlx::{
    self,
    postgres::{PgConnectOptions, PgSslMode},
};

/// The parameters that the driver and the PostgreSQL tools for backups both know. The driver ignores all others: a typing
/// error in `sslmode` would remove the protection silently.
const PARAMETERS: [&str; 11] = [
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "application_name",
    "options",
];

/// The values of `sslmode`. The driver never uses TLS with `allow`, the other value of PostgreSQL.
const MODES: [&str; 5] = ["disable", "prefer", "require", "verify-ca", "verify-full"];

/// Checks the parameters of a URL. The message has no part of the URL except the name of a parameter and the value of
/// `sslmode`.
pub fn validate(url: &str) -> Result<(), String> {
    let parsed = Url::parse(url).map_err(|error| format!("must be a valid URL: {error}"))?;
    let (mut certificate, mut key) = (false, false);
    for (name, value) in parsed.query_pairs() {
        match &*name {
            "password" => {
                return Err(
                    "must have the password before the host, as in postgres://user:password@host, because \
                            other users can read the arguments of pg_dump"
                        .to_owned(),
                );
            }
            "sslmode" if !MODES.contains(&&*value) => {
                return Err(format!("sslmode: must be {}, got {value}", MODES.join(", ")));
            }
            "sslcert" => certificate = true,
            "sslkey" => key = true,
            name if !PARAMETERS.contains(&name) => {
                return Err(format!("{name}: is not a parameter; they are {}", PARAMETERS.join(", ")));
            }
            _ => {}
        }
    }
    match certificate == key {
        true => Ok(()),
        false => Err("sslcert, sslkey: must be set together".to_owned()),
    }
}

/// Returns a warning if the connection leaves this machine and the server is not verified: another machine on the network
/// could then read and change all data.
pub fn unverified_server(url: &str) -> Option<String> {
    let options = PgConnectOptions::from_str(url).ok().filter(|_| url.starts_with("postgres"))?;
    let mode = match options.get_ssl_mode() {
        PgSslMode::VerifyFull => return None,
        PgSslMode::VerifyCa => "verify-ca",
        PgSslMode::Require => "require",
        PgSslMode::Prefer => "prefer",
        PgSslMode::Allow => "allow",
        PgSslMode::Disable => "disable",
    };
    let host = options.get_host();
    if options.get_socket().is_some() || host.starts_with('/') || is_loopback(host) {
        return None;
    }
    let risk = match mode {
        "verify-ca" => "does not compare the name of the server with its certificate",
        "require" | "prefer" => "does not verify the certificate of the server",
        _ => "does not encrypt the connection",
    };
    Some(format!(
        "database_url: sslmode={mode} {risk} (host {host}). Set sslmode=verify-full and sslrootcert=FILE, the \
         certificate of the authority that signed the certificate of the server"
    ))
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host.eq_ignore_ascii_case("localhost")
        || address.is_ok_and(|address| address.to_canonical().is_loopback())
}

/// Returns the parameters of the URL to check after a failed connection.
pub fn cause(url: &str, error: &sqlx::Error) -> &'static str {
    let text = error.to_string();
    let has = |name: &str| url.contains(&format!("{name}="));
    match error {
        _ if text.contains("not valid for name") || text.contains("NotValidForName") => {
            "Check the host in database_url: sslmode=verify-full requires that the certificate of the server has it"
        }
        _ if text.contains("peer certificate") => {
            "Check sslrootcert in database_url: it must be the certificate of the authority that signed the certificate \
             of the server"
        }
        sqlx::Error::Tls(_) if text.contains("does not support TLS") => {
            "Check sslmode in database_url, or enable ssl on the server"
        }
        sqlx::Error::Tls(_) | sqlx::Error::Configuration(_) => {
            "Check sslrootcert, sslcert and sslkey in database_url: they must be files in PEM format"
        }
        sqlx::Error::Io(cause) if cause.kind() == std::io::ErrorKind::NotFound && has("sslrootcert") => {
            "Check sslrootcert, sslcert and sslkey in database_url: a file does not exist"
        }
        _ => "Check --database-url",
    }
}

/// Returns the URL for the PostgreSQL tools. With `verify-ca` and `verify-full` and without `sslrootcert`, the driver uses
/// the public authorities; the tools need `sslrootcert=system` for this (PostgreSQL 16).
pub fn for_tools(url: &str) -> String {
    let verifies = url.contains("sslmode=verify-");
    match verifies && !url.contains("sslrootcert=") {
        true => format!("{url}&sslrootcert=system"),
        false => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rejects_parameters_that_the_driver_would_ignore() {
        for (query, expected) in [
            ("sslmod=verify-full", "sslmod: is not a parameter"),
            ("ssl-mode=require", "ssl-mode: is not a parameter"),
            ("sslmode=allow", "sslmode: must be disable, prefer"),
            ("sslmode=verify", "got verify"),
            ("sslcert=/a.crt", "must be set together"),
            ("password=geheim", "before the host"),
        ] {
            let error = validate(&format!("postgres://ada:geheim@db/tenon?{query}")).unwrap_err();
            assert!(error.contains(expected) && !error.contains("geheim"), "{error}");
        }
        for mode in MODES {
            validate(&format!("postgres://ada:geheim@db/tenon?sslmode={mode}&sslrootcert=/ca.crt")).unwrap();
        }
    }

    #[test]
    fn warns_of_a_remote_server_that_is_not_verified() {
        for (url, expected) in [
            ("postgres://ada:geheim@db.acme.test/tenon", Some("sslmode=prefer")),
            ("postgres://db.acme.test/tenon?sslmode=disable", Some("does not encrypt")),
            ("postgres://db.acme.test/tenon?sslmode=require", Some("does not verify the certificate")),
            ("postgres://10.0.0.7/tenon?sslmode=verify-ca", Some("does not compare the name")),
            ("postgres://localhost/tenon?host=db.acme.test", Some("host db.acme.test")),
            ("postgres://db.acme.test/tenon?sslmode=verify-full", None),
            ("postgres://127.0.0.1:5544/tenon", None),
            ("postgres://[::1]/tenon", None),
            ("postgres://localhost/tenon", None),
            ("postgres:///tenon?host=/run/postgresql", None),
        ] {
            let warning = unverified_server(url);
            assert_eq!(warning.is_some(), expected.is_some(), "{url}: {warning:?}");
            let warning = warning.unwrap_or_default();
            assert!(
                warning.contains(expected.unwrap_or_default()) && !warning.contains("geheim"),
                "{warning}"
            );
        }
    }

    #[test]
    fn the_tools_verify_with_public_authorities() {
        for (url, expected) in [
            ("postgres://db/x?sslmode=verify-full", "postgres://db/x?sslmode=verify-full&sslrootcert=system"),
            (
                "postgres://db/x?sslmode=verify-full&sslrootcert=/a",
                "postgres://db/x?sslmode=verify-full&sslrootcert=/a",
            ),
            ("postgres://db/x", "postgres://db/x"),
        ] {
            assert_eq!(for_tools(url), expected);
        }
    }
}
