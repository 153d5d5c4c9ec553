//! Seals secrets with keys that are not in the database, so that a copy of the database contains no usable secret.
//!
//! A sealed value is the text `v1.<key id>.<base64url>`: the nonce, the ciphertext and the tag of AES-256-GCM. The
//! context, such as the primary key of the row, is authenticated, so a sealed value cannot be moved to another row.
mod key_file;
#[cfg(test)]
mod tests;

use std::{path::PathBuf, sync::Arc};

use base64::{
    Engine,
    prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD},
};
use parking_lot::RwLock;
use ring::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    digest::{SHA256, digest},
};

use crate::domain::secret::{Secret, fill_random};

pub use key_file::{KeyFileError, create_key_file, lock_key_file, read_key_file, write_key_file};

/// The length of a key in bytes.
const KEY_LENGTH: usize = 32;

const VERSION: &str = "v1";

/// The keys of one service. The first one seals, all of them open.
#[derive(Debug, Clone)]
pub struct SecretKeys(Vec<Key>);

#[derive(Debug, Clone)]
struct Key {
    /// Eight bytes of the SHA-256 of the key, in hexadecimal digits. It identifies the key in sealed values and in
    /// messages, and does not reveal the key.
    id: String,
    bytes: Secret<[u8; KEY_LENGTH]>,
}

/// Seals and opens secrets.
#[derive(Clone)]
pub struct Sealer(Arc<Shared>);

struct Shared {
    keys: RwLock<SecretKeys>,
    /// The key file. `tenon secret-key rotate` may replace the key of a running server.
    file: Option<PathBuf>,
}

/// A sealed value cannot be opened, or a secret cannot be sealed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    #[error("it is not a sealed value")]
    Malformed,
    #[error(
        "it was sealed with the secret key {sealed}, and this instance has {known}: set secret_key or \
         secret_key_file to the key of the other instances or of the backup"
    )]
    UnknownKey { sealed: String, known: String },
    #[error("it was changed, or it belongs to another row")]
    Forged,
    #[error("the value cannot be sealed")]
    Unsealable,
    #[error("the operating system provides no random bytes")]
    NoRandomness,
}

impl Key {
    fn new(bytes: [u8; KEY_LENGTH]) -> Self {
        let hash = digest(&SHA256, &bytes);
        let id = hash.as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        Key { id, bytes: Secret::new(bytes) }
    }

    /// Parses 32 bytes in base64 (either alphabet, with or without padding) or in hexadecimal digits.
    fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; KEY_LENGTH];
        if text.len() == 2 * KEY_LENGTH && text.is_ascii() {
            for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
                let digits = str::from_utf8(digits).ok().filter(|digits| !digits.starts_with('+'))?;
                *byte = u8::from_str_radix(digits, 16).ok()?;
            }
            return Some(Key::new(bytes));
        }
        let standard = text.trim_end_matches('=').replace('-', "+").replace('_', "/");
        match BASE64_STANDARD_NO_PAD.decode_slice(standard, &mut bytes) {
            Ok(KEY_LENGTH) => Some(Key::new(bytes)),
            _ => None,
        }
    }

    fn cipher(&self) -> Result<LessSafeKey, SealError> {
        let key = UnboundKey::new(&AES_256_GCM, self.bytes.expose()).map_err(|_| SealError::Malformed)?;
        Ok(LessSafeKey::new(key))
    }

    fn prefix(&self) -> String {
        format!("{VERSION}.{}.", self.id)
    }
}

impl SecretKeys {
    /// Generates one key.
    pub fn generate() -> Result<Self, SealError> {
        let mut bytes = [0; KEY_LENGTH];
        fill_random(&mut bytes).map_err(|_| SealError::NoRandomness)?;
        Ok(SecretKeys(vec![Key::new(bytes)]))
    }

    /// Parses keys that are separated by white space or commas.
    pub fn parse(text: &str) -> Option<Self> {
        let is_separator = |c: char| c == ',' || c.is_whitespace();
        let keys = text.split(is_separator).filter(|key| !key.is_empty()).map(Key::parse);
        keys.collect::<Option<Vec<_>>>().filter(|keys| !keys.is_empty()).map(SecretKeys)
    }

    /// Returns these keys followed by other keys, which only open.
    pub fn followed_by(mut self, other: &SecretKeys) -> Self {
        self.0.extend(other.0.iter().cloned());
        self
    }

