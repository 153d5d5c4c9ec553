use super::*;

fn proxies(field: ForwardedHeader) -> Proxies {
    let blocks = ["10.0.0.0/8", "2001:db8:9::/48"]
        .map(|block| block.parse().unwrap_or_else(|error| panic!("{error}")));
    Proxies {
        blocks: blocks.into(),
        forwarded_header: field,
        country_header: Some(HeaderName::from_static("cf-ipcountry")),
    }
}

fn client_address(field: ForwardedHeader, peer: &str, fields: &[(&'static str, &str)]) -> ClientAddress {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        headers.append(*name, value.parse().unwrap_or_else(|_| panic!("{value}")));
    }
    proxies(field).client_address(peer.parse().ok(), &headers)
}

#[test]
fn uses_the_nearest_untrusted_hop() {
    for (peer, value, client) in [
        ("192.0.2.7", "203.0.113.9", "192.0.2.7"),
        ("10.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("10.255.255.255", "203.0.113.9", "203.0.113.9"),
        ("11.0.0.0", "203.0.113.9", "11.0.0.0"),
        ("10.0.0.1", "1.2.3.4, 203.0.113.9, 10.0.0.2", "203.0.113.9"),
        ("10.0.0.1", "nonsense, 10.0.0.2", "10.0.0.2"),
        ("10.0.0.1", "1.2.3.4, nonsense", "10.0.0.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("10.0.0.1", "[2001:db8:1:2:3::4]:99", "2001:db8:1:2::/64"),
        ("::ffff:10.0.0.1", "203.0.113.9:4711", "203.0.113.9"),
        ("2001:db8:9::1", "::ffff:203.0.113.9", "203.0.113.9"),
    ] {
        let found = client_address(ForwardedHeader::XForwardedFor, peer, &[("x-forwarded-for", value)]);
        assert_eq!(found.text(), client, "{peer} {value}");
    }
}

#[test]
fn parses_forwarded_strictly() {
    for (value, client) in [
        ("for=203.0.113.9", "203.0.113.9"),
        ("For=203.0.113.9:4711;By=10.0.0.1", "203.0.113.9"),
        ("for=\"[2001:db8:1:2:3::4]:99\";proto=https", "2001:db8:1:2::/64"),
        ("for=1.2.3.4, for=203.0.113.9, for=10.0.0.2", "203.0.113.9"),
        ("for=_hidden", "10.0.0.1"),
        ("for=1.2.3.4, for=unknown", "10.0.0.1"),
        ("proto=https", "10.0.0.1"),
        // Sent by the client, before the element that the proxy appends.
        ("for=\"1.2.3.4, for=203.0.113.9", "10.0.0.1"),
        ("for=\"1.2.3.4\\, for=\"203.0.113.9\"", "10.0.0.1"),
        ("nonsense, for=203.0.113.9", "10.0.0.1"),
        ("for=10.0.0.3, for=203.0.113.9", "203.0.113.9"),
        // A host that the client chose and the proxy quotes.
        ("host=\"x,for=1.2.3.4\";for=203.0.113.9", "203.0.113.9"),
        ("for=203.0.113.9;host=\"x,for=1.2.3.4\"", "203.0.113.9"),
        ("host=\"x;for=1.2.3.4\";for=203.0.113.9", "203.0.113.9"),
        ("for=203.0.113.9;for=1.2.3.4", "10.0.0.1"),
        // Backslashes escape in quoted strings only.
        ("a\\,b=c, for=203.0.113.9", "10.0.0.1"),
        ("x\"\\\"=1, for=203.0.113.9", "10.0.0.1"),
        ("host=;for=203.0.113.9", "10.0.0.1"),
        ("host=\"a b\";for=203.0.113.9", "10.0.0.1"),
        ("for=\"203.0.113.9:99999\"", "10.0.0.1"),
    ] {
        assert_eq!(
            client_address(ForwardedHeader::Forwarded, "10.0.0.1", &[("forwarded", value)]).text(),
            client,
            "{value}"
        );
    }
}

#[test]
fn ignores_spoofed_headers() {
    let (proxy, untrusted, client) = ("10.0.0.1", "192.0.2.7", "203.0.113.9");
    let for_client = ("x-forwarded-for", client);
    let standard = ("forwarded", "for=203.0.113.9;proto=http");
    for (field, peer, honest, spoofed) in [
        (ForwardedHeader::XForwardedFor, proxy, vec![for_client], ("forwarded", "for=1.2.3.4;proto=https")),
        (ForwardedHeader::XForwardedFor, proxy, vec![], ("forwarded", "for=1.2.3.4;proto=https")),
        (ForwardedHeader::XForwardedFor, proxy, vec![for_client], ("x-real-ip", "1.2.3.4")),
        (ForwardedHeader::XForwardedFor, untrusted, vec![], ("x-forwarded-for", "1.2.3.4")),
        (ForwardedHeader::XForwardedFor, untrusted, vec![], ("x-forwarded-proto", "https")),
        (ForwardedHeader::XForwardedFor, untrusted, vec![], ("forwarded", "for=1.2.3.4;proto=https")),
        (ForwardedHeader::Forwarded, proxy, vec![standard], ("x-forwarded-for", "1.2.3.4")),
        (ForwardedHeader::Forwarded, proxy, vec![standard], ("x-forwarded-proto", "https")),
        (ForwardedHeader::Forwarded, proxy, vec![], ("x-forwarded-for", "1.2.3.4")),
        (ForwardedHeader::Forwarded, untrusted, vec![], ("forwarded", "for=1.2.3.4;proto=https")),
    ] {
        let plain = client_address(field, peer, &honest);
        let expected = if honest.is_empty() { peer } else { client };
        assert_eq!((plain.text().as_str(), plain.https), (expected, false), "{field:?} {peer}");
        // Before and after the header that the proxy sets.
        for at in [0, honest.len()] {
            let mut fields = honest.clone();
            fields.insert(at, spoofed);
            assert_eq!(client_address(field, peer, &fields), plain, "{field:?} {peer} {spoofed:?}");
        }
    }
    // In the trusted header itself, but before the element that the proxy appends.
    for (field, name, value) in [
        (ForwardedHeader::XForwardedFor, "x-forwarded-for", "1.2.3.4, 203.0.113.9"),
        (ForwardedHeader::XForwardedFor, "x-forwarded-for", "10.0.0.9, 1.2.3.4, 203.0.113.9"),
        (ForwardedHeader::Forwarded, "forwarded", "for=1.2.3.4;proto=https, for=203.0.113.9;proto=http"),
    ] {
        let found = client_address(field, proxy, &[(name, value)]);
        assert_eq!((found.text().as_str(), found.https), (client, false), "{value}");
    }
}

#[test]
fn accepts_one_country_header_from_a_trusted_proxy() {
    let country_of = |peer: &str, name: &'static str, values: &[&str]| {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(name, value.parse().unwrap_or_else(|_| panic!("{value}")));
        }
        let country = proxies(ForwardedHeader::default()).country(peer.parse().ok(), &headers);
        country.map(|country| country.to_string())
    };
    for (peer, name, values, country) in [
        ("10.0.0.1", "cf-ipcountry", &["FR"][..], Some("FR")),
        ("::ffff:10.0.0.1", "cf-ipcountry", &[" fr "], Some("FR")),
        ("192.0.2.7", "cf-ipcountry", &["FR"], None),
        ("10.0.0.1", "x-country", &["FR"], None),
        ("10.0.0.1", "cf-ipcountry", &[], None),
        ("10.0.0.1", "cf-ipcountry", &["FR", "US"], None),
        ("10.0.0.1", "cf-ipcountry", &["FR, US"], None),
        ("10.0.0.1", "cf-ipcountry", &["XX"], None),
        ("10.0.0.1", "cf-ipcountry", &["T1"], None),
        ("10.0.0.1", "cf-ipcountry", &["France"], None),
    ] {
        assert_eq!(country_of(peer, name, values).as_deref(), country, "{peer} {name} {values:?}");
    }
    assert_eq!(Proxies::default().country(None, &HeaderMap::new()), None);
}

#[test]
fn uses_the_scheme_of_the_trusted_hop() {
    for (field, fields, https) in [
        (
            ForwardedHeader::XForwardedFor,
            vec![("x-forwarded-for", "203.0.113.9"), ("x-forwarded-proto", "https")],
            true,
        ),
        (
            ForwardedHeader::XForwardedFor,
            vec![("x-forwarded-for", "203.0.113.9"), ("x-forwarded-proto", "http")],
            false,
        ),
        (
            ForwardedHeader::XForwardedFor,
            vec![("x-forwarded-for", "203.0.113.9"), ("x-forwarded-proto", "https, http")],
            false,
        ),
        (ForwardedHeader::XForwardedFor, vec![("x-forwarded-proto", "https")], true),
        (ForwardedHeader::Forwarded, vec![("forwarded", "for=203.0.113.9;proto=HTTPS")], true),
        (
            ForwardedHeader::Forwarded,
            vec![("forwarded", "for=203.0.113.9;proto=https, for=10.0.0.2;proto=http")],
            true,
        ),
        (
            ForwardedHeader::Forwarded,
            vec![("forwarded", "for=203.0.113.9;proto=http, for=10.0.0.2;proto=https")],
            false,
        ),
    ] {
        assert_eq!(client_address(field, "10.0.0.1", &fields).https, https, "{fields:?}");
        assert!(!client_address(field, "192.0.2.7", &fields).https, "an untrusted peer sends {fields:?}");
    }
}

#[test]
fn parses_settings() {
    assert_eq!("forwarded".parse(), Ok(ForwardedHeader::Forwarded));
    assert_eq!("x-forwarded-for".parse(), Ok(ForwardedHeader::XForwardedFor));
    assert!("X-Real-IP".parse::<ForwardedHeader>().is_err());
    assert!("10.0.0.0/33".parse::<Block>().is_err());
}
