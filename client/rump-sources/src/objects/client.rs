//! The requests of `object_store`, made by the client that HTTP has. A call blocks.
//!
//! What is no success is an error with the words of the server (`Code` and `Message`, which all three kinds of stores write in XML),
//! and with nothing else of its answer or of what was asked: there may be signatures in it. Redirections are not followed, for the
//! same reason. No answer is longer than what was asked for, or than [`ANSWER`].

use crate::agent::{Failure, Transport, configure};
use async_trait::async_trait;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService,
};
use object_store::{ClientConfigKey, ClientOptions};
use rump_kpi::Errno;
use std::fmt;
use std::time::{Duration, Instant};
use ureq::http::header::{ACCEPT_ENCODING, CONTENT_LENGTH, HeaderValue, RANGE};
use ureq::http::{Method, Request, Response, StatusCode, Uri};
use ureq::{Agent, AsSendBody, Body};

/// The longest answer that is no range, in bytes.
const ANSWER: usize = 1 << 20;

/// What a request for a range of an object carries with it.
#[derive(Clone, Copy, Debug)]
pub struct Fetch {
    /// When its answer has to be there.
    pub deadline: Instant,
    /// The longest range.
    pub len: usize,
}

/// Who was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// The store, for a range.
    Store,
    /// Who gives credentials for that.
    Others,
}

/// Why there is no answer that is a success.
#[derive(Debug)]
pub struct NoAnswer {
    /// That of an answer which is none.
    pub status: Option<u16>,
    /// Who gave it.
    pub asked: Asked,
    /// Why.
    pub failure: Failure,
}

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.failure.fmt(f)
    }
}

impl std::error::Error for NoAnswer {}

/// Makes clients.
#[derive(Debug)]
pub struct Connector {
    /// How long who gives credentials may take for an answer.
    pub limit: Duration,
}

impl HttpConnector for Connector {
    /// Of the options are heard whether TLS can be done without, and how long a connection may take. Proxies are the environment's.
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let option = |key| options.get_config_value(&key).unwrap_or_default().to_ascii_lowercase();
        let is_open = ["1", "true", "on", "yes", "y"].contains(&&*option(ClientConfigKey::AllowHttp));
        let connect =
            humantime::parse_duration(&option(ClientConfigKey::ConnectTimeout)).unwrap_or(self.limit);
        let transport = if is_open { Transport::Any } else { Transport::Tls };
        let agent = configure(transport, connect.min(self.limit)).max_redirects(0).build().new_agent();
        Ok(HttpClient::new(Client { agent, transport, limit: self.limit }))
    }
}

#[derive(Debug)]
struct Client {
    agent: Agent,
    transport: Transport,
    limit: Duration,
}

#[async_trait]
impl HttpService for Client {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        self.ask(request).map_err(|error| {
            // Who gives credentials is there, or is not.
            let is_passing =
                error.failure.is_passing && (error.asked == Asked::Store || error.status.is_some());
            let kind = if is_passing { HttpErrorKind::Interrupted } else { HttpErrorKind::Unknown };
            HttpError::new(kind, error)
        })
    }
}

impl Client {
    fn ask(&self, request: HttpRequest) -> Result<HttpResponse, NoAnswer> {
        let (mut parts, body) = request.into_parts();
        let fetch = parts.extensions.get::<Fetch>().copied();
        let asked = if fetch.is_some() { Asked::Store } else { Asked::Others };
        let server = parts.uri.host().unwrap_or_default().to_owned();
        let failed = |status: Option<u16>, mut failure: Failure| {
            if asked == Asked::Others {
                failure.what = format!("{server}: {}", failure.what);
            }
            NoAnswer { status, asked, failure }
        };
        if self.transport == Transport::Tls && !is_tls(&parts.uri) {
            let what = "the environment names a server without TLS, and does not allow that (AWS_ALLOW_HTTP=true, or AZURE_, GOOGLE_)";
            let failure = Failure { errno: Errno::EACCES, is_passing: false, what: what.into() };
            return Err(failed(None, failure));
        }
        let left = fetch.map_or(self.limit, |fetch| fetch.deadline.saturating_duration_since(Instant::now()));
        let (is_range, method) = (parts.headers.contains_key(RANGE), parts.method.clone());
        parts.headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let answer = if matches!(method, Method::GET | Method::HEAD) {
            parts.headers.remove(CONTENT_LENGTH);
            run(&self.agent, Request::from_parts(parts, ()), left)
        } else {
            let bytes = body.as_bytes().map(|bytes| bytes.to_vec()).unwrap_or_default();
            run(&self.agent, Request::from_parts(parts, bytes), left)
        };
        let (parts, mut body) = answer.map_err(|error| failed(None, error.into()))?.into_parts();
        if is_range && parts.status == StatusCode::OK {
            let what = "the server gives the whole object only, no ranges of it".into();
            return Err(failed(None, Failure { errno: Errno::ENOTSUP, is_passing: false, what }));
        }
        let most = fetch.filter(|_| parts.status.is_success()).map_or(ANSWER, |fetch| fetch.len);
        let bytes = body.with_config().limit(most as u64).read_to_vec();
        // That which has no tokens, and is asked again without, says so by this.
        let is_without = asked == Asked::Others && method == Method::PUT && parts.status == 403;
        if parts.status.is_success() || is_without {
            let bytes = bytes.map_err(|error| failed(None, error.into()))?;
            return Ok(HttpResponse::from_parts(parts, bytes.into()));
        }
        let failure = refused(parts.status, &String::from_utf8_lossy(&bytes.unwrap_or_default()));
        Err(failed(Some(parts.status.as_u16()), failure))
    }
}

fn is_tls(uri: &Uri) -> bool {
    uri.scheme_str() == Some("https")
}

fn run<B: AsSendBody>(
    agent: &Agent,
    request: Request<B>,
    left: Duration,
) -> Result<Response<Body>, ureq::Error> {
    let left = left.max(Duration::from_millis(1));
    agent.run(agent.configure_request(request).timeout_global(Some(left)).build())
}

/// What a server says that gives nothing.
fn refused(status: StatusCode, text: &str) -> Failure {
    let errno = match status {
        StatusCode::NOT_FOUND | StatusCode::GONE => Errno::ENOENT,
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Errno::EACCES,
        _ => Errno::EIO,
    };
    let is_passing = status.is_server_error()
        || matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS);
    let mut what = format!("the server answers {status}");
    for name in ["Code", "Message"] {
        if let Some(said) = element(text, name) {
            what = format!("{what}: {said}");
        }
    }
    if status.is_redirection() {
        what = format!("{what}; objects are read where the environment says: the region may be another one");
    }
    Failure { errno, is_passing, what }
}

/// The text of the first element of a name.
fn element<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>")).map(|(said, _)| said)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_servers_say_is_told_and_nothing_else_of_their_answers() {
        let text = "<?xml version=\"1.0\"?><Error><Code>SignatureDoesNotMatch</Code><Message>Wrong.</Message>\
            <StringToSign>secret</StringToSign></Error>";
        let failure = refused(StatusCode::FORBIDDEN, text);
        assert_eq!(failure.what, "the server answers 403 Forbidden: SignatureDoesNotMatch: Wrong.");
        assert_eq!((failure.errno, failure.is_passing), (Errno::EACCES, false));
        let failure = refused(StatusCode::SERVICE_UNAVAILABLE, "<Code>");
        assert_eq!(failure.what, "the server answers 503 Service Unavailable");
        assert!(failure.is_passing);
    }
}
