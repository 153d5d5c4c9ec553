//! Stripe: `Stripe-Signature: t=SECONDS,v1=HEX,…`, HMAC-SHA256 over the time, a full stop and the body.
use super::{Refusal, Secrets, WRONG, code};

/// How old a signature may be, and how far ahead of this clock, in seconds.
const PAST: i64 = 300;
const AHEAD: i64 = 60;

/// Each costs the work of one HMAC for every secret.
const MOST_SIGNATURES: usize = 8;

/// Checks the field against the body; `now` is in milliseconds.
pub fn verify(secrets: &Secrets, field: Option<&str>, body: &[u8], now: i64) -> Result<(), Refusal> {
    let field = field.ok_or(Refusal("Stripe-Signature is missing, or stands there twice"))?;
    let (time, codes) = read(field)?;
    let age = now.div_euclid(1000) - seconds(time)?;
    if codes.is_empty() {
        return Err(Refusal("Stripe-Signature has no v1 of 64 hexadecimal digits"));
    }
    // Only who knows a secret learns what this clock says.
    if !codes.iter().any(|code| secrets.made(&[time.as_bytes(), b".", body], code)) {
        return Err(WRONG);
    }
    match age {
        age if age < -AHEAD => Err(Refusal("it was signed more than 60 seconds ahead of the clock here")),
        age if age > PAST => Err(Refusal("it was signed more than 300 seconds ago")),
        _ => Ok(()),
    }
}

/// The time as it was signed, and the codes of the one scheme that counts; others are passed over.
fn read(field: &str) -> Result<(&str, Vec<[u8; 32]>), Refusal> {
    let (mut time, mut codes) = (None, Vec::new());
    for part in field.split(',') {
        let (scheme, value) = part.split_once('=').ok_or(Refusal("Stripe-Signature is not t=…,v1=…"))?;
        match scheme {
            "t" if time.replace(value).is_some() => {
                return Err(Refusal("Stripe-Signature has two times"));
            }
            "v1" => codes.extend(code(value)),
            _ => {}
        }
    }
    if codes.len() > MOST_SIGNATURES {
        return Err(Refusal("Stripe-Signature has more than 8 signatures"));
    }
    Ok((time.ok_or(Refusal("Stripe-Signature has no time"))?, codes))
}

fn seconds(text: &str) -> Result<i64, Refusal> {
    let plain = (1..=12).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| plain).ok_or(Refusal("the time of Stripe-Signature is not in seconds"))
}