    /// Returns the first key alone.
    pub fn first(&self) -> Self {
        SecretKeys(self.0.iter().take(1).cloned().collect())
    }

    /// Returns the content of a key file: one key per line.
    pub fn to_file(&self) -> Secret<String> {
        let line = |key: &Key| format!("{}\n", BASE64_URL_SAFE_NO_PAD.encode(key.bytes.expose()));
        Secret::new(self.0.iter().map(line).collect())
    }

    /// Returns whether there is a key with this id.
    pub fn contains(&self, id: &str) -> bool {
        self.0.iter().any(|key| key.id == id)
    }

    /// Returns the ids of the keys, separated by commas.
    pub fn ids(&self) -> String {
        self.0.iter().map(|key| key.id.as_str()).collect::<Vec<_>>().join(", ")
    }
}

/// Returns the id of the key that a value was sealed with, or `None` if it is not sealed.
pub fn key_id(sealed: &str) -> Option<&str> {
    let (version, rest) = sealed.split_once('.')?;
    rest.split_once('.').map(|(id, _)| id).filter(|_| version == VERSION)
}

impl Sealer {
    pub fn new(keys: SecretKeys, file: Option<PathBuf>) -> Self {
        Sealer(Arc::new(Shared { keys: RwLock::new(keys), file }))
    }

    /// Seals a secret with the first key of the file, which another process may have replaced.
    pub fn seal(&self, context: &str, secret: &[u8]) -> Result<String, SealError> {
        self.reload();
        let key = self.0.keys.read().0.first().cloned().ok_or(SealError::Unsealable)?;
        let prefix = key.prefix();
        let mut nonce = [0; NONCE_LEN];
        fill_random(&mut nonce).map_err(|_| SealError::NoRandomness)?;
        let (mut text, associated) = (secret.to_vec(), Aad::from(format!("{prefix}{context}")));
        let nonced = Nonce::assume_unique_for_key(nonce);
        key.cipher()?
            .seal_in_place_append_tag(nonced, associated, &mut text)
            .map_err(|_| SealError::Unsealable)?;
        Ok(format!("{prefix}{}", BASE64_URL_SAFE_NO_PAD.encode([&nonce[..], &text].concat())))
    }

    /// Opens a value that was sealed with the same context.
    pub fn open(&self, context: &str, sealed: &str) -> Result<Secret<Vec<u8>>, SealError> {
        let id = key_id(sealed).ok_or(SealError::Malformed)?;
        let key = self.key(id)?;
        let prefix = key.prefix();
        let bytes = sealed.strip_prefix(&prefix).and_then(|text| BASE64_URL_SAFE_NO_PAD.decode(text).ok());
        let mut bytes = bytes.ok_or(SealError::Malformed)?;
        let (nonce, text) = bytes.split_at_mut_checked(NONCE_LEN).ok_or(SealError::Malformed)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealError::Malformed)?;
        let associated = Aad::from(format!("{prefix}{context}"));
        let opened = key.cipher()?.open_in_place(nonce, associated, text).map_err(|_| SealError::Forged)?;
        Ok(Secret::new(opened.to_vec()))
    }

    /// Returns an error if no key has this id, also after the key file is read again.
    pub fn require_key(&self, id: &str) -> Result<(), SealError> {
        self.key(id).map(drop)
    }

    /// Returns whether a value was sealed with the first key.
    pub fn is_current(&self, sealed: &str) -> bool {
        let keys = self.0.keys.read();
        keys.0.first().is_some_and(|key| key_id(sealed) == Some(&key.id))
    }

    fn key(&self, id: &str) -> Result<Key, SealError> {
        let find = |keys: &SecretKeys| keys.0.iter().find(|key| key.id == id).cloned();
        if let Some(key) = find(&self.0.keys.read()) {
            return Ok(key);
        }
        self.reload();
        let keys = self.0.keys.read();
        find(&keys).ok_or_else(|| SealError::UnknownKey { sealed: id.to_owned(), known: keys.ids() })
    }

    /// Reads the key file again. Keeps the keys if it cannot be read.
    fn reload(&self) {
        match self.0.file.as_ref().map(|file| read_key_file(file)) {
            Some(Ok(keys)) => *self.0.keys.write() = keys,
            Some(Err(error)) => tracing::error!(%error, "cannot read the secret key again"),
            None => {}
        }
    }
}
