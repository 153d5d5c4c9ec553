//! Whether a webhook comes from whom it names: judged over the bytes as they came, before anything is read in them.
pub mod github;
pub mod paypal;
pub mod stripe;

use aws_lc_rs::hmac;

use crate::contract::secret::Secret;

/// Why a webhook is not believed. It says nothing that its sender does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal(pub &'static str);

const WRONG: Refusal = Refusal("no signature in it is made over this body with a secret that is known here");

/// The keys that a provider may sign with: several, while one takes the place of another.
#[derive(Debug, Clone)]
pub struct Secrets(Vec<Secret<Vec<u8>>>);

/// What is shorter can be guessed.
pub const SHORTEST: usize = 16;

impl Secrets {
    /// The secrets between commas, all of them long enough.
    pub fn parse(text: &str) -> Result<Secrets, &'static str> {
        let parts: Vec<&str> = text.split(',').map(str::trim).collect();
        match parts.iter().all(|part| part.len() >= SHORTEST) {
            true => Ok(Secrets(parts.into_iter().map(|part| Secret::new(part.into())).collect())),
            false => Err("a secret has at least 16 characters; several are parted by commas"),
        }
    }

    /// Whether one of them makes this code of the message, in a time that tells nothing of either.
    fn made(&self, message: &[&[u8]], code: &[u8; 32]) -> bool {
        let message = message.concat();
        let made = |secret: &Secret<Vec<u8>>| {
            let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose());
            hmac::verify(&key, &message, code).is_ok()
        };
        self.0.iter().any(made)
    }
}

/// 64 lower-case hexadecimal digits, as both HMAC providers write a code; anything else is none.
fn code(text: &str) -> Option<[u8; 32]> {
    let digits = text.as_bytes();
    if digits.len() != 64 {
        return None;
    }
    let value = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let mut code = [0; 32];
    for (byte, pair) in code.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = value(pair[0])? << 4 | value(pair[1])?;
    }
    Some(code)
}

#[cfg(test)]
mod tests;
