//! The address a browser brings a person's consent to: on loopback, for one answer, as long as somebody waits for it.
//!
//! What comes from elsewhere (a page that knows the address, a scanner) lacks the state and changes nothing: it is refused,
//! and the wait goes on. Codes and states are in no log line and on no page.

use std::{
    fmt, io,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, extract::Request};
use futures::future::try_join_all;
use http::{Method, Response, StatusCode, Uri, header};
use tokio::{net::TcpListener, sync::oneshot, time};
use tokio_util::sync::CancellationToken;
use url::form_urlencoded;

use super::connections::Bounded;
use crate::runtime::{lock, secret::Secret};

/// The one path that is answered.
pub const PATH: &str = "/callback";

/// Longest query looked at. HubSpot's has some 150 bytes.
const MAX_QUERY_BYTES: usize = 4096;
/// Connections at a time.
const MAX_CONNECTIONS: usize = 16;
/// A connection on which nothing comes in for so long is closed.
const IDLE: Duration = Duration::from_secs(30);
/// How long the last answer may take to reach the browser.
const DRAIN: Duration = Duration::from_secs(2);

/// What the browser brings.
#[derive(Debug)]
pub enum Callback {
    /// Consent: the code.
    Code(Secret),
    /// None. OAuth's word for why, such as `access_denied`.
    Refused(String),
    /// Neither a code nor a reason.
    Unusable,
}

/// Judges requests. Knows no sockets: the server and in-process tests hand it requests alike.
pub struct Callbacks {
    is_expected: Box<dyn Fn(&str) -> bool + Send + Sync>,
    waiting: Mutex<Option<oneshot::Sender<Callback>>>,
}

impl Callbacks {
    /// Takes the first answer whose state `is_expected`, and gives it to the receiver.
    pub fn new(is_expected: impl Fn(&str) -> bool + Send + Sync + 'static) -> (Self, oneshot::Receiver<Callback>) {
        let (sender, receiver) = oneshot::channel();
        (Self { is_expected: Box::new(is_expected), waiting: Mutex::new(Some(sender)) }, receiver)
    }

    /// One request, and the page the person sees.
    pub fn receive(&self, method: &Method, uri: &Uri) -> Response<String> {
        if uri.path() != PATH {
            return page(StatusCode::NOT_FOUND, "There is nothing here.");
        }
        if method != Method::GET {
            return page(StatusCode::METHOD_NOT_ALLOWED, "This address is for a browser on its way back from HubSpot.");
        }
        let query = uri.query().unwrap_or_default();
        if query.len() > MAX_QUERY_BYTES {
            return page(StatusCode::URI_TOO_LONG, "That is too long.");
        }
        if !only(query, "state").is_some_and(|state| (self.is_expected)(&state)) {
            tracing::warn!("refused an answer that does not belong to this question: its state is missing or wrong");
            let text =
                "This is not the answer that is waited for. Nothing was done with it: open the link in the terminal.";
            return page(StatusCode::BAD_REQUEST, text);
        }
        let callback = read(query);
        let text = match &callback {
            Callback::Code(_) => {
                "HubSpot's answer has arrived. What came of it is said in the terminal; close this page."
            }
            Callback::Refused(_) => "HubSpot says that no consent was given. Nothing was changed; close this page.",
            Callback::Unusable => "HubSpot's answer cannot be used. Nothing was changed; close this page.",
        };
        let waiting = lock(&self.waiting).take();
        match waiting.map(|waiting| waiting.send(callback)) {
            Some(Ok(())) => page(StatusCode::OK, text),
            Some(Err(_)) | None => {
                page(StatusCode::GONE, "An answer is here already, or nobody waits for one any more.")
            }
        }
    }
}

impl fmt::Debug for Callbacks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Callbacks")
    }
}

fn read(query: &str) -> Callback {
    // An error is an error, whatever comes with it.
    if let Some(error) = only(query, "error") {
        let is_word =
            (1..=40).contains(&error.len()) && error.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        return if is_word { Callback::Refused(error) } else { Callback::Unusable };
    }
    only(query, "code").and_then(|code| Secret::new(code).ok()).map_or(Callback::Unusable, Callback::Code)
}

/// The value of a parameter that is there once.
fn only(query: &str, name: &str) -> Option<String> {
    let mut values = form_urlencoded::parse(query.as_bytes()).filter(|(key, _)| key == name).map(|(_, value)| value);
    let first = values.next()?;
    values.next().is_none().then(|| first.into_owned())
}

/// A page that loads nothing, is kept nowhere and tells nobody where it is.
fn page(status: StatusCode, text: &str) -> Response<String> {
    let headers = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
        (header::CONNECTION, "close"),
    ];
    let mut response = Response::new(format!("{text}\n"));
    *response.status_mut() = status;
    response.headers_mut().extend(headers.map(|(name, value)| (name, header::HeaderValue::from_static(value))));
    response
}

