use ring::{hmac, signature::Ed25519KeyPair};
use serde_json::{Value, json};

use super::*;
use crate::resources::accounts::sessions::keys::SigningKey;

const NOW: i64 = 1_790_000_000_000;
const SECOND: i64 = 1000;

struct Fixture {
    tokens: AccessTokens,
    ours: SigningKey,
    theirs: SigningKey,
}

fn fixture() -> Fixture {
    let keys = Arc::new(SigningKeys::default());
    let ours = SigningKey::generate(NOW, NOW).unwrap();
    let theirs = SigningKey::generate(NOW, NOW).unwrap();
    let expired = SigningKey { expires_at: Some(NOW), ..SigningKey::generate(NOW - 2, NOW - 2).unwrap() };
    keys.replace([ours.clone(), expired]).unwrap();
    Fixture { tokens: AccessTokens::new("https://example.com", "tenon", keys), ours, theirs }
}

fn grant() -> Grant {
    let session_secret = Secret::new("secret".to_owned());
    Grant { user: Uuid::from_u128(1), session: Uuid::from_u128(2), session_secret, role: "author".into() }
}

fn b64(bytes: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

fn sign_text(key: &SigningKey, header: &str, claims: &str) -> String {
    let message = format!("{}.{}", b64(header), b64(claims));
    let pair = Ed25519KeyPair::from_pkcs8(key.pkcs8.expose()).unwrap();
    format!("{message}.{}", b64(pair.sign(message.as_bytes())))
}

fn sign(key: &SigningKey, header: &Value, claims: &Value) -> String {
    sign_text(key, &header.to_string(), &claims.to_string())
}

fn mac(algorithm: hmac::Algorithm, key: &[u8], header: &Value, claims: &Value) -> String {
    let message = format!("{}.{}", b64(header.to_string()), b64(claims.to_string()));
    let tag = hmac::sign(&hmac::Key::new(algorithm, key), message.as_bytes());
    format!("{message}.{}", b64(tag))
}

/// Returns the value with one field replaced, or removed if the new value is null.
fn with(base: &Value, field: &str, value: Value) -> Value {
    let mut changed = base.clone();
    let fields = changed.as_object_mut().unwrap();
    if value.is_null() {
        fields.remove(field);
    } else {
        fields.insert(field.to_owned(), value);
    }
    changed
}

fn header_of(key: &SigningKey) -> Value {
    json!({"typ": "at+jwt", "alg": "EdDSA", "kid": key.kid})
}

fn claims() -> Value {
    let now = NOW / SECOND;
    json!({
        "iss": "https://example.com", "aud": "tenon", "role": "author", "iat": now, "exp": now + LIFETIME,
        "sub": Uuid::from_u128(1), "sid": Uuid::from_u128(2), "jti": Uuid::from_u128(3),
        "session_secret": "secret",
    })
}

#[test]
fn accepts_an_issued_token_until_it_expires() {
    let Fixture { tokens, .. } = fixture();
    let token = tokens.issue(&grant(), NOW).unwrap();
    for (moment, expected) in [
        (NOW, Ok(())),
        (NOW - LEEWAY * SECOND, Ok(())),
        (NOW - (LEEWAY + 1) * SECOND, Err(TokenError::Times)),
        (NOW + LIFETIME * SECOND, Ok(())),
        (NOW + (LIFETIME + LEEWAY) * SECOND - 1, Ok(())),
        (NOW + (LIFETIME + LEEWAY) * SECOND, Err(TokenError::Expired)),
        (i64::MAX, Err(TokenError::Expired)),
        (i64::MIN, Err(TokenError::Times)),
    ] {
        assert_eq!(tokens.verify(token.expose(), moment).map(|_| ()), expected, "{moment}");
    }
    let access = tokens.verify(token.expose(), NOW).unwrap();
    assert_eq!(access.grant, grant());
    assert_eq!((access.issued_at, access.expires_at), (NOW, NOW + LIFETIME * SECOND));
    let another = tokens.issue(&grant(), NOW).unwrap();
    assert_ne!(tokens.verify(another.expose(), NOW).unwrap().token, access.token);
}

#[test]
fn issues_the_documented_header_and_claims() {
    let Fixture { tokens, ours, .. } = fixture();
    let token = tokens.issue(&grant(), NOW).unwrap();
    assert!(token.expose().len() < MAX_LENGTH / 2, "{}", token.expose().len());
    let parts: Vec<Value> = token.expose().split('.').take(2).map(decode).collect();
    assert_eq!(parts[0], header_of(&ours));
    assert_eq!(with(&parts[1], "jti", Value::Null), with(&claims(), "jti", Value::Null));
}

fn decode(part: &str) -> Value {
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

#[test]
fn the_test_helpers_can_sign_a_valid_token() {
    let Fixture { tokens, ours, .. } = fixture();
    assert!(tokens.verify(&sign(&ours, &header_of(&ours), &claims()), NOW).is_ok());
}

#[test]
fn issues_nothing_without_a_key() {
    let tokens = AccessTokens::new("i", "a", Arc::default());
    assert_eq!(tokens.issue(&grant(), NOW).err(), Some(NoSigningKey));
}

#[test]
fn accepts_both_keys_after_a_rotation_until_the_old_one_expires() {
    let keys = Arc::new(SigningKeys::default());
    let tokens = AccessTokens::new("i", "a", keys.clone());
    let old = SigningKey::generate(NOW, NOW).unwrap();
    keys.replace([old.clone()]).unwrap();
    let early = tokens.issue(&grant(), NOW).unwrap();
    let new = SigningKey::generate(NOW, NOW + 1).unwrap();
    keys.replace([SigningKey { expires_at: Some(NOW + 10), ..old }, new.clone()]).unwrap();
    let late = tokens.issue(&grant(), NOW + 1).unwrap();
    assert_eq!(decode(late.expose().split('.').next().unwrap())["kid"], new.kid);
    assert!(tokens.verify(early.expose(), NOW + 9).is_ok());
    assert_eq!(tokens.verify(early.expose(), NOW + 10), Err(TokenError::UnknownKey));
    assert!(tokens.verify(late.expose(), NOW + 10).is_ok());
}

fn assert_rejected(tokens: &AccessTokens, table: &[(&str, String, TokenError)]) {
    for (name, token, error) in table {
        assert_eq!(tokens.verify(token, NOW), Err(*error), "{name}");
    }
}

#[test]
fn rejects_forged_algorithms() {
    use TokenError::Header;
    let Fixture { tokens, ours, .. } = fixture();
    let (good, claims) = (header_of(&ours), claims());
    let header = |field, value| sign(&ours, &with(&good, field, value), &claims);
    let none = with(&good, "alg", json!("none"));
    let unsigned = format!("{}.{}.", b64(none.to_string()), b64(claims.to_string()));
    let hs256 = mac(hmac::HMAC_SHA256, &ours.public, &with(&good, "alg", json!("HS256")), &claims);
    let hs512 = mac(hmac::HMAC_SHA512, &ours.public, &with(&good, "alg", json!("HS512")), &claims);
    assert_rejected(
        &tokens,
        &[
            ("alg none, no signature", unsigned, Header),
            ("alg none, signed", header("alg", json!("none")), Header),
            ("alg nOnE", header("alg", json!("nOnE")), Header),
            ("alg empty", header("alg", json!("")), Header),
            ("alg absent", header("alg", Value::Null), Header),
            ("alg a list", header("alg", json!(["EdDSA"])), Header),
            ("alg in lower case", header("alg", json!("eddsa")), Header),
            ("alg Ed25519", header("alg", json!("Ed25519")), Header),
            ("alg RS256", header("alg", json!("RS256")), Header),
            ("alg ES256", header("alg", json!("ES256")), Header),
            ("HS256 with the public key", hs256, Header),
            ("HS512 with the public key", hs512, Header),
        ],
    );
}

#[test]
fn rejects_forged_headers() {
    use TokenError::{Header, UnknownKey};
    let Fixture { tokens, ours, theirs } = fixture();
    let (good, claims) = (header_of(&ours), claims());
    let header = |field, value| sign(&ours, &with(&good, field, value), &claims);
    let raw = |text: String| sign_text(&ours, &text, &claims.to_string());
    let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": b64(&theirs.public)});
    let kid = &ours.kid;
    assert_rejected(
        &tokens,
        &[
            ("typ JWT", header("typ", json!("JWT")), Header),
            ("typ of an identity token", header("typ", json!("id+jwt")), Header),
            ("typ in upper case", header("typ", json!("AT+JWT")), Header),
            ("typ absent", header("typ", Value::Null), Header),
            ("kid absent", header("kid", Value::Null), Header),
            ("kid a number", header("kid", json!(1)), Header),
            ("kid empty", header("kid", json!("")), UnknownKey),
            ("kid unknown", header("kid", json!("unknown")), UnknownKey),
            ("kid a path", header("kid", json!("../../dev/null")), UnknownKey),
            ("kid an injection", header("kid", json!("' OR 1=1 --")), UnknownKey),
            ("kid of another key", sign(&theirs, &header_of(&theirs), &claims), UnknownKey),
            ("another key in the header", sign(&theirs, &with(&good, "jwk", jwk), &claims), Header),
            ("jku", header("jku", json!("https://example.org/jwks.json")), Header),
            ("x5u", header("x5u", json!("https://example.org/cert.pem")), Header),
            ("crit", header("crit", json!(["exp"])), Header),
            ("b64 false", header("b64", json!(false)), Header),
            ("zip", header("zip", json!("DEF")), Header),
            ("cty", header("cty", json!("JWT")), Header),
            ("header not an object", raw("\"at+jwt\"".into()), Header),
            ("header not JSON", raw("at+jwt".into()), Header),
            ("header empty", raw(String::new()), Header),
            (
                "alg twice",
                raw(format!(r#"{{"typ":"at+jwt","alg":"none","alg":"EdDSA","kid":"{kid}"}}"#)),
                Header,
            ),
            ("header a list", raw(format!(r#"["at+jwt","EdDSA","{kid}"]"#)), Header),
        ],
    );
}

#[test]
fn rejects_forged_signatures_and_malformed_tokens() {
    use TokenError::{Malformed, Signature};
    let Fixture { tokens, ours, theirs } = fixture();
    let good = sign(&ours, &header_of(&ours), &claims());
    let [header, body, signature]: [&str; 3] = good.split('.').collect::<Vec<_>>().try_into().unwrap();
    let admin = b64(with(&claims(), "role", json!("admin")).to_string());
    let mut flipped = BASE64_URL_SAFE_NO_PAD.decode(signature).unwrap();
    flipped[0] ^= 1;
    let other = sign(&ours, &header_of(&ours), &with(&claims(), "role", json!("reader")));
    let other_signature = other.rsplit('.').next().unwrap();
    // Valid signatures are remembered, which must not affect others.
    for valid in [&good, &other] {
        tokens.verify(valid, NOW).unwrap();
    }
    assert_rejected(
        &tokens,
        &[
            (
                "signed with another key under a known kid",
                sign(&theirs, &header_of(&ours), &claims()),
                Signature,
            ),
            ("role changed", format!("{header}.{admin}.{signature}"), Signature),
            ("one bit flipped", format!("{header}.{body}.{}", b64(flipped)), Signature),
            ("signature of another token", format!("{header}.{body}.{other_signature}"), Signature),
            ("signature of zeros", format!("{header}.{body}.{}", b64([0; 64])), Signature),
            ("signature empty", format!("{header}.{body}."), Signature),
            ("signature truncated", format!("{header}.{body}.{}", b64([0; 32])), Signature),
            ("signature padded", format!("{good}=="), Signature),
            ("signature with a line end", format!("{good}\n"), Signature),
            ("claims empty", format!("{header}..{signature}"), Signature),
            ("header empty", format!(".{body}.{signature}"), TokenError::Header),
            ("header padded", format!("{header}=.{body}.{signature}"), Malformed),
            ("standard base64", format!("{}+/.{body}.{signature}", &header[..header.len() - 2]), Malformed),
            ("no signature part", format!("{header}.{body}"), Malformed),
            ("four parts", format!("{good}.{signature}"), Malformed),
            ("five parts, as encrypted ones have", format!("{good}.a.b"), Malformed),
            ("empty", String::new(), Malformed),
            ("only dots", "..".into(), TokenError::Header),
            ("a space before", format!(" {good}"), Malformed),
            ("with the scheme", format!("Bearer {good}"), Malformed),
            ("not ASCII", "é.é.é".into(), Malformed),
            ("too long", format!("{header}.{}.{signature}", "A".repeat(1_000_000)), Malformed),
        ],
    );
}

// Tokens with a valid signature that this service would not issue: a bug elsewhere must not grant access.

fn signed(ours: &SigningKey, field: &str, value: Value) -> String {
    sign(ours, &header_of(ours), &with(&claims(), field, value))
}

#[test]
fn rejects_wrong_times() {
    use TokenError::{Claims, Expired, Times};
    let Fixture { tokens, ours, .. } = fixture();
    let now = NOW / SECOND;
    let exp = |value| signed(&ours, "exp", value);
    let iat = |value| signed(&ours, "iat", value);
    let literal = |text: &str| {
        let claims = claims().to_string().replace(&(now + LIFETIME).to_string(), text);
        sign_text(&ours, &header_of(&ours).to_string(), &claims)
    };
    let far = with(&with(&claims(), "iat", json!(i64::MAX)), "exp", json!(i64::MAX));
    assert_rejected(
        &tokens,
        &[
            ("exp a string", exp(json!("9999999999")), Claims),
            ("exp a fraction", exp(json!(now as f64 + 0.5)), Claims),
            ("exp too big a number", literal("1e400"), Claims),
            ("exp a list", exp(json!([now + 60])), Claims),
            ("exp true", exp(json!(true)), Claims),
            ("exp null", literal("null"), Claims),
            ("exp in milliseconds", exp(json!(NOW + 60 * SECOND)), Times),
            ("exp a second too late", exp(json!(now + LIFETIME + 1)), Times),
            ("exp the last number", exp(json!(i64::MAX)), Times),
            ("exp past", exp(json!(now - LEEWAY)), Expired),
            ("exp zero", exp(json!(0)), Expired),
            ("exp negative", exp(json!(i64::MIN)), Expired),
            ("iat a string", iat(json!(now.to_string())), Claims),
            ("iat in the future", iat(json!(now + LEEWAY + 1)), Times),
            ("iat negative", iat(json!(-1)), Times),
            ("iat and exp the last numbers", sign(&ours, &header_of(&ours), &far), Times),
            ("nbf", signed(&ours, "nbf", json!(now)), Claims),
            ("nbf in the future", signed(&ours, "nbf", json!(now + 600)), Claims),
        ],
    );
}

#[test]
fn rejects_wrong_claims() {
    use TokenError::{Audience, Claims};
    let Fixture { tokens, ours, .. } = fixture();
    let claim = |field, value| signed(&ours, field, value);
    let raw = |text: &str| sign_text(&ours, &header_of(&ours).to_string(), text);
    let mut twice = claims().to_string();
    twice.insert_str(1, r#""role":"admin","#);
    let mut table = vec![
        ("other iss", claim("iss", json!("https://example.org")), Audience),
        ("iss a list with the right value", claim("iss", json!(["https://example.com"])), Claims),
        ("iss with a slash", claim("iss", json!("https://example.com/")), Audience),
        ("other aud", claim("aud", json!("elsewhere")), Audience),
        ("aud a list with the right value", claim("aud", json!(["tenon", "elsewhere"])), Claims),
        ("aud empty", claim("aud", json!("")), Audience),
        ("sub not an id", claim("sub", json!("admin")), Claims),
        ("sub a number", claim("sub", json!(1)), Claims),
        ("sid not an id", claim("sid", json!("")), Claims),
        ("role a list", claim("role", json!(["admin"])), Claims),
        ("role twice", raw(&twice), Claims),
        ("an unknown claim", claim("scope", json!("posts:write")), Claims),
        ("claims a list", raw("[]"), Claims),
        ("claims null", raw("null"), Claims),
        ("claims not JSON", raw("{"), Claims),
        ("claims and more", raw(&format!("{}x", claims())), Claims),
    ];
    for required in ["iss", "aud", "sub", "sid", "session_secret", "role", "iat", "exp", "jti"] {
        table.push((required, claim(required, Value::Null), Claims));
    }
    assert_rejected(&tokens, &table);
}

#[test]
fn rejects_any_single_changed_character() {
    let Fixture { tokens, .. } = fixture();
    let token = tokens.issue(&grant(), NOW).unwrap().expose().clone();
    for at in 0..token.len() {
        for replacement in ["A", "_", "."] {
            let mut changed = token.clone();
            changed.replace_range(at..=at, replacement);
            assert!(changed == token || tokens.verify(&changed, NOW).is_err(), "{at} {replacement}");
        }
    }
}
