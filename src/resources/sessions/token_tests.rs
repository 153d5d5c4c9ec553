use aws_lc_rs::{hmac, signature::Ed25519KeyPair};
use serde_json::{Value, json};

use super::*;
use crate::resources::sessions::keys::SigningKey;

const NOW: i64 = 1_790_000_000_000;
const SECOND: i64 = 1000;

struct World {
    tokens: AccessTokens,
    ours: SigningKey,
    theirs: SigningKey,
}

fn world() -> World {
    let keys = Arc::new(SigningKeys::default());
    let ours = SigningKey::generate(NOW, NOW).unwrap();
    let theirs = SigningKey::generate(NOW, NOW).unwrap();
    let expired = SigningKey { expires_at: Some(NOW), ..SigningKey::generate(NOW - 2, NOW - 2).unwrap() };
    keys.replace([ours.clone(), expired]).unwrap();
    World { tokens: AccessTokens::new("https://example.com", "tenon", keys), ours, theirs }
}

fn grant() -> Grant {
    Grant { user: Uuid::from_u128(1), session: Uuid::from_u128(2), role: "author".into() }
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

/// The value with one member replaced, or removed where null is given.
fn with(base: &Value, member: &str, value: Value) -> Value {
    let mut changed = base.clone();
    let members = changed.as_object_mut().unwrap();
    if value.is_null() {
        members.remove(member);
    } else {
        members.insert(member.to_owned(), value);
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
    })
}

