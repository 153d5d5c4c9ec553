//! A local HTTP server that stores the requests it receives and sends queued responses.
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

/// A received request.
#[derive(Debug, Clone)]
pub struct Call {
    pub head: String,
    pub body: String,
}

impl Call {
    pub fn header(&self, name: &str) -> &str {
        let value = self.head.lines().find_map(|line| {
            let (field, value) = line.split_once(": ")?;
            field.eq_ignore_ascii_case(name).then_some(value.trim())
        });
        value.unwrap_or_default()
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("JSON")
    }

    /// Validates the signature header with this secret, as specified by Standard Webhooks.
    pub fn signed_by(&self, secret: &str) -> bool {
        let key = STANDARD.decode(secret.strip_prefix("whsec_").expect("a prefix")).expect("base64");
        let signed =
            format!("{}.{}.{}", self.header("webhook-id"), self.header("webhook-timestamp"), self.body);
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), signed.as_bytes());
        let signature = format!("v1,{}", STANDARD.encode(tag));
        self.header("webhook-signature").split(' ').any(|candidate| candidate == signature)
    }
}

/// Sends the queued responses in order, and 204 if the queue is empty.
#[derive(Clone)]
pub struct Receiver {
    pub url: String,
    calls: Arc<Mutex<Vec<Call>>>,
    responses: Arc<Mutex<VecDeque<String>>>,
}

impl Receiver {
    pub async fn start() -> Receiver {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/hook", listener.local_addr().expect("an address"));
        let receiver = Receiver { url, calls: Arc::default(), responses: Arc::default() };
        let server = receiver.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(server.clone().serve(stream));
            }
        });
        receiver
    }

    async fn serve(self, mut stream: TcpStream) {
        let (mut bytes, mut chunk) = (Vec::new(), [0; 4096]);
        let call = loop {
            let read = stream.read(&mut chunk).await.unwrap_or(0);
            bytes.extend_from_slice(&chunk[..read]);
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
        let queued = self.responses.lock().expect("the lock is not poisoned").pop_front();
        self.calls.lock().expect("the lock is not poisoned").push(call);
        if queued.as_deref() == Some("") {
            std::future::pending::<()>().await;
        }
        let response = queued.unwrap_or_else(|| "HTTP/1.1 204 No Content\r\n\r\n".to_owned());
        let _ = stream.write_all(response.as_bytes()).await;
    }

    pub fn respond_with(&self, status: &str, headers: &str, body: &str) {
        let length = body.len();
        let response = format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\n\r\n{body}");
        self.responses.lock().expect("the lock is not poisoned").push_back(response);
    }

    /// Sends no response to the next request.
    pub fn hang(&self) {
        self.responses.lock().expect("the lock is not poisoned").push_back(String::new());
    }

    /// Returns the requests so far.
    pub fn received(&self) -> Vec<Call> {
        self.calls.lock().expect("the lock is not poisoned").clone()
    }

    /// Waits for this number of requests and returns them; more requests are an error.
    pub async fn calls(&self, count: usize) -> Vec<Call> {
        for _ in 0..3_000 {
            let calls = self.calls.lock().expect("the lock is not poisoned").clone();
            if calls.len() >= count {
                assert_eq!(calls.len(), count, "{calls:?}");
                return calls;
            }
            sleep(Duration::from_millis(20)).await;
        }
        panic!(
            "expected {count} requests within 6 seconds: {:?}",
            self.calls.lock().expect("the lock is not poisoned")
        )
    }
}
