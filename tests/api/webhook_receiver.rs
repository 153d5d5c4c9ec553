//! A program outside, as tests need it: it keeps what it is sent.
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use ring::hmac;
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::{Duration, sleep},
};

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Call {
    pub head: String,
    pub body: String,
}

impl Call {
    pub fn header(&self, name: &str) -> &str {
        let value = self.head.lines().find_map(|line| {
            let (known, value) = line.split_once(": ")?;
            known.eq_ignore_ascii_case(name).then_some(value.trim())
        });
        value.unwrap_or_default()
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("JSON")
    }

    /// Whether one of the signatures is by this secret, computed from what Standard Webhooks says.
    pub fn signed_by(&self, secret: &str) -> bool {
        let key = STANDARD.decode(secret.strip_prefix("whsec_").expect("a prefix")).expect("base64");
        let signed =
            format!("{}.{}.{}", self.header("webhook-id"), self.header("webhook-timestamp"), self.body);
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), signed.as_bytes());
        let signature = format!("v1,{}", STANDARD.encode(tag));
        self.header("webhook-signature").split(' ').any(|known| known == signature)
    }
}

/// A program outside: it answers with what it is told to, and else with 204.
#[derive(Clone)]
pub struct Receiver {
    pub url: String,
    calls: Arc<Mutex<Vec<Call>>>,
    answers: Arc<Mutex<VecDeque<String>>>,
}

impl Receiver {
    pub async fn start() -> Receiver {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/hook", listener.local_addr().expect("an address"));
        let receiver = Receiver { url, calls: Arc::default(), answers: Arc::default() };
        let serves = receiver.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serves.clone().serve(stream));
            }
        });
        receiver
    }

    async fn serve(self, mut stream: TcpStream) {
        let (mut bytes, mut piece) = (Vec::new(), [0; 4096]);
        let call = loop {
            let read = stream.read(&mut piece).await.unwrap_or(0);
            bytes.extend_from_slice(&piece[..read]);
            let text = String::from_utf8_lossy(&bytes).into_owned();
            if let Some((head, body)) = text.split_once("\r\n\r\n") {
                let call = Call { head: head.to_owned(), body: body.to_owned() };
                if call.header("content-length").parse().unwrap_or(0) == call.body.len() {
                    break call;
                }
            }
            if read == 0 {
                return;
            }
        };
        let told = self.answers.lock().expect("whole").pop_front();
        self.calls.lock().expect("whole").push(call);
        if told.as_deref() == Some("") {
            std::future::pending::<()>().await;
        }
        let answer = told.unwrap_or_else(|| "HTTP/1.1 204 No Content\r\n\r\n".to_owned());
        let _ = stream.write_all(answer.as_bytes()).await;
    }

    pub fn answers(&self, status: &str, headers: &str, body: &str) {
        let length = body.len();
        let answer = format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\n\r\n{body}");
        self.answers.lock().expect("whole").push_back(answer);
    }

    /// The next call is never answered.
    pub fn says_nothing(&self) {
        self.answers.lock().expect("whole").push_back(String::new());
    }

    /// The calls, when there are so many.
    pub async fn calls(&self, many: usize) -> Vec<Call> {
        for _ in 0..3_000 {
            let calls = self.calls.lock().expect("whole").clone();
            if calls.len() >= many {
                assert_eq!(calls.len(), many, "{calls:?}");
                return calls;
            }
            sleep(Duration::from_millis(20)).await;
        }
        panic!("{many} calls did not come: {:?}", self.calls.lock().expect("whole"))
    }
}