#[test]
fn an_issued_token_is_taken_until_it_expires() {
    let World { tokens, .. } = world();
    let token = tokens.issue(&grant(), NOW).unwrap();
    for (moment, expected) in [
        (NOW, Ok(())),
        (NOW - LEEWAY * SECOND, Ok(())),
        (NOW - (LEEWAY + 1) * SECOND, Err(Refused::Times)),
        (NOW + LIFETIME * SECOND, Ok(())),
        (NOW + (LIFETIME + LEEWAY) * SECOND - 1, Ok(())),
        (NOW + (LIFETIME + LEEWAY) * SECOND, Err(Refused::Expired)),
        (i64::MAX, Err(Refused::Expired)),
        (i64::MIN, Err(Refused::Times)),
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
fn an_issued_token_is_written_as_declared() {
    let World { tokens, ours, .. } = world();
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
fn the_forger_s_tools_can_make_a_good_token() {
    let World { tokens, ours, .. } = world();
    assert!(tokens.verify(&sign(&ours, &header_of(&ours), &claims()), NOW).is_ok());
}

#[test]
fn without_a_key_nothing_is_issued() {
    let tokens = AccessTokens::new("i", "a", Arc::default());
    assert_eq!(tokens.issue(&grant(), NOW).err(), Some(Unsigned));
}

#[test]
fn after_rotation_both_keys_are_taken_until_the_old_one_ends() {
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
    assert_eq!(tokens.verify(early.expose(), NOW + 10), Err(Refused::UnknownKey));
    assert!(tokens.verify(late.expose(), NOW + 10).is_ok());
}

fn refuse_all(tokens: &AccessTokens, table: &[(&str, String, Refused)]) {
    for (name, token, why) in table {
        assert_eq!(tokens.verify(token, NOW), Err(*why), "{name}");
    }
}

#[test]
fn forged_algorithms_are_refused() {
    use Refused::Header;
    let World { tokens, ours, .. } = world();
    let (good, claims) = (header_of(&ours), claims());
    let header = |member, value| sign(&ours, &with(&good, member, value), &claims);
    let none = with(&good, "alg", json!("none"));
    let unsigned = format!("{}.{}.", b64(none.to_string()), b64(claims.to_string()));
    let hs256 = mac(hmac::HMAC_SHA256, &ours.public, &with(&good, "alg", json!("HS256")), &claims);
    let hs512 = mac(hmac::HMAC_SHA512, &ours.public, &with(&good, "alg", json!("HS512")), &claims);
    refuse_all(
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
fn forged_headers_are_refused() {
    use Refused::{Header, UnknownKey};
    let World { tokens, ours, theirs } = world();
    let (good, claims) = (header_of(&ours), claims());
    let header = |member, value| sign(&ours, &with(&good, member, value), &claims);
    let raw = |text: String| sign_text(&ours, &text, &claims.to_string());
    let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": b64(&theirs.public)});
    let kid = &ours.kid;
    refuse_all(
        &tokens,
        &[
            ("typ JWT", header("typ", json!("JWT")), Header),
            ("typ of an identity token", header("typ", json!("id+jwt")), Header),
            ("typ in upper case", header("typ", json!("AT+JWT")), Header),
            ("typ absent", header("typ", Value::Null), Header),
            ("kid absent", header("kid", Value::Null), Header),
            ("kid a number", header("kid", json!(1)), Header),
            ("kid empty", header("kid", json!("")), UnknownKey),
            ("kid unknown", header("kid", json!("nobody's")), UnknownKey),
            ("kid a path", header("kid", json!("../../dev/null")), UnknownKey),
            ("kid an injection", header("kid", json!("' OR 1=1 --")), UnknownKey),
            ("kid of their own key", sign(&theirs, &header_of(&theirs), &claims), UnknownKey),
            ("their key in the header", sign(&theirs, &with(&good, "jwk", jwk), &claims), Header),
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
            ("header a list", raw(format!(r#"["at+jwt","EdDSA","{kid}"]"#)), Refused::Claims),
        ],
    );
}

#[test]
fn forged_signatures_and_shapes_are_refused() {
    use Refused::{Claims, Malformed, Signature};
    let World { tokens, ours, theirs } = world();
    let good = sign(&ours, &header_of(&ours), &claims());
    let [header, body, signature]: [&str; 3] = good.split('.').collect::<Vec<_>>().try_into().unwrap();
    let admin = b64(with(&claims(), "role", json!("admin")).to_string());
    let mut flipped = BASE64_URL_SAFE_NO_PAD.decode(signature).unwrap();
    flipped[0] ^= 1;
    let other = sign(&ours, &header_of(&ours), &with(&claims(), "role", json!("reader")));
    let other_signature = other.rsplit('.').next().unwrap();
    refuse_all(
        &tokens,
        &[
            ("signed with their key under our kid", sign(&theirs, &header_of(&ours), &claims()), Signature),
            ("role changed", format!("{header}.{admin}.{signature}"), Signature),
            ("one bit flipped", format!("{header}.{body}.{}", b64(flipped)), Signature),
            ("signature of another token", format!("{header}.{body}.{other_signature}"), Signature),
            ("signature of zeros", format!("{header}.{body}.{}", b64([0; 64])), Signature),
            ("signature empty", format!("{header}.{body}."), Signature),
            ("signature cut", format!("{header}.{body}.{}", b64([0; 32])), Signature),
            ("signature padded", format!("{good}=="), Claims),
            ("signature with a line end", format!("{good}\n"), Claims),
            ("claims empty", format!("{header}..{signature}"), Signature),
            ("header empty", format!(".{body}.{signature}"), Refused::Header),
            ("header padded", format!("{header}=.{body}.{signature}"), Malformed),
            ("standard base64", format!("{}+/.{body}.{signature}", &header[..header.len() - 2]), Malformed),
            ("no signature part", format!("{header}.{body}"), Malformed),
            ("four parts", format!("{good}.{signature}"), Malformed),
            ("five parts, as encrypted ones have", format!("{good}.a.b"), Malformed),
            ("empty", String::new(), Malformed),
            ("only dots", "..".into(), Refused::Header),
            ("a space before", format!(" {good}"), Malformed),
            ("with its scheme", format!("Bearer {good}"), Malformed),
            ("not ASCII", "é.é.é".into(), Malformed),
            ("endless", format!("{header}.{}.{signature}", "A".repeat(1_000_000)), Malformed),
        ],
    );
}

// Signed by us, yet not as we issue: what a mistake elsewhere in the house must not turn into access.

fn signed(ours: &SigningKey, member: &str, value: Value) -> String {
    sign(ours, &header_of(ours), &with(&claims(), member, value))
}

#[test]
fn other_times_are_refused() {
    use Refused::{Claims, Expired, Times};
    let World { tokens, ours, .. } = world();
    let now = NOW / SECOND;
    let exp = |value| signed(&ours, "exp", value);
    let iat = |value| signed(&ours, "iat", value);
    let literal = |text: &str| {
        let claims = claims().to_string().replace(&(now + LIFETIME).to_string(), text);
        sign_text(&ours, &header_of(&ours).to_string(), &claims)
    };
    let far = with(&with(&claims(), "iat", json!(i64::MAX)), "exp", json!(i64::MAX));
    refuse_all(
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
fn other_claims_are_refused() {
    use Refused::{Audience, Claims};
    let World { tokens, ours, .. } = world();
    let claim = |member, value| signed(&ours, member, value);
    let raw = |text: &str| sign_text(&ours, &header_of(&ours).to_string(), text);
    let mut twice = claims().to_string();
    twice.insert_str(1, r#""role":"admin","#);
    let mut table = vec![
        ("iss of another", claim("iss", json!("https://example.org")), Audience),
        ("iss a list with ours", claim("iss", json!(["https://example.com"])), Claims),
        ("iss with a slash", claim("iss", json!("https://example.com/")), Audience),
        ("aud of another", claim("aud", json!("elsewhere")), Audience),
        ("aud a list with ours", claim("aud", json!(["tenon", "elsewhere"])), Claims),
        ("aud empty", claim("aud", json!("")), Audience),
        ("sub not an id", claim("sub", json!("admin")), Claims),
        ("sub a number", claim("sub", json!(1)), Claims),
        ("sid not an id", claim("sid", json!("")), Claims),
        ("role a list", claim("role", json!(["admin"])), Claims),
        ("role twice", raw(&twice), Claims),
        ("a claim we do not issue", claim("scope", json!("posts:write")), Claims),
        ("claims a list", raw("[]"), Claims),
        ("claims null", raw("null"), Claims),
        ("claims not JSON", raw("{"), Claims),
        ("claims and more", raw(&format!("{}x", claims())), Claims),
    ];
    for required in ["iss", "aud", "sub", "sid", "role", "iat", "exp", "jti"] {
        table.push((required, claim(required, Value::Null), Claims));
    }
    refuse_all(&tokens, &table);
}

#[test]
fn no_single_changed_character_is_taken() {
    let World { tokens, .. } = world();
    let token = tokens.issue(&grant(), NOW).unwrap().expose().clone();
    for at in 0..token.len() {
        for replacement in ["A", "_", "."] {
            let mut changed = token.clone();
            changed.replace_range(at..=at, replacement);
            assert!(changed == token || tokens.verify(&changed, NOW).is_err(), "{at} {replacement}");
        }
    }
}
