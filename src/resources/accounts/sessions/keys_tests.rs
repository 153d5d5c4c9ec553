use super::*;

const DAY: i64 = 24 * HOUR;
const START: i64 = 1_790_000_000_000;

fn key(active_at: i64, expires_at: Option<i64>) -> SigningKey {
    SigningKey { expires_at, ..SigningKey::generate(active_at, active_at).unwrap() }
}

/// Applies the plan to the rows, as the service does to the table.
fn rotate(rows: &mut Vec<SigningKey>, now: i64) -> KeyRotation {
    let plan = KeyRotation::plan(rows, now);
    rows.retain(|row| !plan.remove.contains(&row.kid));
    for (kid, expires_at) in &plan.expire {
        let row = rows.iter_mut().find(|row| row.kid == *kid).unwrap();
        row.expires_at = Some(*expires_at);
    }
    rows.extend(plan.publish.map(|active_at| SigningKey::generate(now, active_at).unwrap()));
    plan
}

#[test]
fn rotates_monthly_over_a_year() {
    let (mut rows, keys) = (Vec::new(), SigningKeys::default());
    let mut signers: Vec<(String, i64)> = Vec::new();
    let mut first_seen = std::collections::HashMap::new();
    for now in (START..START + 365 * DAY).step_by(HOUR as usize) {
        rotate(&mut rows, now);
        assert_eq!(KeyRotation::plan(&rows, now), KeyRotation::default(), "the plan is idempotent");
        keys.replace(rows.clone()).unwrap();
        for jwk in keys.jwks(now) {
            first_seen.entry(jwk.kid).or_insert(now);
        }
        let signer = keys.signing(now).unwrap().row.kid.clone();
        if signers.last().is_none_or(|(last, _)| *last != signer) {
            signers.push((signer.clone(), now));
        }
        if let [.., (previous, _), (_, since)] = &signers[..] {
            let verifies = keys.verifying(previous, now).is_some();
            assert_eq!(verifies, now < since + VERIFY_AFTER, "{} h after", (now - since) / HOUR);
        }
        assert!(rows.len() <= 2, "{}", rows.len());
    }
    assert_eq!(signers.len(), 13);
    for pair in signers.windows(2) {
        assert_eq!(pair[1].1 - pair[0].1, SIGNING_PERIOD);
        assert_eq!(pair[1].1 - first_seen[&pair[1].0], PUBLISH_AHEAD);
    }
}

#[test]
fn after_a_long_downtime_the_old_key_signs_until_the_new_one_is_active() {
    let (mut rows, keys) = (vec![key(START, None)], SigningKeys::default());
    let now = START + 400 * DAY;
    let plan = rotate(&mut rows, now);
    assert_eq!(plan.publish, Some(now + DAY));
    assert_eq!(plan.expire, [(rows[0].kid.clone(), now + 2 * DAY)]);
    keys.replace(rows.clone()).unwrap();
    assert_eq!(keys.signing(now).unwrap().row.kid, rows[0].kid);
    assert_eq!(keys.signing(now + DAY).unwrap().row.kid, rows[1].kid);
    assert_eq!(keys.jwks(now).len(), 2);
}

#[test]
fn signs_with_the_oldest_key_if_the_clock_is_set_back() {
    let (rows, keys) = (vec![key(START, Some(START + DAY)), key(START + DAY, None)], SigningKeys::default());
    assert_eq!(KeyRotation::plan(&rows, START - 400 * DAY), KeyRotation::default());
    keys.replace(rows.clone()).unwrap();
    assert_eq!(keys.signing(START - 400 * DAY).unwrap().row.kid, rows[0].kid);
}

#[test]
fn two_processes_that_publish_at_the_same_time_agree_on_one_key() {
    let mut rows = vec![key(START, None), key(START, None), key(START + 1, None)];
    rotate(&mut rows, START + HOUR);
    assert_eq!(rows.iter().filter(|row| row.expires_at.is_none()).count(), 1);
    let keys = SigningKeys::default();
    keys.replace(rows.clone()).unwrap();
    let signer = keys.signing(START + HOUR).unwrap().row.kid.clone();
    rows.reverse();
    keys.replace(rows).unwrap();
    assert_eq!(keys.signing(START + HOUR).unwrap().row.kid, signer);
}

#[test]
fn without_keys_nothing_signs_or_verifies() {
    let keys = SigningKeys::default();
    assert!(keys.signing(START).is_none());
    assert!(keys.verifying("", START).is_none());
    assert_eq!(keys.jwks(START), []);
}

#[test]
fn the_jwk_set_contains_the_unexpired_keys() {
    let keys = SigningKeys::default();
    let (old, new) = (key(START, Some(START + DAY)), key(START + 1, None));
    keys.replace([old.clone(), new.clone()]).unwrap();
    let x = BASE64_URL_SAFE_NO_PAD.encode(&new.public);
    let expected = Jwk { x, kid: new.kid.clone() };
    let kids = |now| keys.jwks(now).into_iter().map(|jwk| jwk.kid).collect::<Vec<_>>();
    assert_eq!(keys.jwks(START)[0], expected);
    assert_eq!(kids(START + DAY - 1), [new.kid.clone(), old.kid]);
    assert_eq!(kids(START + DAY), [new.kid]);
}

#[test]
fn computes_the_thumbprint_of_rfc_8037() {
    // The example of RFC 8037, appendix A.3.
    let public = BASE64_URL_SAFE_NO_PAD.decode("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo").unwrap();
    assert_eq!(thumbprint(&public), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
}

#[test]
fn rejects_invalid_keys_and_retains_the_previous_ones() {
    let keys = SigningKeys::default();
    let good = key(START, None);
    keys.replace([good.clone()]).unwrap();
    let other = key(START, None);
    for bad in [
        SigningKey { pkcs8: Secret::new(Vec::new()), ..good.clone() },
        SigningKey { pkcs8: Secret::new(vec![0; 48]), ..good.clone() },
        SigningKey { pkcs8: other.pkcs8.clone(), ..good.clone() },
        SigningKey { public: other.public.clone(), ..good.clone() },
        SigningKey { kid: other.kid.clone(), ..good.clone() },
    ] {
        assert_eq!(keys.replace([other.clone(), bad]), Err(InvalidKey));
        assert!(keys.verifying(&good.kid, START).is_some());
    }
}

#[test]
fn debug_output_hides_the_private_key() {
    let key = key(START, None);
    let output = format!("{key:?}");
    assert!(
        output.contains("[redacted]") && !output.contains(&format!("{:?}", key.pkcs8.expose())),
        "{output}"
    );
}
