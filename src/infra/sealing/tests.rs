use super::*;

const HEX: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const BASE64: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

fn sealer(keys: &str) -> Sealer {
    Sealer::new(SecretKeys::parse(keys).unwrap(), None)
}

fn opened(result: Result<Secret<Vec<u8>>, SealError>) -> Result<Vec<u8>, SealError> {
    result.map(|secret| secret.expose().clone())
}

#[test]
fn opens_what_it_has_sealed() {
    let sealer = sealer(HEX);
    let sealed = sealer.seal("secrets/cursors", b"hunter2").unwrap();
    assert_eq!(opened(sealer.open("secrets/cursors", &sealed)), Ok(b"hunter2".to_vec()));
    assert!(sealed.is_ascii() && !sealed.contains("hunter2"));
    assert_ne!(sealed, sealer.seal("secrets/cursors", b"hunter2").unwrap(), "each value has its own nonce");
}

#[test]
fn rejects_values_that_were_moved_or_changed() {
    let sealer = sealer(HEX);
    let sealed = sealer.seal("secrets/cursors", b"hunter2").unwrap();
    assert_eq!(opened(sealer.open("secrets/previews", &sealed)), Err(SealError::Forged));
    let start = sealed.rfind('.').unwrap() + 1;
    for index in start..sealed.len() {
        let mut changed = sealed.clone().into_bytes();
        changed[index] = if changed[index] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).unwrap();
        assert!(sealer.open("secrets/cursors", &changed).is_err(), "{changed}");
    }
    for wrong in
        ["", "hunter2", "v1.", "v1.x", &sealed[..start], &sealed[..start + 10], &format!("{sealed}A")]
    {
        assert!(sealer.open("secrets/cursors", wrong).is_err(), "{wrong}");
    }
    assert_eq!(opened(sealer.open("", &sealed.replace("v1", "v2"))), Err(SealError::Malformed));
}

#[test]
fn seals_with_the_first_key_and_opens_with_all() {
    let old = SecretKeys::generate().unwrap();
    let new = SecretKeys::generate().unwrap();
    let sealed = Sealer::new(old.clone(), None).seal("a", b"hunter2").unwrap();
    let both = Sealer::new(new.clone().followed_by(&old), None);
    assert_eq!(opened(both.open("a", &sealed)), Ok(b"hunter2".to_vec()));
    assert!(!both.is_current(&sealed) && both.is_current(&both.seal("a", b"").unwrap()));
    let unknown = SealError::UnknownKey { sealed: old.ids(), known: new.ids() };
    assert_eq!(opened(Sealer::new(new, None).open("a", &sealed)), Err(unknown));
}

#[test]
fn parses_keys_in_base64_and_in_hexadecimal_digits() {
    let ids = |text: &str| SecretKeys::parse(text).map(|keys| keys.ids());
    let id = ids(HEX).unwrap();
    assert_eq!(id.len(), 16);
    for same in [BASE64, BASE64.trim_end_matches('='), &HEX.to_uppercase(), &format!(" {BASE64}\n")] {
        assert_eq!(ids(same).as_ref(), Some(&id), "{same}");
    }
    assert_eq!(ids(&format!("{HEX},{BASE64}\n")), Some(format!("{id}, {id}")));
    for wrong in
        ["", " , ", "hunter2", &HEX[1..], &BASE64[1..], &HEX.replace('0', "g"), &HEX.replace("00", "+0")]
    {
        assert_eq!(ids(wrong), None, "{wrong}");
    }
}

#[test]
fn debug_output_hides_keys() {
    let keys = SecretKeys::parse(HEX).unwrap();
    assert_eq!(format!("{:?}", keys.to_file()), "[redacted]");
    assert_eq!(SecretKeys::parse(keys.to_file().expose()).unwrap().ids(), keys.ids());
}

#[test]
fn creates_a_key_file_once_and_follows_its_replacement() {
    let folder = std::env::temp_dir().join(format!("tenon-{}", uuid::Uuid::now_v7()));
    let file = folder.join("secret.key");
    assert!(read_key_file(&file).is_err_and(|error| error.is_missing()));
    let first = create_key_file(&file).unwrap();
    assert_eq!(create_key_file(&file).unwrap().ids(), first.ids(), "an existing file is not replaced");
    let running = Sealer::new(first.clone(), Some(file.clone()));
    let rotated = SecretKeys::generate().unwrap().followed_by(&first);
    write_key_file(&file, &rotated).unwrap();
    let sealed = Sealer::new(rotated.clone(), None).seal("a", b"hunter2").unwrap();
    assert_eq!(opened(running.open("a", &sealed)), Ok(b"hunter2".to_vec()));
    assert!(running.is_current(&sealed));
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1, "temporary files are deleted");
    std::fs::write(&file, "hunter2").unwrap();
    let message = read_key_file(&file).map(|keys| keys.ids()).unwrap_err().to_string();
    assert!(message.contains("secret.key") && !message.contains("hunter2"), "{message}");
    std::fs::remove_dir_all(folder).unwrap();
}
