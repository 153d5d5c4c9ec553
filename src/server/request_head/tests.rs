use super::*;

fn status(head: &str) -> u16 {
    match validate(head.as_bytes(), &Limits::default()) {
        Ok(_) => 200,
        Err(rejection) => rejection.code.status().as_u16(),
    }
}

#[test]
fn parses_the_framing() {
    let limits = Limits::default();
    let framing =
        |headers: &str| validate(format!("POST / HTTP/1.1\r\nHost: a\r\n{headers}\r\n").as_bytes(), &limits);
    assert_eq!(framing(""), Ok(Framing::Length(0)));
    assert_eq!(framing("Content-Length: 12\r\n"), Ok(Framing::Length(12)));
    assert_eq!(framing("Transfer-Encoding: Chunked\r\n"), Ok(Framing::Chunked));
}

#[test]
fn rejects_ambiguous_framing() {
    for headers in [
        "Content-Length: 3\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 3",
        "Content-Length: 3\r\nContent-Length: 3",
        "Content-Length: 3, 3",
        "Content-Length: +3",
        "Content-Length: 0x3",
        "Content-Length:",
        "Content-Length: 9999999999999999999",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding : chunked",
        "X: a\nTransfer-Encoding: chunked",
        "X: a\r\n folded",
        "X: a\rb",
        "Host: b",
        ": x",
        "no colon",
    ] {
        assert_eq!(status(&format!("POST / HTTP/1.1\r\nHost: a\r\n{headers}\r\n\r\n")), 400, "{headers}");
    }
}

#[test]
fn validates_the_request_line() {
    for (line, expected) in [
        ("GET / HTTP/1.1", 200),
        ("OPTIONS * HTTP/1.1", 200),
        ("GET http://a/ HTTP/1.1", 200),
        ("GET https://a:8080/x?y HTTP/1.1", 200),
        ("GET /@b HTTP/1.1", 200),
        ("GET http://user@a/ HTTP/1.1", 400),
        ("GET http://user:password@a:8080/ HTTP/1.1", 400),
        ("GET http://@a/ HTTP/1.1", 400),
        ("GET  / HTTP/1.1", 400),
        ("GET * HTTP/1.1", 400),
        ("GET a HTTP/1.1", 400),
        ("GET /a#b HTTP/1.1", 400),
        ("GET /é HTTP/1.1", 400),
        ("GET / HTTP/2.0", 400),
        ("GET /", 400),
        ("CONNECT a:443 HTTP/1.1", 400),
    ] {
        assert_eq!(status(&format!("{line}\r\nHost: a\r\n\r\n")), expected, "{line}");
    }
}

#[test]
fn requires_one_host() {
    assert_eq!(status("GET / HTTP/1.1\r\n\r\n"), 400);
    assert_eq!(status("GET / HTTP/1.0\r\n\r\n"), 200);
    assert_eq!(status("GET / HTTP/1.1\r\nHost: a@b\r\n\r\n"), 400);
    assert_eq!(status("GET / HTTP/1.1\r\nHost:\r\n\r\n"), 400);
    assert_eq!(status("GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n"), 200);
}

#[test]
fn limits_sizes() {
    let long = "a".repeat(8200);
    assert_eq!(status(&format!("GET /{long} HTTP/1.1\r\nHost: a\r\n\r\n")), 414);
    assert_eq!(status(&format!("GET / HTTP/1.1\r\nHost: a\r\nX: {long}\r\n\r\n")), 431);
    let headers = |count| "X: y\r\n".repeat(count);
    assert_eq!(status(&format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", headers(63))), 200);
    assert_eq!(status(&format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", headers(64))), 431);
    let large = format!("X: {}\r\n", "y".repeat(1000)).repeat(17);
    assert_eq!(status(&format!("GET / HTTP/1.1\r\nHost: a\r\n{large}\r\n")), 431);
}

#[test]
fn messages_name_the_limits() {
    let limits = Limits { line_bytes: 40, head_bytes: 60, max_headers: 1, ..Limits::default() };
    let detail = |head: &str| validate(head.as_bytes(), &limits).expect_err(head).detail;
    let long_target = format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(40));
    assert_eq!(detail(&long_target), "request target: must be at most 40 bytes");
    let headers = "headers: at most 1 are allowed, with at most 40 bytes each and 60 bytes in total";
    assert_eq!(detail("GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n\r\n"), headers);
    let user = "the request target must not contain user information";
    assert_eq!(detail("GET http://u:p@host/ HTTP/1.1\r\nHost: a\r\n\r\n"), user);
    assert_eq!(detail(&format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "a".repeat(60))), headers);
}
