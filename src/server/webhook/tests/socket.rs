//! The same over real sockets on loopback.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

use super::{
    super::serve::{Bounds, serve, serve_within},
    Bell, Deliveries, URL, endpoint, event, rung, signed,
};
use crate::{
    runtime::clock::{Clock as _, SystemClock},
    server::signature::{SIGNATURE_HEADER, TIMESTAMP_HEADER},
};

struct Server {
    bell: Arc<Bell>,
    address: SocketAddr,
    stop: CancellationToken,
    task: JoinHandle<std::io::Result<()>>,
}

async fn listening(bounds: Option<Bounds>) -> Server {
    let bell = Bell::with(vec![endpoint("sales/hubspot", 999_001, "s3cret", URL)]);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, clock) = (CancellationToken::new(), Arc::new(SystemClock));
    let task = match bounds {
        None => tokio::spawn(serve(listener, bell.clone(), clock, stop.clone())),
        Some(bounds) => {
            let deliveries = Arc::new(Deliveries::new(bell.clone(), clock));
            tokio::spawn(serve_within(bounds, listener, deliveries, stop.clone()))
        }
    };
    Server { bell, address, stop, task }
}

impl Server {
    async fn send(&self, text: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        // Who is refused early need not be heard out.
        let _refused = stream.write_all(text.as_bytes()).await;
        stream
    }

    /// The status line of what is answered, or nothing.
    async fn exchange(&self, text: &str) -> String {
        answer(self.send(text).await).await
    }
}

async fn answer(mut stream: TcpStream) -> String {
    let mut bytes = Vec::new();
    // A reset is as good as an end: what counts is what came before it.
    let _reset = stream.read_to_end(&mut bytes).await;
    String::from_utf8(bytes).unwrap().lines().next().unwrap_or_default().to_owned()
}

fn request(line: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!("{line} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}")
}

fn delivery(body: &str) -> String {
    let headers = signed("s3cret", URL, body.as_bytes(), SystemClock.now().as_millisecond());
    let text = |name: &str| format!("{name}: {}\r\n", headers[name].to_str().unwrap());
    request("POST /hooks", &(text(SIGNATURE_HEADER) + &text(TIMESTAMP_HEADER)), body)
}

#[tokio::test]
async fn the_socket_answers_as_the_core_does() {
    let server = listening(None).await;
    let body = json!([event(1, 999_001, 201)]).to_string();
    assert_eq!(server.exchange(&delivery(&body)).await, "HTTP/1.1 204 No Content");
    assert_eq!(server.bell.rings(), [rung("sales/hubspot", &["201"])]);
    let table = [
        (delivery("{"), "HTTP/1.1 400 Bad Request"),
        (request("POST /", "", &body), "HTTP/1.1 401 Unauthorized"),
        (request("GET /hooks", "", ""), "HTTP/1.1 405 Method Not Allowed"),
        (request("POST /healthz", "", ""), "HTTP/1.1 405 Method Not Allowed"),
        (request("GET /healthz", "", ""), "HTTP/1.1 200 OK"),
        (delivery(&" ".repeat(1024 * 1024 + 1)), "HTTP/1.1 413 Payload Too Large"),
        (delivery(&" ".repeat(1024 * 1024)), "HTTP/1.1 400 Bad Request"),
    ];
    for (text, expected) in table {
        let line = text.lines().next().unwrap();
        assert_eq!(server.exchange(&text).await, expected, "{line}");
    }
    let chunked = format!(
        "POST /hooks HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n200000\r\n{}\r\n0\r\n\r\n",
        "x".repeat(0x0020_0000)
    );
    assert_eq!(server.exchange(&chunked).await, "HTTP/1.1 413 Payload Too Large");
    assert_eq!(server.bell.rings(), []);
    server.stop.cancel();
    server.task.await.unwrap().unwrap();
}

fn tight() -> Bounds {
    let (long, short) = (Duration::from_mins(1), Duration::from_millis(100));
    Bounds { connections: 10, deliveries: 1, idle: long, body: long, drain: short }
}

const UNFINISHED: &str = "POST /hooks HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 10\r\n\r\n";

/// A delivery that is being read and goes no further.
async fn hanging(server: &Server) -> TcpStream {
    let mut stream = server.send(UNFINISHED).await;
    let mut interim = [0; 25];
    stream.read_exact(&mut interim).await.unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream
}

#[tokio::test]
async fn a_body_that_does_not_come_is_given_up() {
    let server = listening(Some(Bounds { body: Duration::from_millis(50), ..tight() })).await;
    let stream = hanging(&server).await;
    assert_eq!(answer(stream).await, "HTTP/1.1 408 Request Timeout");
    assert_eq!(server.exchange(&delivery("[]")).await, "HTTP/1.1 204 No Content", "its place is free again");
}

#[tokio::test]
async fn too_many_at_once_are_sent_away_and_come_again() {
    let server = listening(Some(tight())).await;
    let first = hanging(&server).await;
    assert_eq!(server.exchange(&delivery("[]")).await, "HTTP/1.1 503 Service Unavailable");
    assert_eq!(server.exchange(&request("GET /healthz", "", "")).await, "HTTP/1.1 200 OK");
    drop(first);
    // The server sees the end of the first in its own time.
    loop {
        match server.exchange(&delivery("[]")).await.as_str() {
            "HTTP/1.1 204 No Content" => break,
            other => assert_eq!(other, "HTTP/1.1 503 Service Unavailable"),
        }
    }
}

#[tokio::test]
async fn silence_does_not_keep_a_connection() {
    let server = listening(Some(Bounds { connections: 1, idle: Duration::from_millis(50), ..tight() })).await;
    let silent = server.send("POST /ho").await;
    // There is room for one: this one is served because the silent one is closed.
    assert_eq!(server.exchange(&delivery("[]")).await, "HTTP/1.1 204 No Content");
    assert_eq!(answer(silent).await, "");
}

#[tokio::test]
async fn a_hanging_delivery_does_not_hold_up_a_shutdown() {
    let server = listening(Some(tight())).await;
    let _hanging = hanging(&server).await;
    server.stop.cancel();
    server.task.await.unwrap().unwrap();
}
