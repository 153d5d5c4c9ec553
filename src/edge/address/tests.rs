use super::*;

fn proxies(field: Field) -> Proxies {
    let blocks = ["10.0.0.0/8", "2001:db8:9::/48"]
        .map(|block| block.parse().unwrap_or_else(|error| panic!("{error}")));
    Proxies { blocks: blocks.into(), field, country: Some(HeaderName::from_static("cf-ipcountry")) }
}

fn sender(field: Field, peer: &str, fields: &[(&'static str, &str)]) -> Sender {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        headers.append(*name, value.parse().unwrap_or_else(|_| panic!("{value}")));
    }
    proxies(field).sender(peer.parse().ok(), &headers)
}

#[test]
fn the_nearest_hop_that_is_no_proxy_is_the_client() {
    for (peer, value, client) in [
        ("192.0.2.7", "203.0.113.9", "192.0.2.7"),
        ("10.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "1.2.3.4, 203.0.113.9, 10.0.0.2", "203.0.113.9"),
        ("10.0.0.1", "nonsense, 10.0.0.2", "10.0.0.2"),
        ("10.0.0.1", "1.2.3.4, nonsense", "10.0.0.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("10.0.0.1", "[2001:db8:1:2:3::4]:99", "2001:db8:1:2::/64"),
        ("::ffff:10.0.0.1", "203.0.113.9:4711", "203.0.113.9"),
        ("2001:db8:9::1", "::ffff:203.0.113.9", "203.0.113.9"),
    ] {
        let found = sender(Field::XForwardedFor, peer, &[("x-forwarded-for", value)]);
        assert_eq!(found.address, client, "{peer} {value}");
    }
}

#[test]
fn forwarded_is_read_by_its_grammar() {
    for (value, client) in [
        ("for=203.0.113.9", "203.0.113.9"),
        ("For=203.0.113.9:4711;By=10.0.0.1", "203.0.113.9"),
        ("for=\"[2001:db8:1:2:3::4]:99\";proto=https", "2001:db8:1:2::/64"),
        ("for=1.2.3.4, for=203.0.113.9, for=10.0.0.2", "203.0.113.9"),
        ("for=_hidden", "10.0.0.1"),
        ("for=1.2.3.4, for=unknown", "10.0.0.1"),
        ("proto=https", "10.0.0.1"),
        // What the client says of itself, before what the proxy appends.
        ("for=\"1.2.3.4, for=203.0.113.9", "10.0.0.1"),
        ("for=\"1.2.3.4\\, for=\"203.0.113.9\"", "10.0.0.1"),
        ("nonsense, for=203.0.113.9", "10.0.0.1"),
        ("for=10.0.0.3, for=203.0.113.9", "203.0.113.9"),
        // A host that the client chose and the proxy quotes.
        ("host=\"x,for=1.2.3.4\";for=203.0.113.9", "203.0.113.9"),
        ("for=203.0.113.9;host=\"x,for=1.2.3.4\"", "203.0.113.9"),
        ("host=\"x;for=1.2.3.4\";for=203.0.113.9", "203.0.113.9"),
        ("for=203.0.113.9;for=1.2.3.4", "10.0.0.1"),
    ] {
        assert_eq!(sender(Field::Forwarded, "10.0.0.1", &[("forwarded", value)]).address, client, "{value}");
    }
}

#[test]
fn spoofed_fields_change_nothing() {
    let (proxy, stranger, client) = ("10.0.0.1", "192.0.2.7", "203.0.113.9");
    let for_client = ("x-forwarded-for", client);
    let by_grammar = ("forwarded", "for=203.0.113.9;proto=http");
    for (field, peer, honest, spoofed) in [
        (Field::XForwardedFor, proxy, vec![for_client], ("forwarded", "for=1.2.3.4;proto=https")),
        (Field::XForwardedFor, proxy, vec![], ("forwarded", "for=1.2.3.4;proto=https")),
        (Field::XForwardedFor, proxy, vec![for_client], ("x-real-ip", "1.2.3.4")),
        (Field::XForwardedFor, stranger, vec![], ("x-forwarded-for", "1.2.3.4")),
        (Field::XForwardedFor, stranger, vec![], ("x-forwarded-proto", "https")),
        (Field::XForwardedFor, stranger, vec![], ("forwarded", "for=1.2.3.4;proto=https")),
        (Field::Forwarded, proxy, vec![by_grammar], ("x-forwarded-for", "1.2.3.4")),
        (Field::Forwarded, proxy, vec![by_grammar], ("x-forwarded-proto", "https")),
        (Field::Forwarded, proxy, vec![], ("x-forwarded-for", "1.2.3.4")),
        (Field::Forwarded, stranger, vec![], ("forwarded", "for=1.2.3.4;proto=https")),
    ] {
        let plain = sender(field, peer, &honest);
        let expected = if honest.is_empty() { peer } else { client };
        assert_eq!(plain, Sender { address: expected.to_owned(), https: false }, "{field:?} {peer}");
        // Before what the proxy says and after it.
        for at in [0, honest.len()] {
            let mut fields = honest.clone();
            fields.insert(at, spoofed);
            assert_eq!(sender(field, peer, &fields), plain, "{field:?} {peer} {spoofed:?}");
        }
    }
    // In the very field, but before what the proxy appends to it.
    for (field, name, value) in [
        (Field::XForwardedFor, "x-forwarded-for", "1.2.3.4, 203.0.113.9"),
        (Field::XForwardedFor, "x-forwarded-for", "10.0.0.9, 1.2.3.4, 203.0.113.9"),
        (Field::Forwarded, "forwarded", "for=1.2.3.4;proto=https, for=203.0.113.9;proto=http"),
    ] {
        let found = sender(field, proxy, &[(name, value)]);
        assert_eq!(found, Sender { address: client.to_owned(), https: false }, "{value}");
    }
}

#[test]
fn a_country_is_what_one_proxy_tells_of_it_once() {
    let told = |peer: &str, name: &'static str, values: &[&str]| {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(name, value.parse().unwrap_or_else(|_| panic!("{value}")));
        }
        let country = proxies(Field::default()).country(peer.parse().ok(), &headers);
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
        assert_eq!(told(peer, name, values).as_deref(), country, "{peer} {name} {values:?}");
    }
    assert_eq!(Proxies::default().country(None, &HeaderMap::new()), None);
}

#[test]
fn tls_is_what_the_believed_hop_says() {
    for (field, fields, https) in [
        (
            Field::XForwardedFor,
            vec![("x-forwarded-for", "203.0.113.9"), ("x-forwarded-proto", "https")],
            true,
        ),
        (
            Field::XForwardedFor,
            vec![("x-forwarded-for", "203.0.113.9"), ("x-forwarded-proto", "http")],
            false,
        ),
        (
            Field::XForwardedFor,
            vec![("x-forwarded-for", "203.0.113.9"), ("x-forwarded-proto", "https, http")],
            false,
        ),
        (Field::XForwardedFor, vec![("x-forwarded-proto", "https")], true),
        (Field::Forwarded, vec![("forwarded", "for=203.0.113.9;proto=HTTPS")], true),
        (Field::Forwarded, vec![("forwarded", "for=203.0.113.9;proto=https, for=10.0.0.2;proto=http")], true),
        (
            Field::Forwarded,
            vec![("forwarded", "for=203.0.113.9;proto=http, for=10.0.0.2;proto=https")],
            false,
        ),
    ] {
        assert_eq!(sender(field, "10.0.0.1", &fields).https, https, "{fields:?}");
        assert!(!sender(field, "192.0.2.7", &fields).https, "a stranger says {fields:?}");
    }
}

#[test]
fn settings_are_read() {
    assert_eq!("forwarded".parse(), Ok(Field::Forwarded));
    assert_eq!("x-forwarded-for".parse(), Ok(Field::XForwardedFor));
    assert!("X-Real-IP".parse::<Field>().is_err());
    assert!("10.0.0.0/33".parse::<Block>().is_err());
}
