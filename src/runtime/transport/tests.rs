//! The real transport against real sockets on loopback.

use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::{HttpRequest, HttpTransport, Transport, TransportError};

fn transport() -> HttpTransport {
    HttpTransport::build(reqwest::Client::builder().no_proxy(), 1_000).unwrap()
}

fn request(port: u16) -> HttpRequest {
    http::Request::builder()
        .method("POST")
        .uri(format!("http://127.0.0.1:{port}/users/ada%40example.com?x=1"))
        .header("authorization", "Bearer x")
        .body(Bytes::from_static(b"{}"))
        .unwrap()
}

/// Reads one request to its end.
async fn take(stream: &mut TcpStream) -> String {
    let mut text = String::new();
    let mut buffer = [0; 1024];
    while !text.ends_with("{}") {
        let read = stream.read(&mut buffer).await.unwrap();
        assert!(read > 0, "ended early: {text}");
        text.push_str(std::str::from_utf8(&buffer[..read]).unwrap());
    }
    text
}

/// A server that answers one request and then counts whether another connection comes.
async fn exchange(answer: String) -> (Result<super::HttpResponse, TransportError>, String, bool) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let request = take(&mut stream).await;
        stream.write_all(answer.as_bytes()).await.unwrap();
        drop(stream);
        request
    };
    let (answer, request) = tokio::join!(transport().send(request(port)), server);
    let again = tokio::time::timeout(Duration::from_millis(50), listener.accept()).await.is_ok();
    (answer, request, again)
}

#[tokio::test]
async fn answers_come_whole_and_requests_say_who_we_are() {
    let (answer, request, _) =
        exchange("HTTP/1.1 207 Multi-Status\r\nX-Test: 1\r\nContent-Length: 2\r\n\r\nok".to_owned()).await;
    let answer = answer.unwrap();
    assert_eq!((answer.status().as_u16(), answer.body().as_ref()), (207, b"ok".as_ref()));
    assert_eq!(answer.headers()["x-test"], "1");
    assert!(request.starts_with("POST /users/ada%40example.com?x=1 HTTP/1.1\r\n"), "{request}");
    assert!(request.contains(concat!("user-agent: tec-crm/", env!("CARGO_PKG_VERSION"))), "{request}");
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let other = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = other.local_addr().unwrap();
    let (answer, _, again) =
        exchange(format!("HTTP/1.1 307 Go\r\nLocation: http://{target}/\r\nContent-Length: 0\r\n\r\n")).await;
    assert_eq!(answer.unwrap().status().as_u16(), 307);
    assert!(!again);
    assert!(tokio::time::timeout(Duration::from_millis(50), other.accept()).await.is_err());
}

#[tokio::test]
async fn bodies_are_bounded_with_and_without_a_length() {
    for length in ["Content-Length: 5000\r\n", ""] {
        let (answer, _, _) = exchange(format!("HTTP/1.1 200 OK\r\n{length}\r\n{}", "x".repeat(5_000))).await;
        assert!(matches!(answer, Err(TransportError::TooLarge { limit_bytes: 1_000 })), "{answer:?}");
    }
    let (answer, _, _) =
        exchange(format!("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{}", "x".repeat(1_000))).await;
    assert_eq!(answer.unwrap().body().len(), 1_000);
}

#[tokio::test]
async fn a_refused_connection_sent_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    match transport().send(request(port)).await {
        Err(TransportError::NotSent(message)) => assert!(!message.contains("ada"), "{message}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_lost_and_not_repeated() {
    for answer in ["", "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhalf"] {
        let (answer, _, again) = exchange(answer.to_owned()).await;
        match answer {
            Err(TransportError::Lost(message)) => assert!(!message.contains("ada"), "{message}"),
            other => panic!("{other:?}"),
        }
        assert!(!again);
    }
}

#[tokio::test]
async fn a_reset_after_the_request_is_lost() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        take(&mut stream).await;
        #[allow(deprecated)] // a zero linger does not block; it is what makes a reset
        stream.set_linger(Some(Duration::ZERO)).unwrap();
    };
    let (answer, ()) = tokio::join!(transport().send(request(port)), server);
    assert!(matches!(answer, Err(TransportError::Lost(_))), "{answer:?}");
}

#[tokio::test]
async fn a_silent_server_is_given_up_as_lost() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut silent = request(port);
    *silent.uri_mut() = format!("http://127.0.0.1:{port}/").parse().unwrap();
    let quick = HttpTransport { client: quick_client(), max_body_bytes: 10 };
    let started = Instant::now();
    match quick.send(silent).await {
        Err(TransportError::Lost(message)) => assert_eq!(message, "timed out"),
        other => panic!("{other:?}"),
    }
    assert!(started.elapsed() < Duration::from_secs(5));
    drop(listener);
}

#[test]
fn tls_is_set_up_any_number_of_times() {
    for _ in 0..2 {
        HttpTransport::new().unwrap();
    }
}

/// As ours, with a time-out a test can wait for.
fn quick_client() -> reqwest::Client {
    drop(transport());
    reqwest::Client::builder().no_proxy().timeout(Duration::from_millis(100)).build().unwrap()
}