/// The loopback addresses a browser may take `localhost` for, on this port; 0 picks a free one. The port is the second value.
pub async fn listen(port: u16) -> io::Result<(Vec<TcpListener>, u16)> {
    let four = TcpListener::bind(("127.0.0.1", port)).await?;
    let port = four.local_addr()?.port();
    match TcpListener::bind(("::1", port)).await {
        Ok(six) => Ok((vec![four, six], port)),
        // Somebody else there would hear what is meant for us.
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => Err(error),
        // No IPv6 here: then no browser uses it either.
        Err(_) => Ok((vec![four], port)),
    }
}

/// Serves until `stop`.
pub async fn serve(listeners: Vec<TcpListener>, callbacks: Arc<Callbacks>, stop: CancellationToken) -> io::Result<()> {
    let answer = move |request: Request| {
        let callbacks = Arc::clone(&callbacks);
        // The body is not even read.
        async move { callbacks.receive(request.method(), request.uri()) }
    };
    let router = Router::new().fallback(answer);
    let servers = listeners.into_iter().map(|listener| {
        let listener = Bounded::new(listener, MAX_CONNECTIONS, IDLE);
        axum::serve(listener, router.clone()).with_graceful_shutdown(stop.clone().cancelled_owned()).into_future()
    });
    let patience = async {
        stop.cancelled().await;
        time::sleep(DRAIN).await;
    };
    tokio::select! {
        result = try_join_all(servers) => result.map(drop),
        () = patience => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receive(callbacks: &Callbacks, method: &str, uri: &str) -> (u16, String) {
        let response = callbacks.receive(&method.parse().unwrap(), &uri.parse().unwrap());
        (response.status().as_u16(), response.into_body())
    }

    #[tokio::test]
    async fn takes_one_answer_and_refuses_everything_else() {
        let (callbacks, mut answer) = Callbacks::new(|state| state == "right");
        let long = format!("/callback?state=right&code={}", "x".repeat(MAX_QUERY_BYTES));
        for (method, uri, status) in [
            ("GET", "/", 404),
            ("GET", "/callback/?state=right&code=c", 404),
            ("POST", "/callback?state=right&code=c", 405),
            ("HEAD", "/callback?state=right&code=c", 405),
            ("GET", "/callback", 400),
            ("GET", "/callback?code=c", 400),
            ("GET", "/callback?state=wrong&code=canary", 400),
            ("GET", "/callback?state=wrong&error=access_denied", 400),
            ("GET", "/callback?state=right&state=right&code=c", 400),
            ("GET", &long, 414),
        ] {
            let (answered, text) = receive(&callbacks, method, uri);
            assert_eq!(answered, status, "{method} {uri}");
            assert!(!text.contains("canary") && !text.contains("right"), "{text}");
            assert!(answer.try_recv().is_err(), "{method} {uri}");
        }
        let (status, text) = receive(&callbacks, "GET", "/callback?state=right&code=na1-canary%2D1");
        assert_eq!(status, 200);
        assert!(!text.contains("canary"), "{text}");
        let Ok(Callback::Code(code)) = answer.try_recv() else { panic!("no code") };
        assert_eq!(code.expose(), "na1-canary-1");
        assert_eq!(receive(&callbacks, "GET", "/callback?state=right&code=c").0, 410);
    }

    #[tokio::test]
    async fn a_port_that_somebody_has_is_not_shared() {
        let (listeners, port) = listen(0).await.unwrap();
        assert!(listeners.iter().all(|listener| listener.local_addr().unwrap().ip().is_loopback()));
        assert_eq!(listen(port).await.unwrap_err().kind(), io::ErrorKind::AddrInUse);
        // Not even half of it.
        let mut listeners = listeners.into_iter();
        drop(listeners.next());
        if let Some(six) = listeners.next() {
            assert_eq!(listen(port).await.unwrap_err().kind(), io::ErrorKind::AddrInUse);
            drop(six);
        }
    }

    #[test]
    fn says_what_there_is_instead_of_a_code() {
        let told = |query: &str| match read(query) {
            Callback::Code(_) => "code".to_owned(),
            Callback::Refused(word) => word,
            Callback::Unusable => "unusable".to_owned(),
        };
        for (query, expected) in [
            ("code=c", "code"),
            ("error=access_denied&error_description=no", "access_denied"),
            ("error=access_denied&code=c", "access_denied"),
            ("error=%1b[31mred", "unusable"),
            ("error=", "unusable"),
            ("", "unusable"),
            ("code=", "unusable"),
            ("code=a%20b", "unusable"),
            ("code=a&code=b", "unusable"),
        ] {
            assert_eq!(told(query), expected, "{query}");
        }
    }
}
