//! Stripe signatures: `Stripe-Signature: t=SECONDS,v1=HEX,…`, HMAC-SHA256 over the time, a full stop and the
//! body.
use super::{NO_MATCH, Secrets, VerifyError, parse_mac};

/// Accepted age and clock skew of a signature, in seconds.
const MAX_AGE: i64 = 300;
const MAX_CLOCK_SKEW: i64 = 60;

/// Maximum number of signatures: each costs one HMAC per secret.
const MAX_SIGNATURES: usize = 8;

/// Verifies the header over the body. `now` is in milliseconds.
pub fn verify(secrets: &Secrets, header: Option<&str>, body: &[u8], now: i64) -> Result<(), VerifyError> {
    let header = header.ok_or(VerifyError("Stripe-Signature: must be sent exactly once"))?;
    let (time, macs) = parse_header(header)?;
    let age = now.div_euclid(1000) - parse_seconds(time)?;
    if macs.is_empty() {
        return Err(VerifyError(
            "Stripe-Signature: must have a v1 signature of 64 lowercase hexadecimal digits",
        ));
    }
    // The time is checked last, so that only a sender with a valid secret can probe the clock.
    if !macs.iter().any(|mac| secrets.verify(&[time.as_bytes(), b".", body], mac)) {
        return Err(NO_MATCH);
    }
    match age {
        age if age < -MAX_CLOCK_SKEW => {
            Err(VerifyError("Stripe-Signature: the time is more than 60 seconds in the future"))
        }
        age if age > MAX_AGE => {
            Err(VerifyError("Stripe-Signature: the time is more than 300 seconds in the past"))
        }
        _ => Ok(()),
    }
}

/// Parses the time and the `v1` signatures. Other schemes are ignored.
fn parse_header(header: &str) -> Result<(&str, Vec<[u8; 32]>), VerifyError> {
    let (mut time, mut macs) = (None, Vec::new());
    for part in header.split(',') {
        let (scheme, value) =
            part.split_once('=').ok_or(VerifyError("Stripe-Signature: must be t=SECONDS,v1=HEX"))?;
        match scheme {
            "t" if time.replace(value).is_some() => {
                return Err(VerifyError("Stripe-Signature: must have exactly one time"));
            }
            "v1" => macs.extend(parse_mac(value)),
            _ => {}
        }
    }
    if macs.len() > MAX_SIGNATURES {
        return Err(VerifyError("Stripe-Signature: must have at most 8 signatures"));
    }
    Ok((time.ok_or(VerifyError("Stripe-Signature: must have exactly one time"))?, macs))
}

fn parse_seconds(text: &str) -> Result<i64, VerifyError> {
    let is_numeric = (1..=12).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse()
        .ok()
        .filter(|_| is_numeric)
        .ok_or(VerifyError("Stripe-Signature: the time must be in seconds"))
}
