//! The same portal over a real socket, on the machine's clock.

use std::{net::SocketAddr, sync::Arc};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::oneshot,
};

use super::super::{DEFAULT_TOKEN, FaultRule, HubSpotSim, SimConfig, When, serve};
use crate::runtime::{clock::SystemClock, transport::TransportError};

async fn listening() -> (HubSpotSim, SocketAddr, oneshot::Sender<()>, tokio::task::JoinHandle<std::io::Result<()>>) {
    let sim = HubSpotSim::new(SimConfig::default(), Arc::new(SystemClock));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let server = tokio::spawn(serve(sim.clone(), listener, async move { stopped.await.unwrap_or_default() }));
    (sim, address, stop, server)
}

/// All the server says to one request before it closes.
async fn exchange(address: SocketAddr, line: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "{line} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {DEFAULT_TOKEN}\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // A reset is as good as an end: what counts is what came before it.
    let _reset = stream.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn the_socket_serves_the_portal_and_its_control_routes() {
    let (sim, address, stop, server) = listening().await;
    let answer = exchange(address, "GET /account-info/2026-03/details/", "").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains("\"portalId\":999001") && answer.contains("x-hubspot-correlation-id: "));
    let created = r#"{"email":"ada@example.com","sendWelcomeEmail":true}"#;
    assert!(exchange(address, "POST /settings/v3/users", created).await.starts_with("HTTP/1.1 201 "));
    assert!(
        exchange(address, "POST /_sim/invitations/ada%40example.com/accept", "").await.starts_with("HTTP/1.1 200 ")
    );
    assert!(
        exchange(address, "DELETE /settings/v3/users/ada%40example.com?idProperty=EMAIL", "")
            .await
            .starts_with("HTTP/1.1 204 ")
    );
    assert_eq!(sim.requests().total, 3);
    stop.send(()).unwrap();
    server.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_dropped_request_gets_not_one_byte() {
    let (sim, address, _stop, _server) = listening().await;
    let fault = FaultRule { route: "/settings/users".into(), when: When::After, drop: true, ..FaultRule::default() };
    sim.add_fault(fault).unwrap();
    let body = r#"{"email":"ada@example.com","sendWelcomeEmail":true}"#;
    assert_eq!(exchange(address, "POST /settings/v3/users", body).await, "");
    assert_eq!(sim.state()["users"].as_array().unwrap().len(), 2, "and yet it happened");
    assert!(exchange(address, "GET /settings/v3/users", "").await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn in_process_a_dropped_request_is_lost() {
    let sim = HubSpotSim::new(SimConfig::default(), Arc::new(SystemClock));
    sim.add_fault(FaultRule { route: "*".into(), drop: true, ..FaultRule::default() }).unwrap();
    let request = || {
        let request = http::Request::get("https://api.hubapi.com/account-info/2026-03/details");
        request.header("authorization", format!("Bearer {DEFAULT_TOKEN}")).body(bytes::Bytes::new()).unwrap()
    };
    let transport = sim.transport();
    assert!(matches!(transport.send(request()).await, Err(TransportError::Lost(_))));
    assert_eq!(transport.send(request()).await.unwrap().status(), 200);
}
