//! What asks servers of HTTP: HTTP/1.1, and TLS by rustls with ring, of those whom the host trusts.

use rump_kpi::Errno;
use rustls::crypto::ring;
use std::fmt;
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;
use ureq::Agent;
use ureq::config::ConfigBuilder;
use ureq::tls::{RootCerts, TlsConfig};
use ureq::typestate::AgentScope;

/// How much the first request asks for, in bytes.
pub const BEGIN: usize = 64 << 10;
/// How often in a row an attempt may fail.
pub const ATTEMPTS: u32 = 5;
/// How long the first pause is.
pub const PAUSE: Duration = Duration::from_millis(100);

/// Whether what is asked may go without TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// With TLS alone: what is told over it does not lead to where others read along.
    Tls,
    /// With it or without.
    Any,
}

/// An agent that answers with whatever status a server gives, and waits this long for a connection.
pub fn configure(transport: Transport, connect: Duration) -> ConfigBuilder<AgentScope> {
    let tls = TlsConfig::builder()
        .root_certs(RootCerts::PlatformVerifier)
        .unversioned_rustls_crypto_provider(Arc::new(ring::default_provider()))
        .build();
    Agent::config_builder()
        .tls_config(tls)
        .http_status_as_error(false)
        .https_only(transport == Transport::Tls)
        .user_agent(concat!("rump/", env!("CARGO_PKG_VERSION")))
        .timeout_connect(Some(connect))
}

/// Why there is no answer, or not all of it.
#[derive(Debug)]
pub struct Failure {
    /// What the system would say.
    pub errno: Errno,
    /// Whether another attempt may do better.
    pub is_passing: bool,
    /// In words, without the URL.
    pub what: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for Failure {}

impl From<ureq::Error> for Failure {
    fn from(error: ureq::Error) -> Self {
        let passing = |errno, what: String| Self { errno, is_passing: true, what };
        let lasting = |errno, what: String| Self { errno, is_passing: false, what };
        match error {
            ureq::Error::Io(error) if error.kind() == ErrorKind::InvalidData => {
                lasting(Errno::EIO, error.to_string())
            }
            ureq::Error::Io(error) if error.kind() == ErrorKind::ConnectionRefused => {
                lasting(Errno::ECONNREFUSED, "connection refused".into())
            }
            ureq::Error::Io(error) => passing(Errno::EIO, error.to_string()),
            ureq::Error::Timeout(_) => passing(Errno::ETIMEDOUT, "no answer in time".into()),
            ureq::Error::ConnectionFailed => passing(Errno::EIO, "connecting failed".into()),
            ureq::Error::HostNotFound => lasting(Errno::EHOSTUNREACH, "no such server".into()),
            ureq::Error::RequireHttpsOnly(_) => {
                lasting(Errno::EACCES, "the server leads away from TLS".into())
            }
            error => lasting(Errno::EIO, error.to_string()),
        }
    }
}
