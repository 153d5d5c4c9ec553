use super::*;

/// 2026-11-21T09:00:00Z.
const NOW: i64 = 1_795_251_600_000;

const BANK: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<gesmes:Envelope xmlns:gesmes="http://www.gesmes.org/xml/2002-08-01" xmlns="http://www.ecb.int/vocabulary">
  <gesmes:subject>Reference rates</gesmes:subject>
  <Cube>
    <Cube time='2026-11-20'>
      <Cube currency='USD' rate='1.25'/>
      <Cube currency='JPY' rate='160.5'/>
      <Cube currency='GBP' rate='0.8'/>
    </Cube>
  </Cube>
</gesmes:Envelope>"#;

fn latest(base: &str, rates: &str) -> String {
    format!(
        r#"{{"result":"success","provider":"https://rates.test","time_last_update_unix":1795132951,
            "base_code":"{base}","rates":{rates}}}"#
    )
}

fn rates(body: &str) -> Result<Vec<String>> {
    let fetched = parse(body.as_bytes(), NOW)?;
    Ok(fetched.rates.iter().map(|(currency, rate)| format!("{currency} {rate}")).collect())
}

#[test]
fn parses_both_formats() {
    let dollars = latest("USD", r#"{"USD":1,"EUR":0.8612345678901234,"IRR":4.2e4,"JPY":150.10}"#);
    assert_eq!(rates(&dollars).unwrap(), ["EUR 0.8612345678901234", "IRR 42000", "JPY 150.1"]);
    assert_eq!(parse(dollars.as_bytes(), NOW).unwrap().date.to_string(), "2026-11-20");
    let with_bom = format!("\u{feff}\n {}", latest("EUR", r#"{"EUR":1,"USD":1.25,"JPY":160.5}"#));
    assert_eq!(rates(&with_bom).unwrap(), ["EUR 0.8", "JPY 128.4"]);
    assert_eq!(rates(BANK).unwrap(), ["EUR 0.8", "GBP 0.64", "JPY 128.4"]);
    let thirds = BANK.replace("1.25", "1.1");
    assert_eq!(rates(&thirds).unwrap()[0], "EUR 0.909090909091");
    assert_eq!(rates(&latest("USD", r#"{"EUR":0.9,"eur":7,"X-UNIT":-1}"#)).unwrap(), ["EUR 0.9"]);
}

fn assert_rejected(documents: impl IntoIterator<Item = String>) {
    for document in documents {
        let parsed = rates(&document);
        assert!(parsed.is_err(), "{document:.200}: {parsed:?}");
    }
}

#[test]
fn rejects_other_formats() {
    assert_rejected([
        "".to_owned(),
        "null".into(),
        "[]".into(),
        "{}".into(),
        "{\"result\":\"success\"}".into(),
        "<!doctype html><title>Sign in</title>".into(),
        "<html><body>502 Bad Gateway</body></html>".into(),
        "<Cube".into(),
        "[".repeat(100_000),
        format!("{{\"rates\":{}", "{\"a\":".repeat(100_000)),
    ]);
    assert!(parse(b"\xff\xfe", NOW).is_err());
}

#[test]
fn rejects_invalid_json_as_a_whole() {
    let with = |rate: &str| latest("USD", &format!(r#"{{"USD":1,"EUR":0.86,"JPY":{rate}}}"#));
    assert_rejected([
        with("-1"),
        with("0"),
        with("0.0"),
        with("NaN"),
        with("\"150\""),
        with("null"),
        with("[150]"),
        with("1e400"),
        with("1e-400"),
        with("1000000000"),
        with("99999999999999999999999999999999999999"),
        with("150,\"JPY\":151"),
        latest("USD", r#"{"USD":1.1,"EUR":0.86}"#),
        latest("EUR", r#"{"JPY":160.5}"#),
        latest("EURO", r#"{"USD":1.25}"#),
        latest("USD", "[]"),
        latest("USD", r#"{"EUR":0.86}"#).replace("success", "error"),
        latest("USD", r#"{"EUR":0.86}"#).replace("1795132951", "9223372036854775807"),
        latest("USD", r#"{"EUR":0.86}"#).replace("1795132951", "0"),
        latest("USD", r#"{"EUR":0.86}"#).replace("1795132951", "1795500000"),
        latest("USD", r#"{"EUR":0.86}"#).replace("1795132951", "1794500000"),
    ]);
}

#[test]
fn rejects_invalid_xml_as_a_whole() {
    let bank = |from: &str, to: &str| BANK.replace(from, to);
    let bomb = r#"<!DOCTYPE c [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;">]><c>&b;</c>"#;
    assert_rejected([
        format!("{bomb}{BANK}"),
        bank("<gesmes:Envelope", &format!("{}<gesmes:Envelope", &bomb[..bomb.len() - 10])),
        bank("1.25", "-1.25"),
        bank("1.25", "&lt;1.25"),
        bank("1.25", "NaN"),
        bank("<Cube currency='USD' rate='1.25'/>", ""),
        bank("<Cube currency='USD'", "<Cube currency='JPY'"),
        bank("time='2026-11-20'", ""),
        bank("2026-11-20", "2026-11-23"),
        bank("2026-11-20", "2026-11-13"),
        bank("2026-11-20", "yesterday"),
        bank("</Cube>\n  </Cube>", "</Cube><Cube time='2026-11-19'/></Cube>"),
        bank("</Cube>\n  </Cube>", ""),
        BANK[..BANK.len() / 2].to_owned() + "'/>",
        BANK.split_inclusive("'160.5'/>").next().unwrap_or_default().to_owned(),
        bank("<Cube>", &"<Cube/>".repeat(20_000)),
    ]);
}
