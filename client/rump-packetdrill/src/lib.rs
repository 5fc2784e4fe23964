//! Dialogues of packets and system calls with a rump kernel, in packetdrill's language.
//!
//! A script says which system calls a program does, which packets come, and which packets are expected when. [`parse`]
//! reads it; [`run`] boots a kernel of its own for it, whose clock is the script's and whose only wire ends in the
//! script. Nothing of the host is touched, and the same script gives the same result each time.
//!
//! ```
//! let script = rump_packetdrill::parse(
//!     "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
//!     +0 bind(3, ..., ...) = 0
//!     +0 listen(3, 1) = 0
//!     +0 < S 0:0(0) win 1000 <mss 1000>
//!     +0 > S. 0:0(0) ack 1 <mss 1460>",
//! )?;
//! let report = rump_packetdrill::run(&script, &rump_packetdrill::Settings::default());
//! assert_eq!(report.verdict, rump_packetdrill::Verdict::Passed);
//! # Ok::<(), rump_packetdrill::SyntaxError>(())
//! ```
//!
//! Scripts are hostile input: whatever they say, the answer is a verdict.
#![forbid(unsafe_code)]

mod code;
mod conversation;
mod dialogue;
mod icmp;
mod lexer;
mod parser;
mod report;
mod run;
pub mod script;
mod settings;
mod symbols;
mod tunnel;
mod wire;

pub use lexer::SyntaxError;
pub use parser::parse;
pub use report::{Failure, Report, Verdict};
pub use run::run;
pub use settings::{Ignored, IpVersion, SettingError, Settings};
